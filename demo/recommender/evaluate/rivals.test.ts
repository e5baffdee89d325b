import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../shop/shoppers.ts'
import { ItemKnn } from './item-knn.ts'
import { ItemNumbers } from './item-numbers.ts'
import { SequentialRules, type Rival } from './rivals.ts'
import { Votes } from './votes.ts'

const AT = Date.UTC(2026, 5, 1)
const [A, B, X, Y, Z] = [0, 1, 2, 3, 4]
const ITEMS = 5

function learned<R extends Rival>(rival: R, sessions: readonly (readonly number[])[]): R {
  for (const [number, items] of sessions.entries()) {
    for (const [index, item] of items.entries()) rival.learn({ session: String(number), item, at: AT }, items.slice(0, index))
  }
  return rival
}

function ask(rival: Rival, items: readonly number[], filtered?: ReadonlySet<number>): number[] {
  return rival.recommend(items, { session: 'asked', item: -1, at: AT }, filtered)
}

test('the heaviest votes are those of a full sort, with ties, an excluded item and filtered ones, question after question', t => {
  const seed = 13
  t.diagnostic(`seed ${seed}`)
  const random = seeded(seed)
  const votes = new Votes(200)
  for (let round = 0; round < 200; round += 1) {
    const sums = new Map<number, number>()
    votes.start()
    for (let vote = Math.floor(random() * 80); vote >= 0; vote -= 1) {
      const item = Math.floor(random() * 200)
      const weight = 1 + Math.floor(random() * 6)
      votes.add(item, weight)
      sums.set(item, (sums.get(item) ?? 0) + weight)
    }
    const filtered = new Set([...sums.keys()].filter(() => random() < 0.1))
    const without = [...sums.keys()][0]
    const count = 1 + Math.floor(random() * 25)
    const sorted = [...sums].filter(([item]) => item !== without && !filtered.has(item)).sort((a, b) => b[1] - a[1] || a[0] - b[0])
    assert.deepEqual(votes.top(count, without, filtered), sorted.slice(0, count).map(([item]) => item))
  }
})

test('items are numbered by their ids: whole numbers by size, then text', () => {
  const numbers = new ItemNumbers(['85123A', '9', '10', '010', 'POST', '9', '85123a'])
  assert.deepEqual(['9', '010', '10', '85123A', '85123a', 'POST', 'else'].map(item => numbers.of(item)), [0, 1, 2, 3, 4, 5, -1])
  assert.equal(numbers.count, 6)
})

test('sequential rules of the last item alone, and of the last items together', () => {
  const sessions = [[A, X], [A, X], [A, Y], [B, Y], [B, Y]]
  const one = learned(new SequentialRules({ last: 1, rulesMax: 100, count: 20, items: ITEMS }), sessions)
  assert.deepEqual(ask(one, [B, A]), [X, Y])
  const both = learned(new SequentialRules({ last: 5, rulesMax: 100, count: 20, items: ITEMS }), sessions)
  assert.deepEqual(ask(both, [B, A]), [Y, X])
  assert.deepEqual(ask(both, [B, A], new Set([Y])), [X])
  assert.deepEqual(ask(both, []), [])
})

test('the rules of an item are cut to the heaviest when there are twice as many', () => {
  const rules = learned(new SequentialRules({ last: 1, rulesMax: 1, count: 20, items: ITEMS }), [[A, X], [A, X], [A, Y]])
  assert.deepEqual(ask(rules, [A]), [X, Y])
  learned(rules, [[A, Z]])
  assert.deepEqual(ask(rules, [A]), [X])
})

test('item-kNN: bought together, for how often each is bought, an item once a basket', () => {
  // X and Y were in a basket with A twice each; X is bought twice as often, so Y says more.
  const baskets = [[A, X, Y], [A, X, A, Y], [X, B], [X, B]]
  const knn = learned(new ItemKnn({ last: 5, near: 8, shrink: 0, count: 20, items: ITEMS }), baskets)
  assert.deepEqual(ask(knn, [A]), [Y, X])
  assert.deepEqual(ask(knn, [A], new Set([Y])), [X])
  assert.deepEqual(ask(knn, [Z]), [])
  // 2 / √(2 · 2) for Y; for X 2 / √(2 · 4) of A, and as much of B.
  assert.deepEqual(ask(knn, [A, B]), [X, Y])
  // Only neighbours in the basket count where it is told so.
  const near = learned(new ItemKnn({ last: 5, near: 1, shrink: 0, count: 20, items: ITEMS }), [[A, X, Y]])
  assert.deepEqual([ask(near, [A]), ask(near, [X]), ask(near, [Y])], [[X], [A, Y], [X]])
})
