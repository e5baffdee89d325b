import assert from 'node:assert/strict'
import { test } from 'node:test'
import { vouchedFor } from './changelog-epochs.ts'
import type { ChangelogPosition } from './state/store.ts'

const position = (more: Partial<ChangelogPosition> = {}): ChangelogPosition => ({ topicId: 'topic-1', offsetNext: 80, leaderEpoch: 3, epochOffset: 50, ...more })

test('N1: a leader whose log reaches the position vouches for it, under its epoch', () => {
  assert.deepEqual(vouchedFor(position(), 80, { end: 80, leaderEpoch: 3, epochEnd: undefined }), position({ epochOffset: 80 }))
  assert.deepEqual(vouchedFor(position({ leaderEpoch: -1 }), 80, { end: 90, leaderEpoch: 4, epochEnd: undefined }), position({ leaderEpoch: 4, epochOffset: 80 }))
  assert.deepEqual(vouchedFor(position({ offsetNext: 99 }), 80, { end: 90, leaderEpoch: 3, epochEnd: undefined }), position({ offsetNext: 99, epochOffset: 80 }), 'commits went on meanwhile')
})

test('N1: a log that ends before the position, a leader of the past and one without epochs vouch for nothing', () => {
  for (const said of [{ end: 79, leaderEpoch: 3 }, { end: 90, leaderEpoch: 2 }, { end: 90, leaderEpoch: -1 }]) {
    assert.deepEqual(vouchedFor(position(), 80, { ...said, epochEnd: undefined }), position())
  }
})

test('N2: a new leader vouches if the epoch before reached what it was known for; else the log was truncated, and stays so', () => {
  assert.deepEqual(vouchedFor(position(), 80, { end: 90, leaderEpoch: 4, epochEnd: 50 }), position({ leaderEpoch: 4, epochOffset: 80 }))
  const truncated = vouchedFor(position(), 80, { end: 90, leaderEpoch: 4, epochEnd: 49 })
  assert.deepEqual(truncated, position({ truncated: true }))
  assert.deepEqual(vouchedFor(truncated, 80, { end: 95, leaderEpoch: 5, epochEnd: undefined }), truncated)
})
