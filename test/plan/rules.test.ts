/** Cluster rules over facts that no embedded broker gets into by itself: hanging transactions, long ones, other engines, brokers with limits of their own. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { app } from '../../src/dsl/app.ts'
import { topic } from '../../src/dsl/topic.ts'
import { external } from '../../src/engines/process.ts'
import { brokerLoadRule, capacityOf, capacityRules, type Load } from '../../src/planner/capacity.ts'
import type { ClusterFacts, OpenTransaction } from '../../src/planner/facts.ts'
import { planReport } from '../../src/planner/report.ts'
import { text } from '../../src/serde/text.ts'
import { build } from '../../src/topology/build.ts'

const AT = 1_800_000_000_000
const orders = topic('orders', { key: text, value: text, partitions: 2 })
const bills = topic('bills', { key: text, value: text, partitions: 2, replicas: 3 })
const counts = topic('counts', { key: text, value: text, retention: 'forever' })

const flinkApp = build(app('shop')
  .task('flink', { on: external(), reads: [orders], writes: [bills], guarantee: 'exactlyOnce', transactionalIdPrefix: 'sink-', transactionTimeoutMs: 600_000 })
  .task('count', ({ read }) => read(bills).count('n').map(String).write(counts)))

function facts(more: Partial<ClusterFacts> = {}): ClusterFacts {
  const held = { name: 'bills', replicas: 3, configs: new Map<string, string>(), partitions: [{ partition: 0, start: 0, end: 90, stable: 40 }, { partition: 1, start: 0, end: 10, stable: 10 }] }
  return {
    at: AT, bootstrap: 'kafka:9092', brokers: [1, 2, 3].map(id => ({ id, configs: new Map([['transaction.max.timeout.ms', id === 2 ? '700000' : '900000']]) })),
    topics: new Map([['bills', held]]), groups: new Map(), openTransactions: [], samples: [], gaps: [], ...more,
  }
}

function open(openMs: number | undefined, transactionalId = 'sink-3-17'): OpenTransaction {
  return {
    producerId: 4711, partitions: [{ topic: 'bills', partition: 0, startOffset: 40 }],
    coordinator: openMs === undefined ? undefined : { transactionalId, state: 'Ongoing', startedAt: AT - openMs, timeoutMs: 600_000 },
  }
}

const told = (transaction: OpenTransaction): string[] => planReport(flinkApp, facts({ openTransactions: [transaction] }), { workers: { processes: 1, threads: 1 }, load: undefined })
  .contracts.map(({ rule, severity, ends, message }) => `${rule} ${severity}: ${ends.join(' ')}: ${message}`)

test('a transaction that no coordinator knows hangs, and how to abort it is said', () => {
  const [only, ...more] = told(open(undefined))
  assert.deepEqual(more, [])
  assert.match(only ?? '', /^stable-offset broken: producer 4711 bills count: .*cannot read the 50 offsets behind it\. Abort it: kafka-transactions\.sh abort --topic bills --partition 0 --start-offset 40\./)
})

test("a job's transaction may be open as long as its own timeout says; one beyond it should be gone", () => {
  assert.deepEqual(told(open(590_000)), [])
  assert.match(told(open(610_000)).join(), /^stable-offset broken: flink bills count: .*the broker should have aborted it 10 s ago/)
})

test('a transaction of somebody unknown is a warning after a minute', () => {
  assert.deepEqual(told(open(50_000, 'other-app')), [])
  assert.match(told(open(70_000, 'other-app')).join(), /^stable-offset warning: other-app bills count: .*'other-app' is open since 70 s.*in 530 s/)
})

test('the lowest transaction.max.timeout.ms counts, and its broker is named', () => {
  const hour = build(app('shop').task('flink', { on: external(), reads: [orders], writes: [bills], guarantee: 'exactlyOnce', transactionTimeoutMs: 3_600_000 }))
  const report = planReport(hour, facts(), { workers: { processes: 1, threads: 1 }, load: undefined })
  assert.deepEqual(report.contracts.map(({ rule, severity, ends }) => [rule, severity, ends]), [['transaction-timeout', 'broken', ['flink', 'broker 2']]])
  assert.match(report.contracts[0]?.message ?? '', /3600000 ms, and broker 2 allows 700000/)
})

test('a copy too few differs; internal topics take three where there are three brokers', () => {
  const rows = (replicas: number): string[] => {
    const held = { name: 'bills', replicas, configs: new Map<string, string>(), partitions: [{ partition: 0, start: 0, end: 0, stable: 0 }, { partition: 1, start: 0, end: 0, stable: 0 }] }
    return planReport(flinkApp, facts({ topics: new Map([['bills', held]]) }), { workers: { processes: 1, threads: 1 }, load: undefined }).topics
      .map(row => `${row.name} ${row.action} ${row.replicas ?? 'default'} ${row.differences.join()}`)
  }
  assert.deepEqual(rows(3), ['orders make default ', 'bills ok 3 ', 'counts make default ', 'shop.count.n.changelog make 3 '])
  assert.deepEqual(rows(1)[1], 'bills differs 1 replicas 1, wanted 3')
})

// ---------------------------------------------------------------- the load

const load = (more: Partial<Load>): Load => ({ rate: 10_000, recordBytes: 200, latencyMs: undefined, workerRate: 20_000, hopMs: 25, ...more })
const chain = build(app('shop')
  .task('copy', ({ read }) => read(orders).write(bills))
  .task('count', ({ read }) => read(bills).keyBy(bill => bill).count('n').map(String).write(counts)))

test('partitions and workers follow from rate, size and latency, and the arithmetic is shown', () => {
  // 10,000 / (20,000 × 0.7) = 0.71 of a worker for each of 3 stages.
  const plain = capacityOf(chain, load({}))
  assert.deepEqual([plain.stages, plain.hops, plain.utilization, plain.partitionsMin, plain.partitions, plain.workers], [3, 3, 0.7, 1, 2, 3])
  assert.match(plain.arithmetic.join('\n'), /10,000 × 3 stages \/ \(20,000 × 0\.7\) = 2\.14 → 3/)
  // 45 MB/s want five partitions, whatever the records' number.
  assert.equal(capacityOf(chain, load({ recordBytes: 4500 })).partitionsMin, 5)
  // 100 ms over 3 hops of 25 ms leave a quarter: a worker may be busy for that share, so more are needed.
  const fast = capacityOf(chain, load({ latencyMs: 100 }))
  assert.deepEqual([fast.utilization, fast.partitionsMin, fast.workers], [0.25, 2, 6])
})

test('too few, too many, and a latency that no number of workers gives', () => {
  const rules = (more: Partial<Load>): string[] => capacityRules(chain, capacityOf(chain, load(more)), undefined).map(({ rule, severity, ends }) => `${rule} ${severity}: ${ends.join(' ')}`)
  assert.deepEqual(rules({}), [])
  assert.deepEqual(rules({ rate: 100_000 }), ['too-few-partitions warning: orders copy'])
  assert.deepEqual(rules({ latencyMs: 75 }), ['latency warning: copy count'])
  const wide = build(app('shop').task('copy', ({ read }) => read(topic('wide', { key: text, value: text, partitions: 64 })).write(bills)))
  const many = capacityRules(wide, capacityOf(wide, load({ rate: 100 })), undefined)
  assert.deepEqual(many.map(({ rule, ends }) => [rule, ends]), [['too-many-partitions', ['wide', 'copy']]])
  assert.match(many[0]?.message ?? '', /640 markers\/s beside 100 records\/s/)
})

test('thousands of partitions on one broker are too many', () => {
  const rows = planReport(chain, undefined, { workers: { processes: 1, threads: 1 }, load: undefined }).topics
  assert.deepEqual(brokerLoadRule(rows, facts()), [])
  const [one] = rows
  assert.ok(one)
  assert.deepEqual(brokerLoadRule([{ ...one, partitions: 5000, replicas: 3 }], facts()).map(each => each.rule), ['too-many-partitions'])
})
