import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heaviest, scoreSession, type ItemList } from './cooc.ts'
import { NeighborList } from './neighbor-list.ts'
import { SCALE } from './decay.ts'
import type { Pairs } from './session.ts'

const EPOCH = 56
const NOW = 360 * 86_400_000 * EPOCH

function pairs(items: Readonly<Record<string, number>>, mass = 0, epoch = EPOCH): Pairs {
  return { item: 'x', epoch, mass: mass * SCALE, items: Object.keys(items), weights: Object.values(items).map(units => units * SCALE) }
}

function listOf(...all: readonly Pairs[]): ItemList {
  const list = new NeighborList(all[0]?.epoch ?? EPOCH)
  for (const entry of all) list.add(entry, { capacity: 50 })
  return list.published()
}

function score(lists: Readonly<Record<string, ItemList>>, session: readonly string[], more: { revisit?: number; suppressed?: ReadonlySet<string>; count?: number } = {}) {
  return scoreSession({ session, now: NOW, list: item => lists[item], total: 100, count: 20, revisit: 0, ...more })
}

test('the same pairs in another order give the same sums', () => {
  const seed = 7
  const parts = Array.from({ length: 200 }, (_, index) => pairs({ [`i${(index * seed) % 40}`]: 1 + index % 3 }, index % 2))
  const sorted = (list: ItemList): unknown => Object.fromEntries(list.items.map((item, index) => [item, list.weights[index] ?? 0] as const).sort())
  const forward = listOf(...parts)
  const backward = listOf(...parts.toReversed())
  assert.deepEqual(sorted(forward), sorted(backward))
  assert.equal(forward.mass, backward.mass)
})

test('the heaviest entries, ties by id', () => {
  assert.deepEqual(heaviest(['b', 'a', 'c'], [1, 1, 2], 2), { items: ['c', 'a'], weights: [2, 1] })
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

test('many lists that share neighbours: the sums are those of a plain loop, also after longer ones and shorter ones', () => {
  // A generator of its own: the terms are what matters, not their distribution.
  let state = 5
  const next = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below
  for (let round = 0; round < 60; round += 1) {
    const size = 1 + next(round % 3 === 0 ? 300 : 12)
    const session = ['s0', 's1', 's2', 's3', 's4']
    const lists = Object.fromEntries(session.map(item => {
      const items = [...new Set(Array.from({ length: size }, () => `n${next(400)}`))]
      return [item, { epoch: EPOCH, mass: (1 + next(50)) * SCALE, items, weights: items.map(() => (1 + next(90)) * SCALE) } satisfies ItemList] as const
    }))
    const plain = new Map<string, number>()
    for (const [distance, item] of session.slice(0, 4).entries()) {
      const list = lists[item] ?? assert.fail('a list for each')
      for (const [index, neighbour] of list.items.entries()) {
        plain.set(neighbour, (plain.get(neighbour) ?? 0) + 0.7 ** distance * (list.weights[index] ?? 0) / SCALE / (list.mass / SCALE) ** 0.7)
      }
    }
    const rarity = 1 + 0.1 * Math.log(1 + 100)
    const expected = [...plain].map(([item, sum]) => ({ item, score: sum * rarity })).sort((a, b) => b.score - a.score || (a.item < b.item ? -1 : 1)).slice(0, 20)
    const answer = score(lists, session)
    assert.equal(answer.length, expected.length)
    for (const [index, entry] of answer.entries()) assert.ok(Math.abs(entry.score - (expected[index]?.score ?? 0)) < 1e-9, `round ${round}, place ${index}`)
  }
})

test('without lists there is no answer', () => {
  assert.deepEqual(score({}, ['x']), [])
  assert.deepEqual(score({}, []), [])
})
