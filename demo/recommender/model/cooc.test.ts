import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addPairs, heaviest, scoreSession, type ItemList } from './cooc.ts'
import { SCALE } from './decay.ts'
import type { Pairs } from './session.ts'

const EPOCH = 56
const NOW = 360 * 86_400_000 * EPOCH

function pairs(items: Readonly<Record<string, number>>, mass = 0, epoch = EPOCH): Pairs {
  return { item: 'x', epoch, mass: mass * SCALE, items: Object.keys(items), weights: Object.values(items).map(units => units * SCALE) }
}

function listOf(...all: readonly Pairs[]): ItemList {
  return all.reduce<ItemList | undefined>((list, entry) => addPairs(list, entry, { capacity: 50 }), undefined) ?? assert.fail('no pairs')
}

function score(lists: Readonly<Record<string, ItemList>>, session: readonly string[], more: { revisit?: number; suppressed?: ReadonlySet<string>; count?: number } = {}) {
  return scoreSession({ session, now: NOW, list: item => lists[item], total: 100, count: 20, revisit: 0, ...more })
}

test('weights of one neighbour add up, and the old list stays as it was', () => {
  const first = listOf(pairs({ a: 1 }, 1))
  const second = addPairs(first, pairs({ a: 2, b: 1 }), { capacity: 50 })
  assert.deepEqual(second, { epoch: EPOCH, mass: SCALE, items: ['a', 'b'], weights: [3 * SCALE, SCALE] })
  assert.deepEqual(first.weights, [SCALE])
})

test('the same pairs in another order give the same sums', () => {
  const seed = 7
  const parts = Array.from({ length: 200 }, (_, index) => pairs({ [`i${(index * seed) % 40}`]: 1 + index % 3 }, index % 2))
  const sorted = (list: ItemList): unknown => Object.fromEntries(list.items.map((item, index) => [item, list.weights[index] ?? 0] as const).sort())
  const forward = listOf(...parts)
  const backward = listOf(...parts.toReversed())
  assert.deepEqual(sorted(forward), sorted(backward))
  assert.equal(forward.mass, backward.mass)
})

test('a list over twice its capacity is cut to the heaviest, ties by id', () => {
  const capacity = 2
  const list = addPairs(undefined, pairs({ d: 1, c: 1, b: 2, a: 1 }), { capacity })
  assert.equal(list.items.length, 4)
  assert.deepEqual(addPairs(list, pairs({ e: 1 }), { capacity }).items, ['b', 'a'])
  assert.deepEqual(heaviest(['b', 'a'], [1, 1], 2).items, ['a', 'b'])
})

test('pairs of a later landmark move the list there', () => {
  const moved = addPairs(listOf(pairs({ a: 16 }, 16)), pairs({ a: 1 }, 0, EPOCH + 1), { capacity: 50 })
  assert.deepEqual(moved, { epoch: EPOCH + 1, mass: SCALE, items: ['a'], weights: [2 * SCALE] })
})

test('what is most often seen next comes first, and says why', () => {
  const lists = { x: listOf(pairs({ a: 3, b: 1 }, 4)), y: listOf(pairs({ b: 1 }, 4)) }
  const answer = score(lists, ['x', 'y'])
  assert.deepEqual(answer.map(entry => [entry.item, entry.because, entry.support]), [['a', 'x', 3], ['b', 'x', 1]])
})

test('the current item is never an answer, and neither is what is suppressed', () => {
  const lists = { x: listOf(pairs({ a: 3, b: 1 }, 4)), a: listOf(pairs({ x: 3 }, 4)) }
  assert.deepEqual(score(lists, ['a', 'x']).map(entry => entry.item), ['x', 'b'])
  assert.deepEqual(score(lists, ['x'], { suppressed: new Set(['a']) }).map(entry => entry.item), ['b'])
})

test('the revisit term brings back items of the session, the most recent first, without a reason', () => {
  const lists = { x: listOf(pairs({ a: 10 }, 10)) }
  const answer = score(lists, ['x', 'y', 'z'], { revisit: 1 })
  assert.deepEqual(answer.map(entry => entry.item), ['a', 'y', 'z'])
  assert.equal(answer[1]?.because, '')
})

test('ties are broken by item id', () => {
  assert.deepEqual(score({ x: listOf(pairs({ c: 1, a: 1, b: 1 }, 3)) }, ['x'], { count: 2 }).map(entry => entry.item), ['a', 'b'])
})

test('without lists there is no answer', () => {
  assert.deepEqual(score({}, ['x']), [])
  assert.deepEqual(score({}, []), [])
})
