/** Planted: Flink's default transaction timeout of an hour. */
import { app, text, topic } from 'millrace'
import { external } from 'millrace/engines'

const orders = topic('cli.orders', { key: text, value: text, partitions: 2 })
const bills = topic('cli.bills', { key: text, value: text, partitions: 2 })

export default app('cli').task('flink', { on: external(), reads: [orders], writes: [bills], guarantee: 'exactlyOnce', transactionTimeoutMs: 3_600_000 })
