import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failpointsOf } from './failpoints.ts'

test('The n-th visit kills, once; other points do not count', () => {
  let kills = 0
  const points = failpointsOf('after-flush:3', point => {
    assert.equal(point, 'after-flush')
    kills++
  })
  for (const point of ['after-flush', 'before-end-txn', 'after-flush'] as const) points.reach(point)
  assert.equal(kills, 0)
  points.reach('after-flush')
  points.reach('after-flush')
  assert.equal(kills, 1)
})

test('A setting that names no point is refused with the list of points', () => {
  assert.throws(() => failpointsOf('after-lunch:1', () => {}), /after-end-txn/)
  assert.throws(() => failpointsOf('after-flush:0', () => {}), /after-flush:0/)
  failpointsOf(undefined, () => assert.fail('killed')).reach('after-flush')
})
