/**
 * What the compiler promises about streams: what is right compiles, and each mistake named here does not.
 *
 * Compiled with the tree: a `@ts-expect-error` over a line that compiles all the same breaks the build.
 */
import { app, bool, bytes, f64, int32, int64, json, optional, record, sessionWindowed, text, timeWindowed, topic, type Infer, type StandardSchema, type Stream, type Table, type Topic, type Window } from 'millrace'

const Order = record({ id: text, customer: text, total: f64, paid: bool, at: int64, note: optional(text) })
type Order = Infer<typeof Order>
const Customer = record({ name: text, level: int32 })
const Bill = record({ id: text, name: text, total: f64 })
const Day = record({ customer: text, from: int64, total: f64 })

const orders = topic('orders', { key: text, value: Order, time: order => order.at })
const customers = topic('customers', { key: text, value: Customer, cleanup: 'compact' })
const numbered = topic('numbered', { key: int64, value: Customer })
const bills = topic('bills', { key: text, value: Bill })
const days = topic('days', { key: text, value: Day })
const counts = topic('counts', { key: timeWindowed(text, 60_000), value: int64 })
const sessions = topic('sessions', { key: sessionWindowed(text), value: optional(int64) })
const optionalKeys = topic('optional-keys', { key: optional(text), value: Order })

/** Compiles only where `Actual` is `Expected`. */
type Same<Actual, Expected> = (<T>() => T extends Actual ? 1 : 2) extends (<T>() => T extends Expected ? 1 : 2) ? true : false
const same = <T extends true>(_: T): void => {}

// ---------------------------------------------------------------- what is right

export const positive = app('positive')
  .task('join', ({ read, table, globalTable }) => {
    const byCustomer = read(orders).filter(order => order.paid).keyBy(order => order.customer)
    byCustomer.join(table(customers), (order, customer) => ({ id: order.id, name: customer.name, total: order.total })).write(bills)
    byCustomer.leftJoin(table(customers), (order, customer) => ({ id: order.id, name: customer?.name ?? '?', total: order.total })).write(bills)
    read(orders).joinGlobal(globalTable(numbered), order => order.at, (order, customer) => ({ id: order.id, name: customer.name, total: 0 })).write(bills)
  })
  .task('windows', ({ read }) => {
    const sums = read(orders)
      .keyBy(order => order.customer)
      .window({ tumbling: '1 day', grace: '1 hour' })
      .aggregate('per-day', { zero: () => 0, add: (sum, order) => sum + order.total })
    same<Same<typeof sums, Stream<string, number, Window>>>(true)
    sums.map((total, { key, window }) => ({ customer: key, from: window.start, total })).write(days, { key: day => day.customer })
    read(orders).window({ hopping: '5 minutes', every: '1 minute' }).count('hopping').write(counts)
    const visits = read(orders).window({ session: '30 minutes' }).count('visits')
    same<Same<typeof visits, Stream<string, number | undefined, Window>>>(true)
    visits.write(sessions)
    const closed = read(orders).window({ session: '30 minutes', emit: 'final' }).aggregate('closed', { zero: () => ({ n: 0 }), add: state => ({ n: state.n + 1 }), merge: (left, right) => ({ n: left.n + right.n }) })
    same<Same<typeof closed, Stream<string, { n: number }, Window>>>(true)
  })
  .task('narrowing', ({ read, table }) => {
    const isBig = (order: Order): order is Order & { readonly note: string } => order.note !== undefined
    const noted = read(orders).filter(isBig).map(order => order.note.length)
    same<Same<typeof noted, Stream<string, number>>>(true)
    const { big, small, otherwise } = read(orders).branch({ big: isBig, small: order => order.total < 1 })
    big.map(order => order.note.length)
    small.merge(otherwise).map(order => order.note?.length)
    const few = read(orders, { fields: ['id', 'total'] })
    same<Same<typeof few, Stream<string, Pick<Order, 'id' | 'total'>>>>(true)
    const states = read(optionalKeys).count()
    same<Same<Parameters<typeof states.map>[0] extends (value: infer V, context: infer C) => unknown ? [V, C extends { readonly key: infer K } ? K : never] : never, [number, string]>>(true)
    const kept = read(orders).aggregate('seen', { zero: () => new Set<string>(), add: (seen, order) => new Set([...seen, order.id]), state: setOfText })
    kept.map(seen => seen.size)
    const noted2 = table(orders).filter(isBig)
    same<Same<typeof noted2, Table<string, Order & { readonly note: string }>>>(true)
    noted2.changes().map(order => order?.note.length)
    read(bills).join(noted2.filter((order, { key }) => order.total > 1 && key.length > 1), (bill, order) => ({ id: bill.id, note: order.note }))
    same<Same<ReturnType<ReturnType<typeof states.asTable>['filter']>, Table<string, number>>>(true)
    read(orders).join(read(orders).keyBy(order => order.customer).count('per-customer'), (order, count) => ({ id: order.id, count }))
  })

const setOfText = json<Set<string>>()

// A Standard Schema of another library, here by its shape alone, gives the type of a topic.
declare const zodLike: StandardSchema<{ id: string; total: number }>
export const checked = (): Topic<string, { id: string; total: number }> => topic('checked', { key: text, value: zodLike, time: order => order.total })

// ---------------------------------------------------------------- what is wrong

export const negative = app('negative').task('wrong', ({ read, table, globalTable }) => {
  const stream = read(orders)
  const windowed = stream.window({ tumbling: '1 minute' }).count('windowed')

  // @ts-expect-error wrong value: no such field
  stream.filter(order => order.price > 1)
  // @ts-expect-error wrong value: the topic holds bills
  stream.write(bills)
  // @ts-expect-error wrong value: one field has another type
  stream.map(order => ({ ...order, total: '1' })).write(orders)
  // @ts-expect-error wrong value: an optional field is not always there
  stream.map(order => ({ id: order.id, name: order.note, total: 1 })).write(bills)
  // @ts-expect-error wrong value: a field that was not read
  read(orders, { fields: ['id'] }).map(order => order.total)
  // @ts-expect-error wrong field name
  read(orders, { fields: ['price'] })

  // @ts-expect-error wrong key: keys that are not strings say how they are written
  stream.keyBy(order => order.at)
  // @ts-expect-error wrong key: the serde is for another type
  stream.keyBy(order => order.at, { key: text })
  // @ts-expect-error wrong key: a note may be missing
  stream.keyBy(order => order.note)
  // @ts-expect-error wrong key: the topic's keys are strings
  stream.keyBy(order => order.at, { key: int64 }).write(orders)
  // @ts-expect-error wrong key: the function gives a number
  stream.write(orders, { key: order => order.total })

  // @ts-expect-error wrong row of a filtered table: no such field
  table(customers).filter(customer => customer.note !== '')
  // @ts-expect-error a deleted row has no fields
  table(customers).filter(customer => customer.level > 1).changes().map(customer => customer.name)
  // @ts-expect-error a row has no time or offset: it is looked up at any time
  table(customers).filter((_customer, { time }) => time > 1)
  // @ts-expect-error a filter's test must not return a promise
  table(customers).filter(async customer => customer.level > 1)
  // @ts-expect-error wrong join side: a filtered table has its table's keys
  stream.join(table(numbered).filter(() => true), order => order)

  // @ts-expect-error wrong join side: the table's keys are numbers, the stream's are strings
  stream.join(table(numbered), order => order)
  // @ts-expect-error wrong join side: also for a left join
  stream.leftJoin(table(numbered), order => order)
  // @ts-expect-error wrong join side: a stream is no table
  stream.join(read(customers), order => order)
  // @ts-expect-error wrong join side: a global table has a join of its own
  stream.join(globalTable(customers), order => order)
  // @ts-expect-error wrong key of a global table
  stream.joinGlobal(globalTable(numbered), order => order.id, order => order)
  // @ts-expect-error left join: there may be no row
  stream.leftJoin(table(customers), (_order, customer) => customer.name)

  // @ts-expect-error wrong state: `add` gives another type than `zero`
  stream.aggregate('a', { zero: () => 0, add: (_sum, order) => order.id })
  // @ts-expect-error wrong state: JSON would lose a Map, a serde is needed
  stream.aggregate('b', { zero: () => new Map<string, number>(), add: map => map })
  // @ts-expect-error wrong state: JSON would lose a Date inside, too
  stream.aggregate('c', { zero: () => ({ last: new Date(0) }), add: state => state })
  // @ts-expect-error wrong state: the serde is for another type
  stream.aggregate('d', { zero: () => 0, add: sum => sum, state: text })
  // @ts-expect-error wrong state: a reduced value is a value
  stream.reduce('e', (left, right) => left.total + right.total)
  // @ts-expect-error a session must say how two become one
  stream.window({ session: '1 minute' }).aggregate('f', { zero: () => 0, add: sum => sum + 1 })

  // @ts-expect-error async closure: filter
  stream.filter(async order => order.paid)
  // @ts-expect-error async closure: map
  stream.map(async order => order.id)
  // @ts-expect-error a closure that returns a promise
  stream.map(order => Promise.resolve(order))
  // @ts-expect-error a closure that returns a promise now and then
  stream.map(order => order.paid ? order.id : Promise.resolve(order.id))
  // @ts-expect-error async closure: flatMap
  stream.flatMap(async order => [order])
  // @ts-expect-error async closure: flatMap to promises
  stream.flatMap(order => [Promise.resolve(order)])
  // @ts-expect-error async closure: peek
  stream.peek(async order => console.log(order))
  // @ts-expect-error async closure: branch
  stream.branch({ a: async () => true })
  // @ts-expect-error async closure: keyBy
  stream.keyBy(async order => order.id)
  // @ts-expect-error async closure: keyBy with a serde
  stream.keyBy(async order => order.at, { key: int64 })
  // @ts-expect-error async closure: aggregate
  stream.aggregate('g', { zero: () => 0, add: async sum => sum })
  // @ts-expect-error async closure: reduce
  stream.reduce('h', async left => left)
  // @ts-expect-error async closure: join
  stream.join(table(customers), async order => order)
  // @ts-expect-error async closure: distinct
  stream.distinct({ by: async order => order.id, within: '1 minute' })
  // @ts-expect-error async closure: the key of a write
  stream.write(orders, { key: async order => order.id })

  // @ts-expect-error lost window: there is none before a windowed step
  stream.map((order, { window }) => window.start + order.at)
  // @ts-expect-error lost window: the topic's key has no place for it
  windowed.write(topic('plain', { key: text, value: int64 }))
  // @ts-expect-error lost window: rows of different windows would become one table
  windowed.count('again')
  // @ts-expect-error lost window: a windowed row has no row in a table
  windowed.join(table(customers), count => count)
  // @ts-expect-error lost window: a stream with windows and one without
  windowed.merge(stream)
  // @ts-expect-error lost window: gone after keyBy
  windowed.keyBy(() => 'all').map((count, { window }) => count + window.end)
  // @ts-expect-error an absorbed session is undefined
  stream.window({ session: '1 minute' }).count('i').map(count => count + 1)

  // @ts-expect-error a misspelt unit of time
  stream.window({ tumbling: '1 minut' })
  // @ts-expect-error a window has one shape
  stream.window({ tumbling: '1 minute', session: '1 minute' })
  // @ts-expect-error a hopping window says how far it hops
  stream.window({ hopping: '1 minute' })
})

// @ts-expect-error async description
app('async').task('a', async ({ read }) => read(orders))
// @ts-expect-error the time is a number
topic('t', { key: text, value: Order, time: order => order.id })
// @ts-expect-error the time is the name of a number field
topic('t', { key: text, value: Order, time: 'id' })
// @ts-expect-error bytes cannot stand inside JSON
record({ raw: bytes })
