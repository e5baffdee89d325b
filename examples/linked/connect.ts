/**
 * Lines of a file become records, a task of ours cleans them, and what is left becomes lines of another file: Kafka Connect at both ends.
 *
 *   millrace engines install connect
 *   echo '{"id":"e1","seq":1}' > lines.txt
 *   millrace start dist/examples/linked/connect.js        (append to lines.txt; read cleaned.txt)
 *
 * The source is exactly once: it writes a line and its position in the file in one transaction. A file knows no transactions: a kill of the sink may
 * write its last lines twice.
 */
import { resolve } from 'node:path'
import { app, int64, optional, record, text, topic } from 'millrace'
import { connect } from 'millrace/engines'

const Line = record({ id: text, seq: int64 })

// A line of a file has no key.
export const lines = topic('linked.lines', { key: optional(text), value: Line, partitions: 2 })
export const cleaned = topic('linked.cleaned', { key: text, value: Line, partitions: 2 })

const folder = process.env['LINKED_FILES'] ?? '.'
const file = (name: string): string => resolve(folder, name)

export default app('linked')
  .task('import', { on: connect({ connectors: { lines: { 'connector.class': 'FileStreamSource', file: file('lines.txt'), topic: 'linked.lines' } } }), writes: [lines] })
  .task('clean', ({ read }) => read(lines).filter(line => line.id !== '').write(cleaned, { key: line => line.id }))
  .task('export', { on: connect({ connectors: { lines: { 'connector.class': 'FileStreamSink', file: file('cleaned.txt'), topics: 'linked.cleaned' } } }), reads: [cleaned] })
