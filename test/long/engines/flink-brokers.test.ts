/** Millrace → Flink → Millrace over kills of brokers, tasks and Flink's processes; the loop itself, and its command: `flink-broker-loop.ts`. */
import { test } from 'node:test'
import { need } from '../../support/need.ts'
import { flinkBrokerLoop, TURN } from './flink-broker-loop.ts'

need('kafka', 'engines', 'python')

test('Millrace → Flink → Millrace on three Kafka brokers, ten kills of brokers and ten of tasks, task managers and job managers: two verifiers find every click once on every hop, and both counts right', async () => {
  await flinkBrokerLoop(TURN, 1)
})
