import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textBatch } from '../../test/support/wire-client.ts'
import type { DiskFile } from '../env/env.ts'
import { scanBatches } from './scan.ts'

/** A batch of `sizeBytes` with one record, which begins at `baseOffset`. */
function batchOf(sizeBytes: number, baseOffset: number): Buffer {
  const overhead = textBatch(['x'.repeat(300)]).length - 300
  const batch = textBatch(['x'.repeat(sizeBytes - overhead)])
  assert.equal(batch.length, sizeBytes)
  batch.writeBigInt64BE(BigInt(baseOffset), 0)
  return batch
}

/** Two batches of which the second begins `before` bytes in front of a sector's border and should be at 263; the first `lost` bytes of the second are zero. */
function faultOf({ before, lost, isGapless, second = 263 }: { readonly before: number; readonly lost: number; readonly isGapless: boolean; readonly second?: number }): number | undefined {
  const bytes = Buffer.concat([batchOf(512 - before, 262), batchOf(400, second)])
  bytes.fill(0, 512 - before, 512 - before + lost)
  const read = (into: Buffer, at: number, length: number, position: number): number => bytes.copy(into, at, position, Math.min(bytes.length, position + length))
  const file = { size: () => bytes.length, read } as Partial<DiskFile> as DiskFile // All that a scan asks for.
  return scanBatches(file, { nextOffset: 262, leaderEpoch: 0, position: 0, gapless: isGapless }, () => {})?.offset
}

test('a base offset that lacks what stood in a sector that was lost concerns its own batch, not the one before', () => {
  assert.equal(faultOf({ before: 7, lost: 0, isGapless: false }), undefined)
  // 263 is 00 00 00 00 00 00 01 07: of it 7 is left, or nothing.
  for (const isGapless of [true, false]) {
    assert.equal(faultOf({ before: 7, lost: 7, isGapless }), 263)
    assert.equal(faultOf({ before: 8, lost: 8, isGapless }), 263)
  }
})

test('… an offset that is lower in another way may be right, and the one before too high', () => {
  assert.equal(faultOf({ before: 7, lost: 7, isGapless: false, second: 200 }), 200)
  assert.equal(faultOf({ before: 6, lost: 7, isGapless: false }), 7)
  assert.equal(faultOf({ before: 100, lost: 7, isGapless: false }), 7)
})
