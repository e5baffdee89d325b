/**
 * A Kafka Streams application between two tasks of ours: clicks are cleaned here, counted per shopper there, and watched here again.
 *
 *   millrace engines install kafka-streams
 *   millrace start dist/examples/linked/kafka-streams.js
 */
import { fileURLToPath } from 'node:url'
import { app, int64, record, text, topic } from 'millrace'
import { kafkaStreams } from 'millrace/engines'

const Click = record({ id: text, seq: int64 })
const Counted = record({ id: text, seq: int64, count: int64 })

export const clicks = topic('linked.clicks', { key: text, value: Click, partitions: 4 })
export const clean = topic('linked.clean', { key: text, value: Click, partitions: 4 })
export const counted = topic('linked.counted', { key: text, value: Counted, partitions: 4 })
export const milestones = topic('linked.milestones', { key: text, value: Counted, partitions: 4 })

// From dist/examples/linked, where this runs, to the source.
const source = fileURLToPath(new URL('../../../examples/linked/CountClicks.java', import.meta.url))

// Without it a kill doubles what was written since the last commit: for those who want to see the ledger turn red.
const guard = process.env['LINKED_GUARANTEE'] !== 'atLeastOnce'

export default app('linked')
  .task('clean', ({ read }) => read(clicks).filter(click => click.id !== '').write(clean))
  .task('count', { on: kafkaStreams({ source, instances: 2, config: guard ? {} : { 'commit.interval.ms': '2000' } }), reads: [clean], writes: [counted], guarantee: guard ? 'exactlyOnce' : 'atLeastOnce' })
  .task('milestones', ({ read }) => read(counted).filter(click => click.count % 100 === 0).write(milestones))
