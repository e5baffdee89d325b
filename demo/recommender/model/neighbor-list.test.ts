import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../shop/shoppers.ts'
import { heaviest } from './cooc.ts'
import { moveEpoch, SCALE } from './decay.ts'
import { NeighborList, neighborList } from './neighbor-list.ts'
import type { Pairs } from './session.ts'

const EPOCH = 56

function pairs(items: Readonly<Record<string, number>>, mass = 0, epoch = EPOCH): Pairs {
  return { item: 'x', epoch, mass: mass * SCALE, items: Object.keys(items), weights: Object.values(items).map(units => units * SCALE) }
}

function listOf(capacity: number, ...all: readonly Pairs[]): NeighborList {
  const list = new NeighborList(all[0]?.epoch ?? EPOCH)
  for (const entry of all) list.add(entry, { capacity })
  return list
}

test('weights of one neighbour add up, and what was published stays as it was', () => {
  const list = listOf(50, pairs({ a: 1 }, 1))
  const first = list.published()
  list.add(pairs({ a: 2, b: 1 }), { capacity: 50 })
  assert.deepEqual(list.published(), { epoch: EPOCH, mass: SCALE, items: ['a', 'b'], weights: [3 * SCALE, SCALE] })
  assert.deepEqual(first, { epoch: EPOCH, mass: SCALE, items: ['a'], weights: [SCALE] })
})

test('a list over twice its capacity is cut to the heaviest, ties by id, and counts on', () => {
  const list = listOf(2, pairs({ d: 1, c: 1, b: 2, a: 1 }))
  assert.equal(list.length, 4)
  list.add(pairs({ e: 1 }), { capacity: 2 })
  assert.deepEqual(list.published().items, ['b', 'a'])
  list.add(pairs({ a: 4, f: 1 }), { capacity: 2 })
  assert.deepEqual(list.published(), { epoch: EPOCH, mass: 0, items: ['b', 'a', 'f'], weights: [2 * SCALE, 5 * SCALE, SCALE] })
})

test('random pairs, as a Map would have them: order, sums, pruning, later landmarks, and bytes in between', () => {
  const seed = 3
  const random = seeded(seed)
  for (let round = 0; round < 20; round += 1) {
    const capacity = [2, 50, 200][round % 3] ?? 50
    let list = new NeighborList(EPOCH)
    let known = new Map<string, number>()
    let mass = 0
    let epoch = EPOCH
    for (let step = 0; step < 400; step += 1) {
      const later = step === 200 ? epoch + 1 : epoch
      if (later > epoch) {
        known = new Map([...known].map(([item, weight]) => [item, moveEpoch(weight, epoch, later)]))
        mass = moveEpoch(mass, epoch, later)
        epoch = later
      }
      const items = [...new Set(Array.from({ length: 1 + Math.floor(random() * 8) }, () => `物${Math.floor(random() ** 2 * 900)}`))]
      const weights = items.map(() => Math.floor(random() * 5000))
      const added: Pairs = { item: 'x', epoch, mass: Math.floor(random() * 100), items, weights }
      list.add(added, { capacity })
      for (const [index, item] of items.entries()) known.set(item, (known.get(item) ?? 0) + (weights[index] ?? 0))
      mass += added.mass
      if (known.size > 2 * capacity) {
        const kept = heaviest([...known.keys()], [...known.values()], capacity)
        known = new Map(kept.items.map((item, index) => [item, kept.weights[index] ?? 0]))
      }
      if (step % 50 === 49) {
        const bytes = neighborList.serialize(list)
        list = neighborList.deserialize(Buffer.concat([Buffer.from('..'), bytes, Buffer.from('..')]), 2, 2 + bytes.length)
        assert.deepEqual(neighborList.serialize(list), bytes)
      }
    }
    assert.deepEqual(list.published(), { epoch, mass, items: [...known.keys()], weights: [...known.values()] }, `seed ${seed}, round ${round}`)
  }
})

test('a list that has something to publish keeps that over its bytes', () => {
  const list = listOf(50, pairs({ a: 1 }, 1))
  list.isDirty = true
  const bytes = neighborList.serialize(list)
  assert.equal(neighborList.deserialize(bytes, 0, bytes.length).isDirty, true)
})

test('bytes that are no list are refused, however they are cut', () => {
  const bytes = neighborList.serialize(listOf(50, pairs({ a: 1, bb: 2 }, 1)))
  for (let end = 0; end < bytes.length; end += 1) assert.throws(() => neighborList.deserialize(bytes, 0, end), { code: 'SERDE_FAILED' }, `${end} bytes`)
  assert.throws(() => neighborList.deserialize(Buffer.concat([bytes, Buffer.from('x')]), 0, bytes.length + 1), { code: 'SERDE_FAILED' })
  assert.throws(() => neighborList.deserialize(Buffer.from(`{"epoch":1,"mass":2,"items":[],"weights":[]}`), 0, 44), { code: 'SERDE_FAILED' })
})
