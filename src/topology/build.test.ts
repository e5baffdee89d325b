import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, deadLetter, type App, type TaskTools } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { process as processTask, processEnvironment } from '../engines/process.ts'
import { json } from '../serde/json.ts'
import { f64, int64 } from '../serde/number.ts'
import { record } from '../serde/record.ts'
import { text } from '../serde/text.ts'
import { timeWindowed } from '../serde/window-key.ts'
import { build } from './build.ts'
import { describe, describeMermaid, describeText } from './describe.ts'
import { resolvePartitions } from './partitions.ts'
import type { NativeTaskPlan } from './plan.ts'

const Order = record({ customer: text, item: text, total: f64, at: int64 })
const orders = topic('orders', { key: text, value: Order, time: 'at' })
const returns = topic('returns', { key: text, value: Order })
const customers = topic('customers', { key: text, value: record({ name: text }) })
const items = topic('items', { key: text, value: json<{ name: string }>() })
const totals = topic('totals', { key: text, value: f64 })

function planOf(described: (tools: TaskTools) => unknown): NativeTaskPlan {
  const [task] = build(app('shop').task('t', described)).tasks
  assert.ok(task?.kind === 'native')
  return task
}

const kinds = (task: NativeTaskPlan): string[][] => task.subTopologies.map(sub => sub.nodes.map(node => node.kind))

test('a stateless task is one sub-topology without anything internal', () => {
  const task = planOf(({ read }) => read(orders).filter(o => o.total > 0).map(o => o.total).write(totals))
  assert.deepEqual(kinds(task), [['source', 'filter', 'map', 'sink']])
  assert.deepEqual([task.stores, task.repartitionTopics], [[], []])
  assert.equal(task.group, 'shop.t')
})

test('P1: a changed key alone moves nothing, the next key-based step does', () => {
  assert.equal(planOf(({ read }) => read(orders).keyBy(o => o.item).map(o => o.total).write(totals)).repartitionTopics.length, 0)
  const task = planOf(({ read }) => read(orders).keyBy(o => o.item).filter(o => o.total > 0).count('sold').peek(() => undefined))
  assert.deepEqual(kinds(task), [['source', 'keyBy', 'filter', 'repartitionSink'], ['repartitionSource', 'aggregate', 'peek']])
  assert.deepEqual(task.repartitionTopics.map(each => [each.name, each.writtenBy, each.readBy]), [['shop.t.sold.repartition', 0, 1]])
  assert.equal(task.repartitionTopics[0]?.config['retention.ms'], '-1')
})

test('P1: aggregating by the key as it came needs no repartition topic', () => {
  assert.deepEqual(kinds(planOf(({ read }) => read(orders).count('per-key'))), [['source', 'aggregate']])
})

test('process() with a key as it came does not repartition, after keyBy it does', () => {
  const options = { state: int64, onRecord: () => undefined }
  assert.equal(planOf(({ read }) => read(orders).process('p', options)).repartitionTopics.length, 0)
  assert.equal(planOf(({ read }) => read(orders).keyBy(o => o.item).process('p', options)).repartitionTopics.length, 1)
})

test('a repartition topic is named after its keyBy, else after what needs it', () => {
  const named = planOf(({ read }) => {
    const byItem = read(orders).keyBy(o => o.item, { name: 'by-item' })
    byItem.count('sold')
    byItem.aggregate('revenue', { zero: () => 0, add: (sum, o) => sum + o.total })
  })
  assert.deepEqual(named.repartitionTopics.map(each => each.name), ['shop.t.by-item.repartition'])
  assert.throws(() => planOf(({ read }) => {
    const byItem = read(orders).keyBy(o => o.item)
    byItem.count('sold')
    byItem.reduce('last', (_left, right) => right)
  }), /'sold' and 'last' both read the same re-keyed stream: give its keyBy a name/)
})

test('every stateful step has a name that its position does not change', () => {
  const storesWith = (before: boolean): string[] => planOf(({ read }) => {
    const stream = before ? read(orders).filter(() => true).peek(() => undefined) : read(orders)
    stream.count()
    stream.distinct({ within: '1 minute' })
  }).stores.map(store => store.changelog.name)
  assert.deepEqual(storesWith(false), ['shop.t.count.changelog', 'shop.t.distinct.changelog'])
  assert.deepEqual(storesWith(true), storesWith(false))
  assert.throws(() => planOf(({ read }) => [read(orders).count(), read(orders).keyBy(o => o.item).count()]), /two operators that would keep their state under 'count'.*build\.test/)
  assert.throws(() => planOf(({ read }) => [read(orders).count('x'), read(orders).reduce('x', left => left)]), /two operators named 'x'/)
})

test('a join puts stream and table into one sub-topology and asks for equal partition counts', () => {
  const task = planOf(({ read, table }) => read(orders).keyBy(o => o.customer).join(table(customers), o => o.total).write(totals))
  assert.deepEqual(kinds(task), [['source', 'keyBy', 'repartitionSink'], ['table', 'repartitionSource', 'streamTableJoin', 'sink']])
  assert.deepEqual(task.subTopologies[1]?.copartitioned, [{ topics: ['shop.t.join.repartition', 'customers'], because: ['join'] }])
  assert.deepEqual(task.stores.map(store => [store.name, store.use, store.kind]), [['customers', 'table', 'keyed']])
})

test('P2: a repartition topic follows the declared topics it meets', () => {
  const task = planOf(({ read, table }) => read(orders).keyBy(o => o.customer).join(table(customers), o => o.total).write(totals))
  const counts = resolvePartitions(task, new Map([['orders', 8], ['customers', 3]]))
  assert.deepEqual(counts.shards, [8, 3])
  assert.equal(counts.repartition.get('shop.t.join.repartition'), 3)
  assert.equal(counts.changelog.get('shop.t.customers.changelog'), 3)
})

test('P2: declared topics that meet must agree, and so must an enforced count', () => {
  const direct = planOf(({ read, table }) => read(orders).join(table(customers), o => o.total))
  assert.throws(() => resolvePartitions(direct, new Map([['orders', 8], ['customers', 3]])), { code: 'TOPOLOGY_INVALID', message: /orders has 8, customers has 3/ })
  const enforced = planOf(({ read, table }) => read(orders).keyBy(o => o.customer, { partitions: 4 }).join(table(customers), o => o.total))
  assert.throws(() => resolvePartitions(enforced, new Map([['orders', 8], ['customers', 3]])), /repartition has 4|has 4/)
})

test('P2: among repartition topics alone the enforced count counts, else the highest', () => {
  const task = (partitions?: number): NativeTaskPlan => planOf(({ read }) => {
    const sold = read(orders).keyBy(o => o.item, { name: 'sold', partitions })
    const back = read(returns).keyBy(o => o.item, { name: 'back' })
    sold.join(back.count('returned'), o => o.total)
  })
  const declared = new Map([['orders', 8], ['returns', 2]])
  assert.deepEqual([...resolvePartitions(task(), declared).repartition.values()], [8, 8])
  assert.deepEqual([...resolvePartitions(task(5), declared).repartition.values()], [5, 5])
})

test('merged topics may differ in partitions until a key-based step needs them equal', () => {
  const merged = planOf(({ read }) => read(orders).merge(read(returns)).map(o => o.total).write(totals))
  assert.deepEqual(resolvePartitions(merged, new Map([['orders', 8], ['returns', 2]])).shards, [8])
  const counted = planOf(({ read }) => read(orders).merge(read(returns)).count('all'))
  assert.throws(() => resolvePartitions(counted, new Map([['orders', 8], ['returns', 2]])), /'all': topics that meet by key need equal partition counts/)
})

test('a topic that does not exist is named', () => {
  assert.throws(() => resolvePartitions(planOf(({ read }) => read(orders).count()), new Map()), /reads topic 'orders', which does not exist/)
})

test('keys that are written differently cannot meet', () => {
  const odd = topic('odd', { key: json<string>(), value: text })
  assert.throws(() => planOf(({ read, table }) => read(orders).join(table(odd), o => o.total)), /joins keys written as text with a table whose keys are written as json/)
})

test('a windowed row is written under its own key only where the topic has a place for that window', () => {
  const byMinute = topic('by-minute', { key: timeWindowed(text, 60_000), value: int64 })
  assert.equal(planOf(({ read }) => read(orders).window({ tumbling: '1 minute' }).count().write(byMinute)).writes.length, 1)
  assert.throws(() => planOf(({ read }) => read(orders).window({ session: '1 minute', emit: 'final' }).count().write(byMinute)), /rows of session windows are written to 'by-minute', whose keys are timeWindowed: declare it with key: sessionWindowed/)
})

test('a task does not read its own dead letters', () => {
  assert.throws(() => build(app('a').task('t', ({ read }) => read(orders).count(), { onError: deadLetter('orders') })), /task 't' reads the topic that its dead letters go to/)
})

test('everything that reads one topic is in one sub-topology', () => {
  const task = planOf(({ read }) => {
    read(orders).map(o => o.total).write(totals)
    read(orders, { fields: ['item'] }).keyBy(o => o.item).count('sold')
  })
  assert.deepEqual(task.subTopologies.map(sub => [sub.inputTopics, sub.sources.length]), [[['orders'], 2], [['shop.t.sold.repartition'], 1]])
})

test('a global table stands outside the sub-topologies', () => {
  const task = planOf(({ read, globalTable }) => read(orders).joinGlobal(globalTable(items), o => o.item, (o, item) => ({ ...o, ...item })).process('p', { state: int64, tables: { items: globalTable(items) }, onRecord: () => undefined }))
  assert.deepEqual(kinds(task), [['source', 'streamGlobalJoin', 'process']])
  assert.deepEqual(task.globalTables.map(node => node.topic.name), ['items'])
  assert.deepEqual(task.reads.map(each => each.name), ['orders', 'items'])
})

test('stores know their kind, retention and changelog', () => {
  const task = planOf(({ read }) => {
    read(orders).window({ tumbling: '1 minute', grace: '10 seconds' }).count('windows')
    read(orders).window({ session: '30 minutes' }).count('sessions')
    read(orders).distinct({ name: 'once', by: o => o.item, within: '10 minutes' })
    read(orders).process('remind', { state: int64, onRecord: () => undefined, onTimer: () => undefined })
  })
  assert.deepEqual(task.stores.map(store => [store.name, store.kind, store.use, store.retentionMs, store.changelog.config['cleanup.policy']]), [
    ['windows', 'window', 'timeWindow', 70_000, 'compact,delete'],
    ['sessions', 'window', 'session', 1_800_000, 'compact,delete'],
    ['once', 'window', 'distinct', 600_000, 'compact,delete'],
    ['remind', 'keyed', 'process', undefined, 'compact'],
    ['remind-timers', 'timers', 'timers', undefined, 'compact'],
  ])
  assert.equal(task.stores[0]?.changelog.config['retention.ms'], String(70_000 + 86_400_000))
  // Only finished segments are compacted: with the brokers' 1 GiB, a changelog would hold every change of a week.
  assert.deepEqual([...new Set(task.stores.map(store => store.changelog.config['segment.bytes']))], ['16777216'])
})

test('consumers of a branch name their arm', () => {
  const task = planOf(({ read }) => {
    const { big, otherwise } = read(orders).branch({ big: o => o.total > 10 })
    big.map(o => o.total).write(totals)
    otherwise.peek(() => undefined)
  })
  const [sub] = task.subTopologies
  const branch = sub?.nodes.find(node => node.kind === 'branch')
  assert.deepEqual(branch && sub?.children.get(branch.id)?.map(child => child.arm), ['big', 'otherwise'])
})

test('after a repartition topic the bytes are those of the record again', () => {
  const task = planOf(({ read }) => read(orders).keyBy(o => o.item).count('sold'))
  const source = task.subTopologies[1]?.nodes[0]
  assert.deepEqual(source && [source.output.keyUntouched, source.output.valueUntouched, source.output.rekeyed], [true, true, false])
})

test('what is no app says why', () => {
  assert.throws(() => build(app('empty')), /app 'empty' has no task/)
  assert.throws(() => planOf(() => undefined), /task 't' reads no topic/)
  const again = topic('orders', { key: text, value: text })
  assert.throws(() => build(app('shop').task('a', ({ read }) => read(orders).count()).task('b', ({ read }) => read(again).count())), /topic 'orders' is declared twice/)
})

const whole: App = app('shop')
  .task('sales', ({ read, table, globalTable }) => read(orders)
    .keyBy(o => o.customer)
    .leftJoin(table(customers), (o, customer) => ({ item: o.item, total: o.total, name: customer?.name ?? '' }))
    .leftJoinGlobal(globalTable(items), o => o.item, o => o.total)
    .write(totals), { onError: deadLetter('bad') })
  .task('score', { on: processTask({ command: 'python3', args: ['score.py'], env: { MODE: 'fast', MILLRACE_GROUP: 'stolen' } }), reads: [totals], writes: [returns] })

test('a process of its own gets the graph through its environment', () => {
  const task = build(whole).tasks[1]
  assert.ok(task?.kind === 'foreign')
  assert.deepEqual(processEnvironment('shop', task, 'localhost:9092', 0), {
    MILLRACE_APP: 'shop', MILLRACE_TASK: 'score', MILLRACE_INSTANCE: '0', MILLRACE_BOOTSTRAP: 'localhost:9092',
    MILLRACE_GROUP: 'shop.score', MILLRACE_READS: 'totals', MILLRACE_WRITES: 'returns',
  })
  assert.throws(() => processTask({ command: ' ' }), /the command is empty/)
})

test('a plan is described as graph, text and Mermaid', () => {
  const graph = describe(build(whole))
  assert.deepEqual(graph.edges, [
    { from: 'topic:orders', to: 'task:sales', as: 'stream' },
    { from: 'task:sales', to: 'topic:shop.sales.join.repartition', as: 'repartition' },
    { from: 'topic:customers', to: 'task:sales', as: 'table' },
    { from: 'topic:shop.sales.join.repartition', to: 'task:sales', as: 'repartition' },
    { from: 'task:sales', to: 'topic:totals', as: 'write' },
    { from: 'topic:items', to: 'task:sales', as: 'globalTable' },
    { from: 'task:sales', to: 'topic:bad', as: 'deadLetter' },
    { from: 'topic:totals', to: 'task:score', as: 'stream' },
    { from: 'task:score', to: 'topic:returns', as: 'write' },
  ])
  assert.deepEqual(graph.topics.map(each => [each.name, each.role]), [
    ['orders', 'declared'], ['customers', 'declared'], ['items', 'declared'], ['totals', 'declared'], ['returns', 'declared'],
    ['shop.sales.join.repartition', 'repartition'], ['shop.sales.customers.changelog', 'changelog'], ['bad', 'deadLetter'],
  ])
  assert.equal(JSON.stringify(JSON.parse(JSON.stringify(graph))), JSON.stringify(graph))
  const shown = describeText(graph)
  assert.match(shown, /task sales {3}group shop\.sales {3}exactlyOnce, on error deadLetter bad/)
  assert.match(shown, /streamTableJoin +join {2}left {3}← join\.repartition/)
  assert.match(shown, /task score {3}group shop\.score {3}on process/)
  const mermaid = describeMermaid(graph).split('\n')
  assert.equal(mermaid[0], 'flowchart LR')
  assert.ok(mermaid.some(line => line.includes('"score (process)"')))
})
