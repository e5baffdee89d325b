/** Adds what is known of the customer to each order: a stream joined with a table. */
import { app, f64, record, text, topic } from 'millrace'

const Order = record({ id: text, customer: text, total: f64 })
const Customer = record({ name: text, city: text })
const Bill = record({ id: text, name: text, city: text, total: f64 })
const orders = topic('orders', { key: text, value: Order })
const customers = topic('customers', { key: text, value: Customer, cleanup: 'compact' })
const bills = topic('bills', { key: text, value: Bill })

export default app('billing').task('bills', ({ read, table }) =>
  read(orders)
    .keyBy(order => order.customer)
    .join(table(customers), ({ id, total }, { name, city }) => ({ id, name, city, total }))
    .write(bills))
