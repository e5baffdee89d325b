/** The README's app, compiled: test/readme.test.ts holds the two to each other. */
import { app, topic, record, text, f64, int64 } from 'millrace'

const Event = record({ type: text, item: text, price: f64, at: int64 })
const events = topic('shop.events', { key: text, value: Event, time: e => e.at, partitions: 8 })
const sales = topic('shop.sales', { key: text, value: record({ item: text, from: int64, count: int64 }) })

export default app('shop').task('sales', ({ read }) =>
  read(events).filter(e => e.type === 'purchase').keyBy(e => e.item)
    .window({ tumbling: '1 minute', grace: '10 seconds' }).count('per-minute')
    .map((count, { key, window }) => ({ item: key, from: window.start, count })).write(sales, { key: row => row.item }))
