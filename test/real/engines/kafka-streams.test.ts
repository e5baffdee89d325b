/** A real Kafka Streams application between two tasks of ours, killed and recounted: `examples/linked/kafka-streams.ts`. More in `test/long`. */
import { test } from 'node:test'
import { chainOf, onKafka } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines', 'python')

test('two instances of a Kafka Streams application, killed like the tasks before them, on Apache Kafka', () => onKafka(async bootstrap => {
  await linkedKills({ ...chainOf('kafka-streams'), bootstrap, kills: ['count-1', 'tasks-1', 'count-2'] })
}))
