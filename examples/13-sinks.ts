/**
 * Results beside Kafka: sales of each shop and minute go to a table of PostgreSQL and to files, each exactly once; large ones to a service over HTTP, at least once, with an
 * Idempotency-Key. The offsets are kept with the rows, so kill anything at any time.
 */
import { app, f64, int64, record, text, topic } from 'millrace'
import { files, http, postgres } from 'millrace/sinks'

const Sale = record({ shop: text, amount: f64, at: int64 })
const sales = topic('till.sales', { key: text, value: Sale, time: 'at' })
const database = (): string => process.env['DATABASE_URL'] ?? 'postgres://localhost/shop'

export default app('till')
  .task('archive', ({ read }) =>
    read(sales).to(files({ directory: process.env['ARCHIVE'] ?? '/tmp/till', finishAfter: '10 minutes' })))
  .task('revenue', ({ read }) =>
    read(sales)
      .window({ tumbling: '1 minute', emit: 'final' })
      .aggregate('per-minute', { zero: () => 0, add: (sum, sale) => sum + sale.amount })
      .map((revenue, { key, window }) => ({ shop: key, minute: new Date(window.start).toISOString(), revenue }))
      .to(postgres({ connection: database, table: 'revenue', upsert: ['shop', 'minute'] })))
  .task('large', ({ read }) =>
    read(sales)
      .filter(sale => sale.amount > 1000)
      .to(http({ url: 'https://audit.example/large-sales', headers: () => ({ authorization: `Bearer ${process.env['AUDIT_TOKEN'] ?? ''}` }) })))
