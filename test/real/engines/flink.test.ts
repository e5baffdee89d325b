/** A real Flink SQL job between two tasks of ours, killed and recounted: `examples/linked/flink.ts`. More in `test/long`. */
import { test } from 'node:test'
import { chainOf, onThreeBrokers } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines', 'python')

test('a Flink SQL job, its task manager and its job manager killed like the tasks around it, and like brokers, on three brokers of Apache Kafka', () => onThreeBrokers(async kafka => {
  await linkedKills({ ...chainOf('flink'), bootstrap: kafka.bootstrap, kafka, kills: ['count-taskmanager', { brokers: [2], meanwhile: ['tasks-1'] }, 'count-jobmanager'], seed: 1 })
}))
