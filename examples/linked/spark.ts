/**
 * A Spark job between tasks of ours: clicks are cleaned here, counted per shopper by Structured Streaming, and made exact here.
 *
 *   millrace engines install spark
 *   millrace start dist/examples/linked/spark.js
 *
 * Spark writes a batch again when its driver dies before the batch is committed. Each of its rows has an id that is the same then, in a header.
 */
import { fileURLToPath } from 'node:url'
import { app, int64, record, text, topic } from 'millrace'
import { spark } from 'millrace/engines'

const Click = record({ id: text, seq: int64 })
const Counted = record({ id: text, seq: int64, count: int64 })

export const clicks = topic('linked.clicks', { key: text, value: Click, partitions: 4 })
export const clean = topic('linked.clean', { key: text, value: Click, partitions: 4 })
export const written = topic('linked.written', { key: text, value: Counted, partitions: 4 })
export const counted = topic('linked.counted', { key: text, value: Counted, partitions: 4 })

// From dist/examples/linked, where this runs, to the source.
const source = fileURLToPath(new URL('../../../examples/linked/CountClicksSpark.java', import.meta.url))
// Without it a kill doubles what the last batch had written: for those who want to see the ledger turn red.
const guard = process.env['LINKED_GUARANTEE'] !== 'atLeastOnce'

export default app('linked')
  .task('clean', ({ read }) => read(clicks).filter(click => click.id !== '').write(clean))
  .task('count', { on: spark({ source, trigger: '500 ms' }), reads: [clean], writes: [written], duplicates: guard ? { removedBy: 'once' } : 'tolerated' })
  .task('once', ({ read }) => {
    const rows = read(written)
    const exact = guard ? rows.distinct({ within: '1 hour', by: (_row, { headers }) => headers.find(({ key }) => key === 'row')?.value?.toString() ?? '' }) : rows
    exact.write(counted)
  })
