/**
 * Millrace → Flink → Millrace on three brokers of Apache Kafka, everything killed and recounted: `examples/linked/flink.ts`. More in `test/long`.
 *
 * It is CI's ledger over kills of brokers as well: tasks of ours stand before and behind Flink, and the one behind keeps state.
 */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { chainOf, onThreeBrokers } from '../../support/linked-chains.ts'
import { type BrokerKill, linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines', 'python')

/** Each broker alone, each with another one, all three; ours, the task manager and the job manager die while brokers come back. */
const ROUNDS: readonly BrokerKill[] = [
  { brokers: [1], meanwhile: ['count-taskmanager', 'tasks-1'] }, { brokers: [2, 3], meanwhile: ['tasks-2'] }, { brokers: [2], meanwhile: ['tasks-1', 'count-jobmanager'] },
  { brokers: [3, 1], meanwhile: ['count-taskmanager'] }, { brokers: [3], meanwhile: ['tasks-2', 'tasks-1'] }, { brokers: [1, 2, 3], meanwhile: ['tasks-2', 'count-taskmanager'] },
]

test('Millrace → Flink → Millrace on three Kafka brokers, ten kills of brokers and ten of tasks, task manager and job manager at random moments: two verifiers find every click once on every hop, and both counts right', () => onThreeBrokers(async kafka => {
  assert.deepEqual([ROUNDS.flatMap(round => round.brokers).length, ROUNDS.flatMap(round => round.meanwhile ?? []).length], [10, 10])
  // Their JVMs live too short to be optimised.
  await linkedKills({ ...chainOf('flink'), bootstrap: kafka.bootstrap, brokers: kafka.brokers, kills: ROUNDS, seed: 1, env: { JDK_JAVA_OPTIONS: '-XX:TieredStopAtLevel=1' } })
}))
