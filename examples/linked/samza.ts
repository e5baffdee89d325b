/**
 * A Samza task between two tasks of ours. Samza delivers at least once: a kill of it makes it write some clicks again, and `once` takes those out by their id.
 * Samza puts a key into another partition than Kafka's Java client does. `once` does not mind, since a key's records are in one partition all the same; a join with
 * another topic would, and `millrace plan` would say so.
 *
 *   millrace engines install samza
 *   millrace start dist/examples/linked/samza.js
 *
 * LINKED_GUARANTEE=atLeastOnce takes the `distinct` out, to see what a kill then does. LINKED_ZOOKEEPER=localhost:2181 names a ZooKeeper that runs: three JVMs share the
 * partitions by it, and where one is killed the others take over what it had.
 */
import { fileURLToPath } from 'node:url'
import { app, int64, record, text, topic } from 'millrace'
import { samza } from 'millrace/engines'

const Click = record({ id: text, seq: int64 })
const Counted = record({ id: text, seq: int64, count: int64 })

export const clicks = topic('linked.clicks', { key: text, value: Click, partitions: 4 })
export const clean = topic('linked.clean', { key: text, value: Click, partitions: 4 })
export const raw = topic('linked.raw', { key: text, value: Counted, partitions: 4 })
export const counted = topic('linked.counted', { key: text, value: Counted, partitions: 4 })

// From dist/examples/linked, where this runs, to the source.
const source = fileURLToPath(new URL('../../../examples/linked/CountClicksSamza.java', import.meta.url))

const zookeeper = process.env['LINKED_ZOOKEEPER']
const guarded = process.env['LINKED_GUARANTEE'] !== 'atLeastOnce'

export default app('linked')
  .task('clean', ({ read }) => read(clicks).filter(click => click.id !== '').write(clean))
  .task('count', { on: samza(zookeeper === undefined ? { source } : { source, zookeeper, instances: 3 }), reads: [clean], writes: [raw], duplicates: guarded ? { removedBy: 'once' } : 'tolerated' })
  .task('once', ({ read }) => (guarded ? read(raw).distinct({ by: click => click.id, within: '1 hour' }) : read(raw)).write(counted))
