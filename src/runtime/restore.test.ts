import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rebuildReason } from './restore.ts'
import type { StorePosition } from './state/store.ts'

const HOUR = 3_600_000
const now = (hours: number, bootId = 'boot-1'): Parameters<typeof rebuildReason>[2] => ({ env: { clock: { now: () => hours * HOUR } }, bootId, stores: [] })
const position = (more: Partial<StorePosition> = {}, offsetNext = 50): StorePosition => ({
  changelogs: { totals: { topicId: 'topic-1', offsetNext, leaderEpoch: 0 } }, committedAtMs: 0, bootId: 'boot-1', cleanClose: false, clocks: '', ...more,
})
const changelog = (more: { start?: number; end?: number; topicId?: string; epochEnd?: number } = {}) => [{ store: 'totals', topicId: 'topic-1', start: 0, end: 100, epochEnd: undefined, ...more }]

test('A crash of the process is no reason to rebuild: only the tail is replayed (I7)', () => {
  assert.equal(rebuildReason(position(), changelog(), now(1)), undefined)
  assert.equal(rebuildReason(position({ cleanClose: true }), changelog(), now(1, 'boot-2')), undefined)
})

test('R2: the named reasons, each', () => {
  assert.match(rebuildReason(position(), changelog({ topicId: 'topic-2' }), now(1)) ?? '', /made anew/)
  assert.match(rebuildReason(position({}, 101), changelog(), now(1)) ?? '', /ahead/)
  assert.match(rebuildReason(position(), changelog({ epochEnd: 49 }), now(1)) ?? '', /truncated/)
  assert.match(rebuildReason(position(), changelog({ epochEnd: -1 }), now(1)) ?? '', /truncated/, 'the log has no epoch that high')
  assert.match(rebuildReason(position({}, 5), changelog({ start: 10 }), now(1)) ?? '', /begins after/)
  assert.match(rebuildReason(position(), changelog(), now(13)) ?? '', /longer than deleted keys/)
  assert.match(rebuildReason(position(), changelog(), now(1, 'boot-2')) ?? '', /went down/)
})

test('An epoch that ended at the position or behind it is no truncation', () => {
  assert.equal(rebuildReason(position(), changelog({ epochEnd: 50 }), now(1)), undefined)
  assert.equal(rebuildReason(position(), changelog({ epochEnd: 100 }), now(1)), undefined)
})

test('Away for long, but nothing has changed since: no deletion can have been missed', () => {
  assert.equal(rebuildReason(position({}, 100), changelog(), now(100)), undefined)
})
