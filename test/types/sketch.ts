/** The sketch of the design, as it must compile. */
import { app, f64, int64, record, text, topic, type Infer } from 'millrace'

const ShopEvent = record({ type: text, shopper: text, item: text, price: f64, at: int64 })
const Sales = record({ item: text, from: int64, count: int64, revenue: f64 })
export type ShopEvent = Infer<typeof ShopEvent>

export const events = topic('shop.events', { key: text, value: ShopEvent, time: e => e.at, partitions: 8 })
export const sales = topic('shop.sales', { key: text, value: Sales })

export default app('shop')
  .task('sales', ({ read }) =>
    read(events)
      .filter(e => e.type === 'purchase')
      .keyBy(e => e.item)
      .window({ tumbling: '1 minute', grace: '10 seconds' })
      .aggregate('per-minute', { zero: () => ({ count: 0, revenue: 0 }), add: (sum, e) => ({ count: sum.count + 1, revenue: sum.revenue + e.price }) })
      .map((sum, { key, window }) => ({ item: key, from: window.start, ...sum }))
      .write(sales, { key: row => `${row.item}@${row.from}` }))
