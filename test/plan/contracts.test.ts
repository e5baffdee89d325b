/** A planted app for each contract that follows from the description, and next to it the app that is right: `plan` must tell them apart. */
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { App, app, deadLetter } from '../../src/dsl/app.ts'
import { topic } from '../../src/dsl/topic.ts'
import { flink } from '../../src/engines/flink/flink.ts'
import { external, process } from '../../src/engines/process.ts'
import { samza } from '../../src/engines/samza.ts'
import { spark } from '../../src/engines/spark/spark.ts'
import { storm } from '../../src/engines/storm/storm.ts'
import { planReport } from '../../src/planner/report.ts'
import { int64 } from '../../src/serde/number.ts'
import { record } from '../../src/serde/record.ts'
import { text } from '../../src/serde/text.ts'
import { build } from '../../src/topology/build.ts'
import type { Broken } from '../../src/topology/contracts/broken.ts'
import { brokenContracts, declaredPartitions, declaredTwice } from '../../src/topology/contracts/contracts.ts'

const Order = record({ id: text, customer: text, at: int64 })
const orders = topic('orders', { key: text, value: Order, partitions: 4 })
const bills = topic('bills', { key: text, value: Order, partitions: 4 })
const customers = topic('customers', { key: text, value: text, partitions: 4, cleanup: 'compact' })
const out = topic('out', { key: text, value: text, partitions: 4 })
const python = process({ command: 'python3', args: ['job.py'] })

const found = (described: App): Broken[] => brokenContracts(build(described))
/** The only finding, as `rule severity ends`. */
function only(described: App): readonly [string, string, string] {
  const all = found(described)
  assert.equal(all.length, 1, JSON.stringify(all, null, 1))
  const [{ rule, severity, ends, message }] = all as [Broken]
  for (const end of ends) assert.ok(message.includes(end), `the message does not name ${end}: ${message}`)
  return [rule, severity, ends.join(' ')]
}
const none = (described: App): void => assert.deepEqual(found(described), [])

test('isolation: read_uncommitted behind a writer with transactions', () => {
  const made = app('shop').task('bill', ({ read }) => read(orders).write(bills))
  assert.deepEqual(only(made.task('mail', { on: python, reads: [bills], isolation: 'read_uncommitted' })), ['isolation', 'broken', 'bill bills mail'])
  none(made.task('mail', { on: python, reads: [bills] }))
  // Without transactions there is nothing uncommitted; and what comes from outside is not known.
  none(app('shop', { guarantee: 'atLeastOnce' }).task('bill', ({ read }) => read(orders).write(bills)).task('mail', { on: python, reads: [bills], isolation: 'read_uncommitted' }))
  none(app('shop').task('mail', { on: python, reads: [orders], isolation: 'read_uncommitted' }))
})

test('isolation: behind a foreign writer with transactions too', () => {
  assert.deepEqual(only(app('shop')
    .task('flink', { on: external(), reads: [orders], writes: [bills], guarantee: 'exactlyOnce' })
    .task('mail', { on: python, reads: [bills], isolation: 'read_uncommitted' })), ['isolation', 'broken', 'flink bills mail'])
})

test('transaction-ends: a Direct stream of Spark behind a writer with transactions', () => {
  const bill = (guarantee: 'exactlyOnce' | 'atLeastOnce'): App => app('shop', { guarantee }).task('bill', ({ read }) => read(orders).write(bills))
  assert.deepEqual(only(bill('exactlyOnce').task('mail', { on: spark({ api: 'direct', source: 'Mail.java' }), reads: [bills] })), ['transaction-ends', 'broken', 'bill bills mail'])
  none(bill('exactlyOnce').task('mail', { on: spark({ api: 'receiver', source: 'Mail.java' }), reads: [bills] }))
  none(bill('exactlyOnce').task('mail', { on: spark({ source: 'Mail.java' }), reads: [bills] }))
  none(bill('atLeastOnce').task('mail', { on: spark({ api: 'direct', source: 'Mail.java' }), reads: [bills] }))
})

test('duplicates: nobody has said what becomes of them', () => {
  const score = (more: object): App => app('shop').task('score', { on: python, reads: [orders], writes: [bills], ...more })
  const counted = (described: App): App => described.task('count', ({ read }) => read(bills).count().map(String).write(out))
  assert.deepEqual(only(counted(score({}))), ['duplicates', 'warning', 'score bills count'])
  none(counted(score({ guarantee: 'exactlyOnce' })))
  none(counted(score({ duplicates: 'tolerated' })))
  none(counted(score({ duplicates: { removedBy: 'count' } })))
  // Taken out by the reader, or of no effect on the last value of a key.
  none(score({}).task('once', ({ read }) => read(bills).distinct({ within: '1 hour' }).map(order => order.id).write(out)))
  none(score({}).task('join', ({ read, globalTable }) => read(customers).joinGlobal(globalTable(bills), name => name, name => name).write(out)))
  assert.deepEqual(only(counted(app('shop').task('score', ({ read }) => read(orders).write(bills), { guarantee: 'atLeastOnce' }))), ['duplicates', 'warning', 'score bills count'])
})

test('duplicates: the task that is said to remove them must read what they are in', () => {
  const shop = (remover: string): App => app('shop')
    .task('other', ({ read }) => read(customers).write(out))
    .task('score', { on: python, reads: [orders], writes: [bills], duplicates: { removedBy: remover } })
    .task('pass', { on: python, reads: [bills], writes: [topic('passed', { key: text, value: Order })], duplicates: 'tolerated' })
  assert.deepEqual(only(shop('other')), ['duplicates', 'broken', 'score other'])
  assert.deepEqual(only(shop('nobody')), ['duplicates', 'broken', 'score nobody'])
  none(shop('pass'))
})

test('group-twice: two tasks that commit under one group', () => {
  const shop = (more: object): App => app('shop').task('bill', ({ read }) => read(orders).write(bills)).task('mail', { on: python, reads: [bills], ...more })
  assert.deepEqual(only(shop({ group: 'shop.bill' })), ['group-twice', 'broken', 'bill mail shop.bill'])
  none(shop({ group: 'mail' }))
  none(shop({ group: 'shop.bill', commitsOffsets: false }))
})

test('transactional-id-twice: one fences the other', () => {
  const shop = (prefix: string): App => app('shop').task('bill', ({ read }) => read(orders).write(bills))
    .task('mail', { on: python, reads: [bills], writes: [out], guarantee: 'exactlyOnce', transactionTimeoutMs: 60_000, transactionalIdPrefix: prefix })
  assert.deepEqual(only(shop('shop.bill')), ['transactional-id-twice', 'broken', 'bill mail shop.bill'])
  none(shop('shop.mail'))
})

test("transaction-timeout: Flink's hour is a warning against Kafka's default, and broken against a broker's own limit", () => {
  const plan = build(app('shop').task('flink', { on: external(), reads: [orders], writes: [bills], guarantee: 'exactlyOnce', transactionTimeoutMs: 3_600_000 }))
  const told = (ms: number): Broken[] => brokenContracts(plan, { partitions: declaredPartitions(plan), transactionMaxTimeout: { ms, broker: 'broker 1' } })
  assert.deepEqual(brokenContracts(plan).map(({ rule, severity, ends }) => [rule, severity, ends]), [['transaction-timeout', 'warning', ['flink', 'transaction.max.timeout.ms']]])
  assert.deepEqual(told(900_000).map(({ rule, severity, ends }) => [rule, severity, ends]), [['transaction-timeout', 'broken', ['flink', 'broker 1']]])
  assert.deepEqual(told(3_600_000), [])
})

test('transaction-timeout: transactions that end before the checkpoint that would commit them', () => {
  const shop = (checkpointInterval: '1 minute' | '20 minutes'): App => app('shop').task('count', { on: flink({ sql: 'count.sql', checkpointInterval }), reads: [orders], writes: [bills] })
  assert.deepEqual(only(shop('20 minutes')), ['transaction-timeout', 'broken', 'count bills'])
  none(shop('1 minute'))
})

test('partition-counts: a join of four partitions with eight', () => {
  const eight = topic('customers', { key: text, value: text, partitions: 8 })
  const join = (side: typeof customers): App => app('shop').task('bills', ({ read, table }) => read(orders).join(table(side), order => order).write(bills))
  assert.deepEqual(only(join(eight)), ['partition-counts', 'broken', 'orders customers bills'])
  none(join(customers))
  // A repartition topic follows the other side, unless its own count is enforced.
  none(app('shop').task('bills', ({ read, table }) => read(orders).keyBy(order => order.customer).join(table(eight), order => order).write(bills)))
  const enforced = found(app('shop').task('bills', ({ read, table }) => read(orders).keyBy(order => order.customer, { partitions: 3 }).join(table(eight), order => order).write(bills)))
  assert.deepEqual(enforced.map(each => each.rule), ['partition-counts'])
})

test('partitioners: of two topics that meet by key, and of two writers of one topic', () => {
  const load = (partitioner: 'crc32' | 'murmur2' | 'other'): App => app('shop')
    .task('load', { on: python, reads: [out], writes: [customers], partitioner, duplicates: 'tolerated' })
  const join = (described: App): App => described.task('bills', ({ read, table }) => read(orders).keyBy(order => order.customer).join(table(customers), order => order).write(bills))
  for (const odd of ['crc32', 'other'] as const) assert.deepEqual(only(join(load(odd))), ['partitioners', 'broken', 'bills shop.bills.join.repartition load customers'])
  none(join(load('murmur2')))
  // Alone, any function of the key keeps a key in one shard.
  none(load('crc32').task('count', ({ read }) => read(customers).count().map(String).write(topic('counts', { key: text, value: text }))))
  // Storm's Kafka bolt leaves it to Kafka's Java client; Samza hashes the key object, unless its program sends without a partition key.
  const run = (on: ReturnType<typeof samza> | ReturnType<typeof storm>, more: object = {}): App => app('shop').task('load', { on, reads: [out], writes: [customers], duplicates: 'tolerated', ...more })
  const ofSamza = join(run(samza({ mainClass: 'Load' })))
  assert.deepEqual(only(ofSamza), ['partitioners', 'broken', 'bills shop.bills.join.repartition load customers'])
  assert.match(found(ofSamza)[0]?.message ?? '', /customers by 'load' \(hashCode of the key, as Samza does\).*new OutgoingMessageEnvelope\(stream, null, key, message\)/)
  none(join(run(samza({ mainClass: 'Load' }), { partitioner: 'murmur2' })))
  none(join(run(storm({ mainClass: 'Load' }))))
  assert.deepEqual(only(load('crc32').task('also', ({ read }) => read(orders).map(order => order.id, { as: text }).write(customers))), ['partitioners', 'broken', 'load also customers'])
})

test('timestamps: a window behind a job that stamps with the time of writing', () => {
  const at = (described: App, from: typeof bills): App => described.task('minutes', ({ read }) => read(from).window({ tumbling: '1 minute' }).count().map(String).write(out, { key: () => 'all' }))
  const score = (more: object): App => app('shop').task('score', { on: python, reads: [orders], writes: [bills], duplicates: 'tolerated', ...more })
  assert.deepEqual(only(at(score({}), bills)), ['timestamps', 'broken', 'score bills minutes'])
  none(at(score({ timestamps: 'event' }), bills))
  const timed = topic('bills', { key: text, value: Order, time: 'at', partitions: 4 })
  none(at(app('shop').task('score', { on: python, reads: [orders], writes: [timed], duplicates: 'tolerated' }), timed))
  // Through a repartition topic as well; a task that only writes makes its events.
  assert.deepEqual(only(score({}).task('minutes', ({ read }) => read(bills).keyBy(bill => bill.customer).window({ tumbling: '1 minute' }).count().map(String).write(out, { key: () => 'all' }))), ['timestamps', 'broken', 'score bills minutes'])
  none(at(app('shop').task('shop', { on: external(), writes: [bills], duplicates: 'tolerated' }), bills))
  // A table of Flink SQL has the time of writing unless it says otherwise, a DataStream sink the event's.
  const counted = (job: { readonly sql: string } | { readonly jar: string }, more: object = {}): App => at(app('shop').task('count', { on: flink(job), reads: [orders], writes: [bills], ...more }), bills)
  assert.deepEqual(only(counted({ sql: 'count.sql' })), ['timestamps', 'broken', 'count bills minutes'])
  none(counted({ sql: 'count.sql' }, { timestamps: 'event' }))
  none(counted({ jar: 'count.jar' }))
  // Timers may be of the wall clock.
  const timers = score({}).task('alarm', ({ read }) => read(bills).process('silence', { state: text, emits: text, onRecord: (bill, { timers }) => timers.set(bill.at), onTimer: (_, { emit }) => emit('silent') }).write(out))
  assert.deepEqual(only(timers), ['timestamps', 'warning', 'score bills alarm'])
})

test('cycle: every record makes the next, unless something on the way stops it', () => {
  const back = (step: 'map' | 'filter' | 'table'): App => app('loop')
    .task('there', ({ read }) => read(orders).map(order => ({ ...order, at: order.at + 1 }), { as: Order }).write(bills))
    .task('back', ({ read, table }) => {
      if (step === 'map') return read(bills).keyBy(bill => bill.customer).peek(() => {}).write(orders)
      if (step === 'filter') return read(bills).filter(bill => bill.at < 3).write(orders)
      return read(customers).join(table(bills), (_, bill) => bill, { name: 'with-bills' }).write(orders)
    })
  assert.deepEqual(only(back('map')), ['cycle', 'broken', 'there back orders bills'])
  none(back('filter'))
  none(back('table'))
  assert.deepEqual(only(app('loop').task('self', ({ read }) => read(orders).write(orders))), ['cycle', 'broken', 'self orders'])
  assert.deepEqual(only(app('loop').task('there', ({ read }) => read(orders).write(bills)).task('flink', { on: external(), reads: [bills], writes: [orders], guarantee: 'exactlyOnce' })), ['cycle', 'warning', 'there flink orders bills'])
})

test('no-writer: a slip in a name, and an app that says who feeds it', () => {
  const slip = topic('customer', { key: text, value: text, partitions: 4 })
  const shop = app('shop').task('load', ({ read }) => read(out).write(slip))
  const join = (described: App): App => described.task('bills', ({ read, table }) => read(orders).keyBy(order => order.customer).join(table(customers), order => order).write(bills))
  assert.deepEqual(only(join(shop)), ['no-writer', 'broken', 'load customer customers bills'])
  // What comes from outside may come from outside.
  none(join(app('shop')))
  const web = app('shop').task('web', { on: external(), writes: [orders], duplicates: 'tolerated' })
  assert.deepEqual(only(join(web)), ['no-writer', 'broken', 'customers bills'])
  none(join(web.task('crm', { on: external(), writes: [customers], duplicates: 'tolerated' })))
  // A result may have a name near its input's.
  none(app('shop').task('fix', ({ read }) => read(orders).write(topic('order', { key: text, value: Order }))))
  // Dead letters are written, too.
  const dead = topic('orders.dead', { key: text, value: text })
  none(app('shop').task('web', { on: external(), writes: [orders], duplicates: 'tolerated' }).task('bill', ({ read }) => read(orders).write(bills), { onError: deadLetter('orders.dead') }).task('alarm', ({ read }) => read(dead).write(out)))
})

test("table-retention: a global table's topic that forgets rows", () => {
  const rules = (more: object): string[] => {
    const prices = topic('prices', { key: text, value: text, ...more })
    const described = app('shop').task('bill', ({ read, globalTable }) => read(orders).leftJoinGlobal(globalTable(prices), order => order.id, order => order).write(bills))
    return planReport(build(described), undefined, { workers: { processes: 1, threads: 1 }, load: undefined }).contracts.map(({ rule, severity, ends }) => `${rule} ${severity}: ${ends.join(' ')}`)
  }
  for (const forgets of [{}, { cleanup: 'delete' }, { cleanup: 'compact,delete' }, { retention: '30 days' }]) assert.deepEqual(rules(forgets), ['table-retention warning: prices bill'])
  for (const keeps of [{ cleanup: 'compact' }, { retention: 'forever' }]) assert.deepEqual(rules(keeps), [])
})

test('schemas: one topic declared twice names both ends', () => {
  const other = topic('bills', { key: text, value: record({ id: text, total: int64 }) })
  const described = app('shop').task('bill', ({ read }) => read(orders).write(bills)).task('mail', ({ read }) => read(other).map(bill => bill.id).write(out))
  const [twice, ...more] = declaredTwice(described)
  assert.deepEqual([twice?.rule, twice?.severity, twice?.ends, more], ['schemas', 'broken', ['bills', 'bill', 'mail'], []])
  assert.match(twice?.message ?? '', /'bill' as text → record \{ id, customer, at \}; 'mail' as text → record \{ id, total \}/)
  assert.deepEqual(declaredTwice(app('shop').task('bill', ({ read }) => read(orders).write(bills))), [])
})

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const sound = [
  // Modules that describe an app; others beside them would run something.
  ...readdirSync(join(dist, 'examples'), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.js') && /^export default app\(/m.test(readFileSync(join(dist, 'examples', name), 'utf8'))).map(name => join('examples', name)),
  join('examples', 'linked-engines', 'app.js'), join('demo', 'recommender', 'app.js'), join('demo', 'recommender', 'replay-app.js'),
]
for (const path of sound) {
  test(`${path} breaks no contract`, async () => {
    const module: { readonly default?: unknown } = await import(pathToFileURL(join(dist, path)).href)
    assert.ok(module.default instanceof App, 'the default export is no app')
    assert.deepEqual(declaredTwice(module.default), [])
    assert.deepEqual(planReport(build(module.default), undefined, { workers: { processes: 1, threads: 1 }, load: undefined }).contracts, [])
  })
}
