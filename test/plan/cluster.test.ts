/** A planted app and cluster for each contract that only a cluster can show broken, on an embedded broker; beside it the one that is right. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import kafkajs from 'kafkajs'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { app, type App } from '../../src/dsl/app.ts'
import { topic, type Topic } from '../../src/dsl/topic.ts'
import { external } from '../../src/engines/process.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { collectFacts } from '../../src/planner/collect.ts'
import { planReport, type PlanReport } from '../../src/planner/report.ts'
import { run } from '../../src/runtime/app.ts'
import { int64 } from '../../src/serde/number.ts'
import { record } from '../../src/serde/record.ts'
import { text } from '../../src/serde/text.ts'
import { build } from '../../src/topology/build.ts'
import { partitionOf } from '../../src/wire/partitioner.ts'
import { eventually } from '../support/client/brokers.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-plan-'))
let broker: Broker
let cluster: Cluster
let admin: Admin
before(async () => {
  broker = await Broker.start(realEnv, { directory: join(directory, 'data'), port: 0 })
  cluster = await Cluster.connect(realEnv, { bootstrap: broker.address, clientId: 'plan-test' })
  admin = new Admin(cluster)
})
after(async () => {
  await cluster.close()
  await broker.close()
  rmSync(directory, { recursive: true, force: true })
})

const Order = record({ id: text, customer: text, at: int64 })
type Order = { readonly id: string; readonly customer: string; readonly at: number }
const NOW = Date.now()

async function plan(described: App, options: { readonly sample?: number; readonly processes?: number } = {}): Promise<PlanReport> {
  const built = build(described)
  const facts = await collectFacts(cluster, admin, built, { bootstrap: broker.address, sample: options.sample ?? 100 })
  return planReport(built, facts, { workers: { processes: options.processes ?? 1, threads: 1 }, load: undefined })
}
const told = (report: PlanReport): string[] => report.contracts.map(({ rule, severity, ends, message }) => {
  for (const end of ends) assert.ok(message.includes(end), `the message does not name ${end}: ${message}`)
  return `${rule} ${severity}: ${ends.join(' ')}`
})

/** Sends orders, each to the partition that `at` says; resolves when they are there. */
async function send(name: string, count: number, options: { readonly at?: (key: string, partitions: number) => number; readonly value?: (index: number) => string; readonly time?: number; readonly key?: () => string } = {}): Promise<void> {
  const partitions = (await cluster.partitions(name)).length
  const producer = new Producer(cluster, {})
  await producer.init()
  for (let index = 0; index < count; index++) {
    const key = options.key?.() ?? `customer-${index}`
    const value = options.value?.(index) ?? JSON.stringify({ id: `o-${index}`, customer: key, at: options.time ?? NOW })
    const at = options.at ?? ((each, of) => partitionOf(Buffer.from(each), of))
    producer.send(name, at(key, partitions), options.time ?? NOW, Buffer.from(key), Buffer.from(value))
  }
  await producer.flush()
  await producer.close()
}

const orders = (name: string, more: object = {}): Topic<string, Order> => topic<string, Order>(`${name}.orders`, { key: text, value: Order, ...more })
const bills = (name: string, more: object = {}): Topic<string, Order> => topic<string, Order>(`${name}.bills`, { key: text, value: Order, retention: 'forever', ...more })
const copies = (name: string, more: object = {}): App => app(name).task('bill', ({ read }) => read(orders(name, more)).write(bills(name)))

test('topics are to be made, are right, or differ, with what differs', async () => {
  const described = app('rows').task('bill', ({ read }) => read(orders('rows', { partitions: 4, retention: '3 days', cleanup: 'delete' })).count('per-customer').map(count => ({ id: '', customer: '', at: count })).write(bills('rows')))
  const before = await plan(described)
  assert.deepEqual(before.topics.map(({ name, action, partitions, records }) => [name, action, partitions, records]), [
    ['rows.orders', 'make', 4, null], ['rows.bills', 'make', 1, null], ['rows.bill.per-customer.changelog', 'make', 4, null],
  ])
  assert.deepEqual(told(before), [])
  await admin.createTopics([{ name: 'rows.orders', partitions: 2, configs: { 'retention.ms': '1000000' } }, { name: 'rows.bills', partitions: 1, configs: { 'retention.ms': '-1' } }])
  const [changed, same] = (await plan(described)).topics
  assert.deepEqual([changed?.action, changed?.differences, changed?.retentionMs], ['differs', ['partitions 2, wanted 4', 'retention.ms 1000000, wanted 259200000'], 1_000_000])
  assert.deepEqual([same?.action, same?.differences, same?.retentionMs, same?.records], ['ok', [], -1, 0])
})

test('stable-offset: an open transaction of a process that is gone', async () => {
  const to = bills('held')
  const described = app('held').task('bill', ({ read }) => read(orders('held')).write(to)).task('mail', ({ read }) => read(to).write(topic('held.mails', { key: text, value: Order })))
  await admin.createTopics([{ name: 'held.orders' }, { name: 'held.bills' }])
  const dead = await Cluster.connect(realEnv, { bootstrap: broker.address })
  const producer = new Producer(dead, { transactionalId: 'held.bill.0.0' })
  await producer.init()
  producer.begin()
  for (let index = 0; index < 3; index++) producer.send('held.bills', 0, NOW, Buffer.from('k'), Buffer.from('{}'))
  await producer.flush()
  await dead.close()
  const report = await plan(described)
  assert.deepEqual(told(report), ['stable-offset broken: bill held.bills mail'])
  assert.match(report.contracts[0]?.message ?? '', /'bill' \(held\.bill\.0\.0\) is open since \d+ s, and no process of 'bill' is there to end it, and holds the last stable offset of held\.bills-0 at 0: 'mail' \(read_committed\) cannot read the 3 offsets/)
  assert.equal(report.holds, false)
  // What another process of the same id does first: it ends what was left.
  const again = new Producer(cluster, { transactionalId: 'held.bill.0.0' })
  await again.init()
  await again.close()
  await eventually('the transaction is aborted', async () => told(await plan(described)).length === 0)
})

test('stable-offset: a transaction that has just begun, by whoever, is none', async () => {
  const from = orders('live')
  const sound = app('live').task('flink', { on: external(), reads: [orders('live-in')], writes: [from], guarantee: 'exactlyOnce', transactionalIdPrefix: 'flink-' })
    .task('bill', ({ read }) => read(from).write(bills('live')))
  await admin.createTopics([{ name: 'live.orders' }])
  const producer = new Producer(cluster, { transactionalId: 'flink-7' })
  await producer.init()
  producer.begin()
  producer.send('live.orders', 0, NOW, Buffer.from('k'), Buffer.from('{}'))
  await producer.flush()
  assert.deepEqual(told(await plan(sound)), [])
  await producer.abort()
  await producer.close()
})

test('group-twice: somebody else sits in the group of a task', async () => {
  await admin.createTopics([{ name: 'taken.orders' }, { name: 'taken.other' }])
  const kafka = new kafkajs.Kafka({ clientId: 'billing-service', brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: 'taken.bill' })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic: 'taken.other' })
    await consumer.run({ eachMessage: async () => {} })
    await eventually('the group has a member', async () => (await admin.describeGroups(['taken.bill']))[0]?.state === 'Stable', 60_000)
    const report = await plan(copies('taken'))
    assert.deepEqual(told(report), ['group-twice broken: bill taken.bill billing-service'])
    assert.match(report.contracts[0]?.message ?? '', /billing-service at .* which reads taken\.other/)
    // A task of another engine whose group it is, by what it reads, is told apart.
    const theirs = app('taken').task('billing', { on: external(), reads: [topic('taken.other', { key: text, value: text })], group: 'taken.bill' })
    assert.deepEqual(told(await plan(theirs)), [])
  } finally {
    await consumer.disconnect()
  }
})

test('partition-counts: of what stands on the cluster, and of internal topics made for other inputs', async () => {
  const customers = topic<string, Order>('counts.customers', { key: text, value: Order })
  const described = app('counts').task('join', ({ read, table }) => read(orders('counts')).join(table(customers), order => order).write(bills('counts')))
  await admin.createTopics([{ name: 'counts.orders', partitions: 4 }, { name: 'counts.customers', partitions: 3 }])
  assert.deepEqual(told(await plan(described)), ['partition-counts broken: counts.orders counts.customers join'])
  const counted = app('old').task('count', ({ read }) => read(orders('old')).count('n').map(n => ({ id: '', customer: '', at: n })).write(bills('old')))
  await admin.createTopics([{ name: 'old.orders', partitions: 4 }, { name: 'old.count.n.changelog', partitions: 2 }])
  assert.deepEqual(told(await plan(counted)), ['partition-counts broken: old.count.n.changelog old.orders count'])
})

test('partitioners: keys that lie where murmur2 does not put them', async () => {
  const customers = topic<string, Order>('placed.customers', { key: text, value: Order, partitions: 4 })
  const described = app('placed').task('join', ({ read, table }) => read(orders('placed', { partitions: 4 })).join(table(customers), order => order).write(bills('placed')))
  await admin.createTopics([{ name: 'placed.orders', partitions: 4 }, { name: 'placed.customers', partitions: 4 }])
  await send('placed.orders', 40)
  await send('placed.customers', 20)
  assert.deepEqual(told(await plan(described)), [])
  await send('placed.customers', 20, { at: (key, count) => (partitionOf(Buffer.from(key), count) + 1) % count })
  const report = await plan(described)
  assert.deepEqual(told(report), ['partitioners broken: placed.customers placed.orders join'])
  assert.match(report.contracts[0]?.message ?? '', /placed\.customers\/\d@\d+ has the key "customer-\d+", which murmur2 puts into partition \d/)
})

test('schemas: a record that does not fit is shown by its coordinates', async () => {
  await admin.createTopics([{ name: 'shape.orders', partitions: 2 }])
  await send('shape.orders', 10)
  assert.deepEqual(told(await plan(copies('shape'))), [])
  await send('shape.orders', 1, { at: () => 1, value: () => '{"id":"o-1","customer":7,"at":1}' })
  const place = (await admin.listOffsets([{ topic: 'shape.orders', partition: 1 }], 'latest'))[0]?.offset ?? 0
  const report = await plan(copies('shape'))
  assert.deepEqual(told(report), ['schemas broken: shape.orders bill'])
  assert.match(report.contracts[0]?.message ?? '', new RegExp(`1 of the last 11 records of shape\\.orders.*first shape\\.orders/1@${place - 1}: value: field customer.*'bill' would stop there`))
  assert.deepEqual(told(await plan(copies('shape'), { sample: 0 })), [])
  const skips = app('shape').task('bill', ({ read }) => read(orders('shape')).write(bills('shape')), { onError: 'skip' })
  assert.deepEqual(told(await plan(skips)), ['schemas warning: shape.orders bill'])
  // What the task has read already says nothing against it.
  await admin.alterGroupOffsets('shape.bill', [{ topic: 'shape.orders', partition: 1, offset: place }])
  assert.deepEqual(told(await plan(copies('shape'))), [])
})

test('schemas: an event time that is none', async () => {
  await admin.createTopics([{ name: 'hour.orders' }])
  await send('hour.orders', 3)
  const report = await plan(copies('hour', { time: () => 0.5 }))
  assert.deepEqual(told(report), ['schemas broken: hour.orders bill'])
  assert.match(report.contracts[0]?.message ?? '', /3 of the last 3 records of hour\.orders.*first hour\.orders\/0@0: time: 0\.5 is not whole milliseconds/)
})

test('old-timestamps: event times that a time-retained topic deletes at once', async () => {
  const timed = { time: 'at', partitions: 1 }
  const described = (more: object): App => app('ancient').task('bill', ({ read }) => read(orders('ancient', timed)).write(topic<string, Order>('ancient.bills', { key: text, value: Order, ...more })))
  await admin.createTopics([{ name: 'ancient.orders', configs: { 'retention.ms': '-1' } }])
  await send('ancient.orders', 5, { value: index => JSON.stringify({ id: 'o', customer: 'c', at: 1_600_000_000_000 + index }) })
  const report = await plan(described({}))
  assert.deepEqual(told(report), ['old-timestamps broken: ancient.orders bill ancient.bills'])
  assert.match(report.contracts[0]?.message ?? '', /the newest of which \(2020-09-13T12:26:40\.004Z\).*deletes what is older than 7 days/)
  assert.deepEqual(told(await plan(described({ retention: 'forever' }))), [])
  assert.deepEqual(told(await plan(described({ cleanup: 'compact' }))), [])
})

test('timestamps: a broker that writes its own time over what a window needs', async () => {
  const [from, to] = [orders('stamped'), bills('stamped')]
  const described = app('stamped').task('bill', ({ read }) => read(from).write(to))
    .task('minutes', ({ read }) => read(to).window({ tumbling: '1 minute' }).count('n').map(String).write(topic('stamped.minutes', { key: text, value: text }), { key: () => 'all' }))
  await admin.createTopics([{ name: 'stamped.bills', configs: { 'retention.ms': '-1', 'message.timestamp.type': 'LogAppendTime' } }])
  assert.deepEqual(told(await plan(described)), ['timestamps broken: bill stamped.bills minutes'])
  await admin.alterConfigs({ type: 'topic', name: 'stamped.bills' }, [{ name: 'message.timestamp.type', value: 'CreateTime' }])
  assert.deepEqual(told(await plan(described)), [])
})

test('no-writer: a topic without a record, while the rest of the app is fed', async () => {
  const customers = topic<string, Order>('fed.customers', { key: text, value: Order, partitions: 1 })
  const described = app('fed').task('join', ({ read, table }) => read(orders('fed', { partitions: 1 })).join(table(customers), order => order).write(bills('fed')))
  assert.deepEqual(told(await plan(described)), [])
  await admin.createTopics([{ name: 'fed.orders' }])
  await send('fed.orders', 1)
  assert.deepEqual(told(await plan(described)), ['no-writer warning: fed.customers join'])
})

test('shards, idle workers, and the fullest partition', async () => {
  await admin.createTopics([{ name: 'skew.orders', partitions: 4 }])
  await send('skew.orders', 1200, { at: () => 2 })
  await send('skew.orders', 60)
  await send('skew.orders', 40, { at: () => 2, key: () => 'big-shop' })
  const report = await plan(copies('skew'), { processes: 6 })
  assert.deepEqual(report.tasks.map(({ task, shards, workers, idle, members, skew }) => [task, shards, workers, idle, members, skew?.topic, skew?.partition]), [['bill', 4, 6, 2, 0, 'skew.orders', 2]])
  const times = report.tasks[0]?.skew?.timesMean ?? 0
  assert.ok(times > 3.8 && times < 4, `${times} times the mean`)
  assert.deepEqual(told(report), ['idle-workers warning: bill', 'skew warning: skew.orders bill'])
  assert.match(report.contracts[1]?.message ?? '', /100 % of its sampled records have the key "big-shop"/)
  assert.equal(report.holds, true)
})

test('an app that runs breaks nothing', async () => {
  const from = orders('sound', { partitions: 2 })
  const running = app('sound').task('bill', ({ read }) => read(from).write(bills('sound')))
    .task('count', ({ read }) => read(from).keyBy(order => order.customer).count('n').map(n => ({ id: '', customer: '', at: n })).write(topic('sound.counts', { key: text, value: Order, cleanup: 'compact' })))
  const process = await run(running, { bootstrap: broker.address, dataDirectory: join(directory, 'sound'), env: realEnv, metrics: false })
  try {
    await send('sound.orders', 50)
    await eventually('the orders are counted', async () => (await admin.groupOffsets('sound.count')).some(each => each.topic.endsWith('.repartition') && each.offset > 0), 60_000)
    const report = await plan(running)
    assert.deepEqual(told(report), [])
    assert.deepEqual(report.topics.map(row => row.action), report.topics.map(() => 'ok'))
    assert.deepEqual(report.tasks.map(task => task.members), [1, 1])
  } finally {
    await process.close()
  }
})
