import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochOf, fixedWeight, moveEpoch, unitsAt } from './decay.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 5, 1)

test('a weight is worth its units now and half of them after a half-life', () => {
  const epoch = epochOf(NOW)
  const weight = fixedWeight(3, NOW, epoch)
  assert.ok(Math.abs(unitsAt(weight, epoch, NOW) - 3) < 0.01)
  assert.ok(Math.abs(unitsAt(weight, epoch, NOW + 90 * DAY) - 1.5) < 0.01)
})

test('sums of weights are equal in any order', () => {
  const epoch = epochOf(NOW)
  const weights = Array.from({ length: 1000 }, (_, index) => fixedWeight(1 / Math.sqrt(1 + index % 8), NOW + index * 60_000, epoch))
  const forward = weights.reduce((sum, weight) => sum + weight, 0)
  const backward = weights.toReversed().reduce((sum, weight) => sum + weight, 0)
  assert.equal(forward, backward)
  assert.ok(Number.isSafeInteger(forward))
})

test('a sum keeps its worth when it moves to a later landmark, and refuses to move back', () => {
  const epoch = epochOf(NOW)
  const sum = fixedWeight(1000, NOW, epoch)
  const moved = moveEpoch(sum, epoch, epoch + 1)
  assert.ok(Math.abs(unitsAt(moved, epoch + 1, NOW) - unitsAt(sum, epoch, NOW)) < 0.1)
  assert.throws(() => moveEpoch(moved, epoch + 1, epoch), /later landmark/)
})
