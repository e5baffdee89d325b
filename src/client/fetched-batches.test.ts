import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchBuilder, controlBatch } from '../wire/batch-builder.ts'
import { FetchedCursor } from './fetched-batches.ts'
import type { AbortedTransaction, FetchedBatches } from './fetched-batches.ts'

/** A batch of `count` records whose values are their offsets. */
function batch(baseOffset: number, count: number, transaction?: { producerId: number }, codec: 'none' | 'gzip' = 'none'): Buffer {
  const builder = new BatchBuilder({ codec })
  for (let index = 0; index < count; index++) builder.append(1_000 + index, null, Buffer.from(String(baseOffset + index)))
  return builder.build({ baseOffset, leaderEpoch: 7, ...(transaction === undefined ? {} : { producerId: transaction.producerId, producerEpoch: 0, baseSequence: 0, transactional: true }) })
}

const marker = (baseOffset: number, producerId: number, type: 'commit' | 'abort'): Buffer =>
  controlBatch({ producerId, producerEpoch: 0, type, coordinatorEpoch: 0, timestamp: 1_000, baseOffset, leaderEpoch: 7 })

function fetched(batches: readonly Buffer[], offsetWanted: number, aborted: readonly AbortedTransaction[] = []): FetchedBatches {
  return { topic: 't', partition: 0, batches: Buffer.concat(batches), offsetWanted, offsetNext: -1, highWatermark: 0, lastStableOffset: 0, logStartOffset: 0, aborted, release: () => {} }
}

function walk(cursor: FetchedCursor, from: FetchedBatches): { offsets: number[], next: number } {
  const offsets: number[] = []
  cursor.open(from)
  while (cursor.next()) {
    assert.equal(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd), String(cursor.offset))
    assert.equal(cursor.offsetNext, cursor.offset + 1)
    assert.equal(cursor.leaderEpoch, 7)
    assert.equal(cursor.keyStart, -1)
    offsets.push(cursor.offset)
  }
  assert.equal(cursor.next(), false)
  return { offsets, next: cursor.offsetNext }
}

test('records before the wanted offset are left out, also inside of a compressed batch', () => {
  const cursor = new FetchedCursor()
  for (const codec of ['none', 'gzip'] as const) {
    assert.deepEqual(walk(cursor, fetched([batch(10, 5, undefined, codec), batch(15, 2)], 12)), { offsets: [12, 13, 14, 15, 16], next: 17 })
  }
  assert.deepEqual(walk(cursor, fetched([batch(10, 5)], 15)), { offsets: [], next: 15 })
})

test('control batches are passed over and count for the position', () => {
  assert.deepEqual(walk(new FetchedCursor(), fetched([batch(0, 2, { producerId: 1 }), marker(2, 1, 'commit')], 0)), { offsets: [0, 1], next: 3 })
  assert.deepEqual(walk(new FetchedCursor(), fetched([marker(2, 1, 'abort')], 2)), { offsets: [], next: 3 })
})

test('aborted transactions are left out, committed ones and others around them are not', () => {
  const log = [
    batch(0, 2, { producerId: 1 }), batch(2, 2, { producerId: 2 }), batch(4, 1), marker(5, 1, 'abort'),
    batch(6, 2, { producerId: 1 }), batch(8, 2, { producerId: 2 }), marker(10, 1, 'commit'), marker(11, 2, 'commit'),
    batch(12, 1, { producerId: 2 }), batch(13, 1, { producerId: 1 }), marker(14, 2, 'abort'),
  ]
  const cursor = new FetchedCursor()
  const aborted = [{ producerId: 1, firstOffset: 0 }, { producerId: 2, firstOffset: 12 }]
  assert.deepEqual(walk(cursor, fetched(log, 0, aborted)), { offsets: [2, 3, 4, 6, 7, 8, 9, 13], next: 15 })
  // The transaction began before what was fetched.
  assert.deepEqual(walk(cursor, fetched(log.slice(1), 2, [{ producerId: 2, firstOffset: 12 }, { producerId: 3, firstOffset: 1 }].sort((a, b) => a.firstOffset - b.firstOffset))), { offsets: [2, 3, 4, 6, 7, 8, 9, 13], next: 15 })
  // The cursor forgets what it knew of the fetch before.
  assert.deepEqual(walk(cursor, fetched(log, 0)), { offsets: [0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 13], next: 15 })
})

test('an empty fetch gives nothing and keeps the position', () => {
  assert.deepEqual(walk(new FetchedCursor(), fetched([], 42)), { offsets: [], next: 42 })
})
