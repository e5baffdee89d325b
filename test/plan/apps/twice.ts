/** Planted: one topic, declared twice with different schemas. */
import { app, int64, record, text, topic } from 'millrace'

const orders = topic('cli.orders', { key: text, value: text })
const bills = topic('cli.bills', { key: text, value: record({ id: text }) })
const others = topic('cli.bills', { key: text, value: record({ id: text, total: int64 }) })

export default app('cli').task('bill', ({ read }) => read(orders).map(id => ({ id })).write(bills))
  .task('mail', ({ read }) => read(others).map(bill => bill.id).write(orders))
