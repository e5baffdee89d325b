import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochOf, fixedWeight } from '../model/decay.ts'
import type { Click, HotTop, Neighbors, Recs } from '../topics.ts'
import type { TaskContext } from './context.ts'
import { isInComparison, recommend, type RecommendState } from './recommend.ts'

const NOW = Date.UTC(2026, 5, 1)
const EPOCH = epochOf(NOW)

function click(item: string, more: Partial<Click> = {}): Click {
  return { type: 'view', item, category: 'c', price: 0, source: '', at: NOW, origin: '0@0', session: 1, position: 1, before: [], frozen: false, received: 0, sessionized: 0, ...more }
}

function neighbors(weights: Readonly<Record<string, number>>): Neighbors {
  return { at: NOW, epoch: EPOCH, mass: fixedWeight(10, NOW, EPOCH), items: Object.keys(weights), weights: Object.values(weights).map(units => fixedWeight(units, NOW, EPOCH)) }
}

function hotTop(items: readonly string[]): HotTop {
  return { at: NOW, epoch: 0, items, sums: items.map(() => 1), totalEpoch: EPOCH, total: fixedWeight(100, NOW, EPOCH) }
}

/** A visitor's clicks through the task; gives its lists. */
function ask(visitor: string, clicks: readonly Click[], options: { readonly compare?: boolean; readonly lists?: Readonly<Record<string, Neighbors>>; readonly hot?: Readonly<Record<string, HotTop>> } = {}): Recs[] {
  const out: Recs[] = []
  let state: RecommendState | undefined
  const handle = recommend({ compare: options.compare ?? false, trace: false, revisit: 1 })
  for (const one of clicks) {
    const context: TaskContext<RecommendState, Recs> = {
      key: visitor, time: one.at, partition: 0, offset: 0,
      state: { get: () => state, set: next => { state = next }, delete: () => { state = undefined } },
      timers: { set: () => {}, cancel: () => {}, now: () => 0 },
      emit: value => void out.push(value),
    }
    handle(one, context, { neighbors: { get: item => options.lists?.[item] }, hot: { get: name => options.hot?.[name] } })
  }
  return out
}

test('lists come from neighbours, then from what is hot in the category, then everywhere', () => {
  const [recs] = ask('v', [click('a')], { lists: { a: neighbors({ b: 2 }) }, hot: { c: hotTop(['h1', 'a', 'b']), all: hotTop(['h2', 'h1']) } })
  assert.deepEqual(recs?.items.map(entry => [entry.item, entry.because, entry.support]), [['b', 'a', 2], ['h1', '', 0], ['h2', '', 0]])
  assert.equal(recs?.group, 'cooc')
})

test('what was bought does not come back for thirty days', () => {
  const bought = click('b', { type: 'purchase' })
  const lists = { a: neighbors({ b: 2, c: 1 }), b: neighbors({ c: 1 }) }
  const at = (days: number): Click => click('a', { at: NOW + days * 86_400_000 })
  const [, early, late] = ask('v', [bought, at(29), at(31)], { lists })
  assert.deepEqual(early?.items.map(entry => entry.item), ['c'])
  assert.deepEqual(late?.items.map(entry => entry.item), ['b', 'c'])
})

test('one visitor in ten gets what is popular, always the same ones', () => {
  const visitors = Array.from({ length: 5000 }, (_, index) => `visitor-${index}`)
  const compared = visitors.filter(isInComparison)
  assert.ok(Math.abs(compared.length / visitors.length - 0.1) < 0.02, `${compared.length} of ${visitors.length}`)
  const [recs] = ask(compared[0] ?? '', [click('a')], { compare: true, lists: { a: neighbors({ b: 2 }) }, hot: { all: hotTop(['h1', 'h2']) } })
  assert.equal(recs?.group, 'popularity')
  assert.deepEqual(recs?.items.map(entry => entry.item), ['h1', 'h2'])
})

test('behind the twenty of the list stand so many that a page without the seen ones has twenty', () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`n${index}`, 50 - index]))
  const before = ['n0', 'n1', 'n2']
  const [recs] = ask('v', [click('a', { before })], { lists: { a: neighbors(many) } })
  const unseen = recs?.items.filter(entry => !before.includes(entry.item)) ?? []
  assert.equal(unseen.length, 20)
  assert.deepEqual(recs?.seen, ['a', ...before])
})

test('without lists and without heat the answer is what was seen', () => {
  const [recs] = ask('v', [click('a', { before: ['b'] })])
  assert.deepEqual(recs?.items.map(entry => entry.item), ['b'])
})
