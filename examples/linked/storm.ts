/**
 * A Storm topology between two tasks of ours. Storm delivers at least once: a kill of it makes it write some clicks again, and `once` takes those out by their id.
 *
 *   millrace engines install storm
 *   millrace start dist/examples/linked/storm.js
 *
 * LINKED_GUARANTEE=atLeastOnce takes the `distinct` out, to see what a kill then does. LINKED_NIMBUS=localhost:6627 hands the topology to the Storm cluster there,
 * from the jar that LINKED_JAR names: CountClicksStorm compiled, and what the cluster's workers do not have of what it uses.
 */
import { fileURLToPath } from 'node:url'
import { app, int64, record, text, topic } from 'millrace'
import { storm } from 'millrace/engines'

const Click = record({ id: text, seq: int64 })
const Counted = record({ id: text, seq: int64, count: int64 })

export const clicks = topic('linked.clicks', { key: text, value: Click, partitions: 4 })
export const clean = topic('linked.clean', { key: text, value: Click, partitions: 4 })
export const raw = topic('linked.raw', { key: text, value: Counted, partitions: 4 })
export const counted = topic('linked.counted', { key: text, value: Counted, partitions: 4 })

// From dist/examples/linked, where this runs, to the source.
const source = fileURLToPath(new URL('../../../examples/linked/CountClicksStorm.java', import.meta.url))

const nimbus = process.env['LINKED_NIMBUS']
const topology = nimbus === undefined
  ? storm({ source, javaOptions: ['-Xmx384m'] })
  : storm({ jar: process.env['LINKED_JAR'] ?? 'count-clicks.jar', mainClass: 'CountClicksStorm', cluster: { nimbus } })
const guarded = process.env['LINKED_GUARANTEE'] !== 'atLeastOnce'

export default app('linked')
  .task('clean', ({ read }) => read(clicks).filter(click => click.id !== '').write(clean))
  .task('count', { on: topology, reads: [clean], writes: [raw], duplicates: guarded ? { removedBy: 'once' } : 'tolerated' })
  .task('once', ({ read }) => (guarded ? read(raw).distinct({ by: click => click.id, within: '1 hour' }) : read(raw)).write(counted))
