/**
 * The jobs in Millrace as its guide teaches: closures over a declared record. Default settings but for what the comparison fixes.
 *
 * The app is a module of its own, because worker threads load it by themselves; `start.ts` runs it.
 */
import { app, int64, record, text, topic } from 'millrace'
import { setting } from './setting.ts'

const Event = record({ type: text, shopper: text, item: text, price: int64, at: int64 })
const Order = record({ item: text, price: int64, at: int64 })
const Session = record({ shopper: text, from: int64, to: int64, count: int64 })
const Count = record({ item: text, from: int64, count: int64 })

const Shopper = record({ shopper: text, tier: text, country: text })
const Joined = record({ shopper: text, tier: text, item: text, price: int64, at: int64 })

const events = topic(setting.input, { key: text, value: Event, time: 'at', partitions: setting.partitions })
const orders = topic(setting.output, { key: text, value: Order, partitions: setting.partitions })
const sessions = topic(setting.output, { key: text, value: Session, partitions: setting.partitions })
const counts = topic(setting.output, { key: text, value: Count, partitions: setting.partitions })
const shoppers = topic(setting.table, { key: text, value: Shopper, cleanup: 'compact', partitions: setting.partitions })
const joined = topic(setting.output, { key: text, value: Joined, partitions: setting.partitions })

// Grace: in catch-up partitions are minutes of event time apart, and nothing may be dropped.
const window = setting.emission === 'final' ? { grace: `${setting.graceMs} ms`, emit: 'final' } as const : { grace: '24 hours', emit: 'updates' } as const

export default app(setting.name).task(setting.job, ({ read, table }) => {
  if (setting.job === 'rekey') {
    read(events)
      .filter(event => event.type !== 'view')
      .map(event => ({ item: event.item, price: event.price, at: event.at }))
      .write(orders, { key: order => order.item })
  } else if (setting.job === 'sessions') {
    read(events, { fields: ['shopper'] })
      .window({ session: '60 seconds', grace: '2 seconds', emit: 'final' })
      .count('per-visit')
      .map((count, { key, window }) => ({ shopper: key, from: window.start, to: window.end, count }))
      .write(sessions, { key: row => row.shopper })
  } else if (setting.job === 'join') {
    read(events)
      .join(table(shoppers), ({ shopper, item, price, at }, { tier }) => ({ shopper, tier, item, price, at }))
      .write(joined, { key: row => row.shopper })
  } else {
    read(events, { fields: ['item'] })
      .keyBy(event => event.item)
      .window({ tumbling: '1 minute', ...window })
      .count('per-minute')
      .map((count, { key, window }) => ({ item: key, from: window.start, count }))
      .write(counts, { key: row => row.item })
  }
})
