import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Watermark, WatermarkInput } from './watermark.ts'

test('it never goes back, waits for every active input, and says whether it has moved (W1, W2)', () => {
  const [a, b] = [new WatermarkInput('a', 'a', 0), new WatermarkInput('b', 'b', 10)]
  const watermark = new Watermark([a, b])
  const after = (change: () => void): [boolean, number] => {
    change()
    return [watermark.update(), watermark.value]
  }
  deepEqual(after(() => { a.highest = 100 }), [false, -1])
  deepEqual(after(() => { b.highest = 60 }), [true, 50])
  deepEqual(after(() => { a.highest = 200 }), [false, 50])
  deepEqual(after(() => { b.idle = true }), [true, 200])
  deepEqual(after(() => { b.idle = false }), [false, 200])
  deepEqual(after(() => { b.highest = 300 }), [false, 200])
  deepEqual(after(() => { a.idle = true }), [true, 290])
  deepEqual(after(() => { b.idle = true }), [false, 290])
})
