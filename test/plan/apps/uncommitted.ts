/** Planted: a reader at read_uncommitted behind a writer with transactions. */
import { app, text, topic } from 'millrace'
import { process } from 'millrace/engines'

const orders = topic('cli.orders', { key: text, value: text, partitions: 2 })
const bills = topic('cli.bills', { key: text, value: text, partitions: 2 })

export default app('cli').task('bill', ({ read }) => read(orders).write(bills))
  .task('mail', { on: process({ command: 'mailer' }), reads: [bills], isolation: 'read_uncommitted' })
