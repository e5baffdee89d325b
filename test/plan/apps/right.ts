/** An app without a broken contract, for `millrace plan` as a user runs it. */
import { app, text, topic } from 'millrace'

const orders = topic('cli.orders', { key: text, value: text, partitions: 2 })
const bills = topic('cli.bills', { key: text, value: text, partitions: 2, retention: '1 day' })

export default app('cli').task('bill', ({ read }) => read(orders).write(bills))
