/** A real Flink SQL job between two tasks of ours, killed and recounted: `examples/linked/flink.ts`. More in `test/long`. */
import { test } from 'node:test'
import { chainOf, onKafka } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines', 'python')

test('a Flink SQL job, its task manager and its job manager killed like the tasks before it, on Apache Kafka', () => onKafka(async bootstrap => {
  await linkedKills({ ...chainOf('flink'), bootstrap, kills: ['count-taskmanager', 'tasks-1', 'count-jobmanager'] })
}))
