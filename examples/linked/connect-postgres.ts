/**
 * Rows of a table become records, a task of ours makes bills of them, and the bills become rows of another table: Kafka Connect at both ends of PostgreSQL.
 *
 *   millrace engines install connect
 *   psql -c 'CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, cents bigint NOT NULL)'
 *   LINKED_POSTGRES=127.0.0.1:5432/postgres LINKED_USER=postgres millrace start dist/examples/linked/connect-postgres.js
 *
 * The server needs wal_level=logical. Debezium's source reads its log, exactly once; its JDBC sink writes again what a kill left uncertain, under the same
 * primary key: the table is right all the same. Connect keeps these settings as text in a topic, so the password has no place here (`config.providers`).
 */
import { app, int64, json, optional, record, text, topic } from 'millrace'
import { connect } from 'millrace/engines'

const Order = record({ id: int64, customer: text, cents: int64 })
interface Bill { readonly id: number; readonly customer: string; readonly total: number }

// The JDBC sink makes columns of a schema, which travels with each record.
const field = (name: keyof Bill, type: 'int64' | 'string' | 'double'): object => ({ field: name, type, optional: false })
const SCHEMA = { type: 'struct', optional: false, fields: [field('id', 'int64'), field('customer', 'string'), field('total', 'double')] }

// A source names its topics: <topic.prefix>.<schema>.<table>.
export const orders = topic('billing.public.orders', { key: optional(text), value: Order, partitions: 2 })
export const bills = topic('billing.bills', { key: text, value: json<{ readonly schema: typeof SCHEMA; readonly payload: Bill }>(), partitions: 2 })

const where = process.env['LINKED_POSTGRES'] ?? '127.0.0.1:5432/postgres'
const [, host = '', port = '', database = ''] = /^(.+):(\d+)\/(.+)$/.exec(where) ?? []
const user = process.env['LINKED_USER'] ?? 'postgres'

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter'
const plain = { 'key.converter': JSON_CONVERTER, 'key.converter.schemas.enable': 'false', 'value.converter': JSON_CONVERTER, 'value.converter.schemas.enable': 'false' }

const source = {
  'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', 'plugin.name': 'pgoutput', 'topic.prefix': 'billing', 'slot.name': 'billing',
  'database.hostname': host, 'database.port': port, 'database.dbname': database, 'database.user': user,
  'table.include.list': 'public.orders', 'publication.autocreate.mode': 'filtered', ...plain,
  // The row as it is now, without what it was before and where it stood in the log.
  transforms: 'row', 'transforms.row.type': 'io.debezium.transforms.ExtractNewRecordState', 'transforms.row.delete.tombstone.handling.mode': 'drop',
}
const sink = {
  'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector', topics: 'billing.bills', 'connection.url': `jdbc:postgresql://${where}`, 'connection.username': user, 'connection.password': '',
  'insert.mode': 'upsert', 'primary.key.mode': 'record_value', 'primary.key.fields': 'id', 'schema.evolution': 'basic', 'collection.name.format': 'bills',
  'value.converter': JSON_CONVERTER, 'value.converter.schemas.enable': 'true',
}

export default app('billing')
  .task('changes', { on: connect({ connectors: { orders: source } }), writes: [orders] })
  .task('bill', ({ read }) => read(orders)
    .map(({ id, customer, cents }) => ({ schema: SCHEMA, payload: { id, customer, total: cents / 100 } }))
    .write(bills, { key: bill => String(bill.payload.id) }))
  .task('table', { on: connect({ connectors: { bills: sink } }), reads: [bills] })
