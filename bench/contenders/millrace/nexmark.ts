/**
 * Nexmark queries in Millrace as its guide teaches; bench/contenders/flink/NexmarkSql.java has the same ones in SQL, bench/reader/Nexmark.java as plain loops.
 *
 * Bids have their auction as key, auctions and persons their id. Final rows wait for `graceMs` of event time (bench/README.md says why); `q17` and `q18` write a row
 * again as it changes. Make them faster.
 */
import { app, type App, bool, int64, list, record, text, topic, type Infer, type Serde, type TaskTools } from 'millrace'
import { setting } from './setting.ts'

const { partitions } = setting
const Person = record({ id: int64, name: text, city: text, state: text, at: int64 })
const Auction = record({ id: int64, seller: int64, category: int64, at: int64 })
const Bid = record({ auction: int64, bidder: int64, price: int64, url: text, at: int64 })
export const persons = topic(`${setting.input}.person`, { key: text, value: Person, time: 'at', partitions })
export const auctions = topic(`${setting.input}.auction`, { key: text, value: Auction, time: 'at', partitions })
export const bids = topic(`${setting.input}.bid`, { key: text, value: Bid, time: 'at', partitions })

const BidRow = record({ auction: int64, bidder: int64, price: int64, at: int64 })
const Best = record({ price: int64, bids: list(BidRow) })
const Newcomer = record({ name: text, sells: bool })
const Stats = record({ total: int64, lowest: int64, highest: int64, sum: int64 })
const final = { grace: `${setting.graceMs} ms`, emit: 'final' } as const
const STATES = ['OR', 'ID', 'CA']
const CATEGORY = 10

const to = <V>(value: Serde<V>) => topic(setting.output, { key: text, value, partitions })
const rowOf = ({ auction, bidder, price, at }: Infer<typeof Bid>): Infer<typeof BidRow> => ({ auction, bidder, price, at })
/** Of two sets of best bids those with the higher price, or both. */
function best(left: Infer<typeof Best>, right: Infer<typeof Best>): Infer<typeof Best> {
  if (left.price !== right.price) return left.price > right.price ? left : right
  return { price: left.price, bids: [...left.bids, ...right.bids] }
}

const QUERIES: Readonly<Record<string, (tools: TaskTools) => void>> = {
  q0: ({ read }) => read(bids).map(rowOf).write(to(BidRow), { key: row => String(row.auction) }),
  q1: ({ read }) => read(bids).map(bid => ({ ...rowOf(bid), price: bid.price * 908 })).write(to(BidRow), { key: row => String(row.auction) }),
  q2: ({ read }) => read(bids).filter(bid => bid.auction % 123 === 0).map(({ auction, price, at }) => ({ auction, price, at }))
    .write(to(record({ auction: int64, price: int64, at: int64 })), { key: row => String(row.auction) }),
  q3: ({ read, table }) => read(auctions).filter(auction => auction.category === CATEGORY).keyBy(auction => String(auction.seller))
    .join(table(persons).filter(person => STATES.includes(person.state)), ({ id, at }, { name, city, state }) => ({ name, city, state, auction: id, at }))
    .write(to(record({ name: text, city: text, state: text, auction: int64, at: int64 })), { key: row => String(row.auction) }),
  q7: ({ read }) => read(bids).map(rowOf).keyBy(() => 'all').window({ tumbling: '10 seconds', ...final })
    .aggregate({ zero: () => ({ price: -1, bids: [] as Infer<typeof BidRow>[] }), add: (state, bid) => best(state, { price: bid.price, bids: [bid] }), merge: best, state: Best })
    .flatMap((state, { window }) => state.bids.map(bid => ({ ...bid, from: window.start })))
    .write(to(record({ auction: int64, bidder: int64, price: int64, at: int64, from: int64 })), { key: row => String(row.from) }),
  q8: ({ read }) => read(auctions).keyBy(auction => String(auction.seller)).map(() => ({ name: '', sells: true }), { as: Newcomer })
    .merge(read(persons).map(person => ({ name: person.name, sells: false }), { as: Newcomer }))
    .window({ tumbling: '10 seconds', ...final })
    .aggregate({ zero: () => ({ name: '', sells: false }), add: (state, { name, sells }) => ({ name: name === '' ? state.name : name, sells: state.sells || sells }), state: Newcomer })
    .filter(({ name, sells }) => sells && name !== '')
    .map(({ name }, { key, window }) => ({ id: Number(key), name, from: window.start }))
    .write(to(record({ id: int64, name: text, from: int64 })), { key: row => String(row.id) }),
  q11: ({ read }) => read(bids, { fields: ['bidder'] }).keyBy(bid => String(bid.bidder)).window({ session: '10 seconds', ...final }).count()
    .map((count, { key, window }) => ({ bidder: Number(key), count, from: window.start, to: window.end }))
    .write(to(record({ bidder: int64, count: int64, from: int64, to: int64 })), { key: row => String(row.bidder) }),
  q17: ({ read }) => read(bids, { fields: ['auction', 'price'] }).window({ tumbling: '1 day', grace: '1 day', emit: 'updates' })
    .aggregate({
      zero: () => ({ total: 0, lowest: Number.MAX_SAFE_INTEGER, highest: -1, sum: 0 }), state: Stats,
      add: ({ total, lowest, highest, sum }, { price }) => ({ total: total + 1, lowest: Math.min(lowest, price), highest: Math.max(highest, price), sum: sum + price }),
    })
    .map((stats, { key, window }) => ({ auction: Number(key), from: window.start, ...stats }))
    .write(to(record({ auction: int64, from: int64, total: int64, lowest: int64, highest: int64, sum: int64 })), { key: row => String(row.auction) }),
  q18: ({ read }) => read(bids).map(rowOf, { as: BidRow }).keyBy(bid => `${bid.bidder}/${bid.auction}`)
    .reduce((left, right) => right.at > left.at || (right.at === left.at && right.price > left.price) ? right : left)
    .write(to(BidRow), { key: row => `${row.bidder}/${row.auction}` }),
  q20: ({ read, table }) => read(bids).join(table(auctions).filter(auction => auction.category === CATEGORY), (bid, { seller }) => ({ ...rowOf(bid), seller }))
    .write(to(record({ auction: int64, bidder: int64, price: int64, at: int64, seller: int64 })), { key: row => String(row.auction) }),
  q22: ({ read }) => read(bids).map(bid => { const parts = bid.url.split('/'); return { ...rowOf(bid), one: parts[3] ?? '', two: parts[4] ?? '', three: parts[5] ?? '' } })
    .write(to(record({ auction: int64, bidder: int64, price: int64, at: int64, one: text, two: text, three: text })), { key: row => String(row.auction) }),
}

export function described(name: string): App {
  const query = QUERIES[name]
  if (query === undefined) throw new Error(`there is no query '${name}'`)
  return app(setting.name).task(name, query)
}

export default described(setting.job)
