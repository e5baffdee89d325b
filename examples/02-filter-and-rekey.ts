/** Keeps what matters and gives it another key: large orders, by customer. */
import { app, f64, record, text, topic } from 'millrace'

const Order = record({ id: text, customer: text, total: f64 })
const orders = topic('orders', { key: text, value: Order })
const largeOrders = topic('large-orders', { key: text, value: Order })

export default app('orders').task('large', ({ read }) =>
  read(orders)
    .filter(order => order.total > 100)
    .write(largeOrders, { key: order => order.customer }))
