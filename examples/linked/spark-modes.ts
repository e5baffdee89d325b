/**
 * One stream as Spark's unbounded table: every output mode and every trigger of Structured Streaming, in SQL and in Python.
 *
 *   millrace engines install spark spark-python
 *   millrace start dist/examples/linked/spark-modes.js
 *
 * Spark writes a batch again when its driver dies before the batch is committed: behind the tasks whose rows must count once stands 'exact'.
 */
import { fileURLToPath } from 'node:url'
import { app, int64, record, text, topic } from 'millrace'
import { spark } from 'millrace/engines'

const Click = record({ id: text, seq: int64 })
const Count = record({ count: int64 })
const Minute = record({ from: int64, count: int64 })

export const clicks = topic('modes.clicks', { key: text, value: Click, partitions: 4 })
export const totalsWritten = topic('modes.totals.written', { key: text, value: Count, partitions: 4 })
export const minutesWritten = topic('modes.minutes.written', { key: text, value: Minute, partitions: 4 })
export const pythonWritten = topic('modes.python.written', { key: text, value: Count, partitions: 4 })
export const totals = topic('modes.totals', { key: text, value: Count, partitions: 4 })
export const minutes = topic('modes.minutes', { key: text, value: Minute, partitions: 4 })
export const python = topic('modes.python', { key: text, value: Count, partitions: 4 })
export const board = topic('modes.board', { key: text, value: Count, partitions: 1 })
export const copied = topic('modes.copied', { key: text, value: Click, partitions: 4 })
export const quick = topic('modes.quick', { key: text, value: Click, partitions: 4 })

// From dist/examples/linked, where this runs, to the sources.
const file = (name: string): string => fileURLToPath(new URL(`../../../examples/linked/${name}`, import.meta.url))
/** The id that Spark's rows have, the same on a retry. */
const rowId = (headers: readonly { readonly key: string; readonly value: Buffer | null }[]): string => headers.find(({ key }) => key === 'row')?.value?.toString() ?? ''
const duplicates = { removedBy: 'exact' }

export default app('modes')
  // Rows that have changed, in batches of a second.
  .task('totals', { on: spark({ sql: file('totals.sql'), output: 'update', trigger: '1 second' }), reads: [clicks], writes: [totalsWritten], duplicates })
  // The same in Python.
  .task('python', { on: spark({ python: file('totals.py'), trigger: '1 second' }), reads: [clicks], writes: [pythonWritten], duplicates })
  // Rows that will not change any more: windows, once the watermark has passed them.
  .task('minutes', { on: spark({ sql: file('minutes.sql'), output: 'append', watermark: '2 seconds', trigger: '1 second' }), reads: [clicks], writes: [minutesWritten], duplicates })
  // The whole table, each time; reads what there is and ends. `millrace job start board` makes it anew.
  .task('board', { on: spark({ sql: file('board.sql'), output: 'complete', trigger: 'availableNow' }), reads: [clicks], writes: [board], duplicates: 'tolerated' })
  // One batch of all there is.
  .task('copied', { on: spark({ sql: file('copied.sql'), trigger: 'once' }), reads: [clicks], writes: [copied], duplicates: 'tolerated' })
  // No batches: each click within milliseconds, positions kept each second.
  .task('quick', { on: spark({ sql: file('copied.sql'), trigger: { continuous: '1 second' }, master: 'local[5]' }), reads: [clicks], writes: [quick], duplicates: 'tolerated' })
  .task('exact', ({ read }) => {
    read(totalsWritten).distinct({ name: 'totals', within: '1 hour', by: (_row, { headers }) => rowId(headers) }).write(totals)
    read(minutesWritten).distinct({ name: 'minutes', within: '1 hour', by: (_row, { headers }) => rowId(headers) }).write(minutes)
    read(pythonWritten).distinct({ name: 'python', within: '1 hour', by: (_row, { headers }) => rowId(headers) }).write(python)
  })
