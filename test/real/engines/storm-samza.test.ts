/**
 * A Storm topology and a Samza application between two tasks of ours, killed and recounted behind the task that removes their duplicates:
 * `examples/linked/storm.ts`, `examples/linked/samza.ts`. More in `test/long`.
 */
import { test } from 'node:test'
import { onKafka, repeatingChainOf } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines', 'python')

/** The duplicates of the last two kills are counted by processes that live on. */
const exactBehindDistinct = (engine: 'storm' | 'samza'): Promise<void> => onKafka(async bootstrap => {
  const { dropped } = await linkedKills({
    ...repeatingChainOf(engine), bootstrap, kills: ['tasks-1', 'count', 'count'], measured: 'count', drops: { task: 'once', why: 'distinct: duplicate' },
  })
  console.log(`${engine}: ${dropped} duplicates removed`)
})

test('a Storm topology, killed twice like the tasks around it: its duplicates are counted and removed behind it, and the result is exact, on Apache Kafka', () => exactBehindDistinct('storm'))
test('a Samza application, killed twice like the tasks around it: its duplicates are counted and removed behind it, and the result is exact, on Apache Kafka', () => exactBehindDistinct('samza'))
