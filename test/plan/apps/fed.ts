/** Two tasks in a row, for a test that leaves a transaction of the first one open. */
import { app, text, topic } from 'millrace'

const lines = topic('cli.lines', { key: text, value: text, partitions: 2 })
const orders = topic('cli.orders', { key: text, value: text, partitions: 2 })
const bills = topic('cli.bills', { key: text, value: text, partitions: 2 })

export default app('cli').task('feed', ({ read }) => read(lines).write(orders)).task('bill', ({ read }) => read(orders).write(bills))
