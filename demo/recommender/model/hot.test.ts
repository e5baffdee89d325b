import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heatAt, mergeTop, mergeTops, TOP_MAX, warm, type HotEntry } from './hot.ts'

const HOUR = 3_600_000
const START = 16 * 6 * HOUR * 5000

test('heat halves in six hours', () => {
  const heat = warm(undefined, 4, START)
  assert.ok(Math.abs(heatAt(heat, START + 6 * HOUR) - 2) < 0.01)
  const later = warm(heat, 1, START + 6 * HOUR)
  assert.ok(Math.abs(heatAt(later, START + 6 * HOUR) - 3) < 0.01)
})

test('heat survives a landmark, also when an event of the one before comes late', () => {
  const end = START + 16 * 6 * HOUR
  const after = warm(warm(undefined, 8, end - HOUR), 1, end + HOUR)
  const late = warm(warm(undefined, 1, end + HOUR), 8, end - HOUR)
  assert.ok(Math.abs(heatAt(after, end) - heatAt(late, end)) < 0.02)
})

test('merging reports one by one gives the heaviest of all, as sorting them would', () => {
  let random = 42
  const next = (): number => (random = random * 1103515245 + 12345 & 0x7fffffff) / 0x7fffffff
  const heats = new Map<string, HotEntry>()
  let top: readonly HotEntry[] = []
  /** By partition, as the task keeps them. */
  const tops: (readonly HotEntry[])[] = [[], [], []]
  for (let index = 0; index < 3000; index += 1) {
    const item = `i${Math.floor(next() ** 2 * 300)}`
    const entry = { item, ...warm(heats.get(item), 1, START + index * 60_000) }
    heats.set(item, entry)
    top = mergeTop(top, entry)
    const partition = item.length % tops.length
    tops[partition] = mergeTop(tops[partition] ?? [], entry)
  }
  const at = START + 3000 * 60_000
  const expected = [...heats.values()].sort((a, b) => heatAt(b, at) - heatAt(a, at)).slice(0, TOP_MAX)
  assert.equal(top.length, TOP_MAX)
  for (const [index, entry] of expected.slice(0, 20).entries()) assert.ok(Math.abs(heatAt(entry, at) - heatAt(top[index] ?? entry, at)) < 0.01, `place ${index}`)
  const light = { item: 'light', epoch: top[0]?.epoch ?? 0, sum: 0 }
  assert.equal(mergeTop(top, light), top)
  assert.deepEqual(mergeTops(tops), top)
})
