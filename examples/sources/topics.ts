/** What the sources write and the task reads. */
import { f64, record, text, topic } from 'millrace'

const Order = record({ id: text, total: f64 })
export const orders = topic('counter.orders', { key: text, value: Order, partitions: 4 })
export const totals = topic('counter.totals', { key: text, value: f64 })
