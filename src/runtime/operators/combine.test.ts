import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, json, record, text, timeWindowed, topic } from 'millrace'
import type { Header, TaskTools } from 'millrace'
import { build } from '../../topology/build.ts'
import type { NativeTaskPlan } from '../../topology/plan.ts'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { InProcess, thrown } from '../../../test/support/in-process.ts'
import { CombineOperator } from './combine.ts'

const Sale = record({ item: text, amount: int64 })
const sales = topic('sales', { key: text, value: Sale })
type Described = (tools: TaskTools) => void

function planOf(described: Described): NativeTaskPlan {
  const [task] = build(app('a').task('t', described)).tasks
  if (task?.kind !== 'native') throw new Error('no task')
  return task
}

function combineOf(described: Described): { readonly operator: CombineOperator; readonly to: Collector } {
  const node = planOf(described).subTopologies[0]?.nodes.find(each => each.kind === 'combine')
  if (node?.kind !== 'combine') throw new Error('nothing is combined')
  const to = new Collector()
  return { operator: new CombineOperator(node, to, to), to }
}

const perMinute: Described = ({ read }) => {
  read(sales).keyBy(sale => sale.item).window({ tumbling: '10 ms' }).aggregate('sum', { zero: () => 0, add: (sum, sale) => sum + sale.amount, merge: (left, right) => left + right, state: int64 })
}

test('a key of a window travels once, with the sum and the highest time, in the order of windows (C1, C2)', () => {
  const { operator, to } = combineOf(perMinute)
  for (const [item, amount, time] of [['b', 1, 12], ['a', 2, 5], ['a', 3, 3], ['b', 4, 19], ['a', 5, 20]] as const) operator.process(item, { item, amount }, time, originAt(0))
  equal(to.rows.length, 0)
  equal(operator.heldFrom(), 0)
  operator.release(10)
  deepEqual(to.rows.map(([key, state, time]) => [key, state, time]), [['a', 5, 5], ['b', 5, 19]])
  equal(operator.heldFrom(), 20)
  operator.flush()
  deepEqual(to.rows.slice(2).map(([key, state, time]) => [key, state, time]), [['a', 5, 20]])
  equal(operator.heldFrom(), Infinity)
})

test('what the aggregate drops is dropped in its name, and records with headers pass alone (C3)', () => {
  const { operator, to } = combineOf(perMinute)
  const header: Header = { key: 'trace', value: Buffer.from('1') }
  operator.process(undefined, { item: 'a', amount: 1 }, 1, originAt(0))
  operator.process('a', { item: 'a', amount: 1 }, 1, originAt(1, [header]))
  deepEqual(to.drops, ['sum: nullKey'])
  deepEqual(to.rows, [['a', 1, 1, 'in@1']])
})

test('keys that do not repeat pass by themselves after a look (C4)', () => {
  const { operator, to } = combineOf(perMinute)
  for (let index = 0; index < 3_000; index++) operator.process(`k${index}`, { item: '', amount: 1 }, 1, originAt(index))
  equal(to.rows.length, 0)
  operator.flush()
  equal(to.rows.length, 3_000)
  operator.process('k1', { item: '', amount: 1 }, 1, originAt(9))
  deepEqual(to.rows.at(-1), ['k1', 1, 1, 'in@9'])
})

test('a state that is to be merged cannot be none', () => {
  const { operator } = combineOf(({ read }) => {
    read(sales).keyBy(sale => sale.item).aggregate('last', { zero: () => undefined, add: () => undefined, merge: (_left, right) => right, state: json<undefined>() })
  })
  match(thrown(() => operator.process('a', { item: 'a', amount: 1 }, 1, originAt(0))), /'last' has a merge, and its add gives undefined/)
})

test('only what one aggregate reads, and can merge, is combined', () => {
  const kinds = (described: Described): number => planOf(described).subTopologies.flatMap(sub => sub.nodes).filter(node => node.kind === 'combine').length
  const final = { tumbling: '10 ms', emit: 'final' } as const
  const sum = { zero: () => 0, add: (total: number, sale: { readonly amount: number }) => total + sale.amount, merge: (left: number, right: number) => left + right, state: int64 }
  equal(kinds(({ read }) => { read(sales).keyBy(sale => sale.item).window(final).count() }), 1)
  equal(kinds(({ read }) => { read(sales).keyBy(sale => sale.item).aggregate(sum) }), 1)
  equal(kinds(({ read }) => { read(sales).keyBy(sale => sale.item).window({ tumbling: '10 ms' }).aggregate(sum) }), 1)
  equal(kinds(({ read }) => { read(sales).keyBy(sale => sale.item).count() }), 0, 'a row after each record was promised')
  equal(kinds(({ read }) => { read(sales).count() }), 0, 'nothing travels')
  equal(kinds(({ read }) => { read(sales).keyBy(sale => sale.item).aggregate({ zero: () => 0, add: sum => sum + 1 }) }), 0, 'no merge')
  equal(kinds(({ read }) => { read(sales).keyBy(sale => sale.item).reduce((left, right) => left.amount > right.amount ? left : right) }), 0, 'a reduce need not be associative')
  equal(kinds(({ read }) => { read(sales).keyBy(sale => sale.item).window({ hopping: '10 ms', every: '5 ms', emit: 'final' }).count() }), 0, 'a record is in several windows')
  equal(kinds(({ read }) => {
    const byItem = read(sales).keyBy(sale => sale.item, { name: 'by-item' })
    byItem.aggregate('all', sum)
    byItem.window(final).count('some')
  }), 0, 'two read it')
})

const out = topic('out', { key: timeWindowed(text, 10), value: int64 })

test('final rows are the same as without a key change before', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  let state = seed
  const random = (): number => { state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff; return state / 0x7fffffff }
  const window = { tumbling: '10 ms', grace: '20 ms', emit: 'final' } as const
  const fold = { zero: () => 0, add: (sum: number, sale: { readonly amount: number }) => sum + sale.amount, state: int64 }
  const combined = await InProcess.start(app('a').task('t', ({ read }) => read(sales).keyBy(sale => sale.item).window(window).aggregate({ ...fold, merge: (left, right) => left + right }).write(out)))
  const plain = await InProcess.start(app('a').task('t', ({ read }) => read(sales).keyBy(sale => sale.item).window(window).aggregate(fold).write(out)))
  const rows = (process: typeof plain): string[] => process.output.map(row => `${row.key?.toString('hex')} ${row.value?.toString('hex')} ${row.time}`)
  for (let index = 0; index < 2_000; index++) {
    const value = Buffer.from(JSON.stringify({ item: `i${Math.floor(random() * 5)}`, amount: Math.floor(random() * 100) }))
    const time = Math.max(0, index + Math.floor((random() - 0.5) * 60))
    for (const process of [combined, plain]) process.pipe({ topic: 'sales', key: Buffer.from('k'), value, time })
  }
  equal(rows(combined).length > 100, true)
  deepEqual(rows(combined), rows(plain), `seed ${seed}`)
  await combined.close()
  await plain.close()
})
