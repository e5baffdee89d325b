/** Sales per item and minute; records up to ten seconds late still count. */
import { app, f64, int64, record, text, topic } from 'millrace'

const ShopEvent = record({ type: text, shopper: text, item: text, price: f64, at: int64 })
const Sales = record({ item: text, from: int64, count: int64, revenue: f64 })
const events = topic('shop.events', { key: text, value: ShopEvent, time: 'at', partitions: 8 })
const sales = topic('shop.sales', { key: text, value: Sales })

export default app('shop').task('sales', ({ read }) =>
  read(events)
    .filter(event => event.type === 'purchase')
    .keyBy(event => event.item)
    .window({ tumbling: '1 minute', grace: '10 seconds' })
    .aggregate('per-minute', {
      zero: () => ({ count: 0, revenue: 0 }),
      add: (sum, event) => ({ count: sum.count + 1, revenue: sum.revenue + event.price }),
    })
    .map((sum, { key, window }) => ({ item: key, from: window.start, ...sum }))
    .write(sales, { key: row => `${row.item}@${row.from}` }))
