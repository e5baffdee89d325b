/**
 * A batch with some of its records taken out, as compaction writes it.
 *
 * N1. Offsets never change: base offset, last offset delta and each kept record's delta stay, so that gaps appear, not shifts.
 * N2. Where a delete horizon is stamped (KIP-534) it takes the place of the base timestamp, attribute bit 6 says so, and the
 *     records' deltas are rewritten against it; their timestamps stay.
 * N3. Producer id, epoch and base sequence stay, also in a batch that has no record left.
 */
import { compress } from '../wire/compression.ts'
import { crc32c } from '../wire/crc32c.ts'
import { BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, writeInt64 } from '../wire/record-batch.ts'
import type { BatchView, RecordCursor } from '../wire/record-batch.ts'
import { WireWriter } from '../wire/writer.ts'

const ATTRIBUTE_DELETE_HORIZON = 0x40
const CODEC_MASK = 0x07

export interface FilterResult {
  /** The batch to write: the original where nothing changed, `undefined` where no record is left. */
  readonly batch: Buffer | undefined
  readonly recordsKept: number
  readonly recordsDropped: number
}

/**
 * Keeps the records for which `keep` holds. `deleteHorizonMs`, where given, is stamped if the batch has none and
 * `needsHorizon` of a kept record holds, or `always`.
 */
export function filterBatch(view: BatchView, cursor: RecordCursor, options: {
  readonly keep: (record: RecordCursor) => boolean
  readonly isTombstone: (record: RecordCursor) => boolean
  readonly deleteHorizonMs: number
  readonly stampAlways: boolean
}): FilterResult {
  const kept: number[] = []
  let dropped = 0
  let hasTombstone = false
  let timestampMax = -1
  view.records(cursor)
  const plain = cursor.buffer
  while (cursor.next()) {
    if (!options.keep(cursor)) {
      dropped += 1
      continue
    }
    kept.push(cursor.recordStart, cursor.recordEnd)
    if (cursor.timestamp > timestampMax) timestampMax = cursor.timestamp
    hasTombstone ||= options.isTombstone(cursor)
  }
  const recordsKept = kept.length / 2
  if (recordsKept === 0) return { batch: undefined, recordsKept, recordsDropped: dropped }
  const stamps = !view.hasDeleteHorizon && (hasTombstone || options.stampAlways)
  if (dropped === 0 && !stamps) return { batch: view.buffer.subarray(view.start, view.end), recordsKept, recordsDropped: 0 }
  const baseTimestamp = stamps ? options.deleteHorizonMs : view.baseTimestamp
  const parts: Buffer[] = []
  for (let index = 0; index < kept.length; index += 2) {
    const [start, end] = [kept[index] ?? 0, kept[index + 1] ?? 0]
    parts.push(stamps ? shiftTimestamp(plain, start, end, view.baseTimestamp - baseTimestamp) : plain.subarray(start, end))
  }
  const records = view.codec === 0 ? Buffer.concat(parts) : compress(view.codec, Buffer.concat(parts))
  const batch = Buffer.concat([view.buffer.subarray(view.start, view.start + BATCH_HEADER_BYTES), records])
  return {
    batch: finish(batch, {
      attributes: view.attributes | (stamps ? ATTRIBUTE_DELETE_HORIZON : 0),
      baseTimestamp,
      maxTimestamp: view.timestampType === 'logAppendTime' ? view.maxTimestamp : timestampMax,
      recordCount: recordsKept,
    }),
    recordsKept,
    recordsDropped: dropped,
  }
}

/** The batch without its records: offsets, sequence, producer and epoch stay known (N3). */
export function emptyBatch(view: BatchView): Buffer {
  const batch = Buffer.from(view.buffer.subarray(view.start, view.start + BATCH_HEADER_BYTES))
  return finish(batch, { attributes: view.attributes & ~(CODEC_MASK | ATTRIBUTE_DELETE_HORIZON), baseTimestamp: view.maxTimestamp, maxTimestamp: view.maxTimestamp, recordCount: 0 })
}

function finish(batch: Buffer, header: { readonly attributes: number; readonly baseTimestamp: number; readonly maxTimestamp: number; readonly recordCount: number }): Buffer {
  batch.writeInt32BE(batch.length - BATCH_OVERHEAD_BYTES, 8)
  batch.writeInt16BE(header.attributes, 21)
  writeInt64(batch, 27, header.baseTimestamp)
  writeInt64(batch, 35, header.maxTimestamp)
  batch.writeInt32BE(header.recordCount, 57)
  batch.writeUInt32BE(crc32c(batch, 21, batch.length), 17)
  return batch
}

/** The record at `[start, end)` with `shift` added to its timestamp delta. */
function shiftTimestamp(plain: Buffer, start: number, end: number, shift: number): Buffer {
  const bodyStart = skipVarint(plain, start)
  const deltaStart = bodyStart + 1
  const deltaEnd = skipVarint(plain, deltaStart)
  const delta = new WireWriter(16)
  delta.varlong(readVarlong(plain, deltaStart, deltaEnd) + shift)
  const deltaBytes = delta.toBuffer()
  const length = new WireWriter(8)
  length.varint(end - bodyStart - (deltaEnd - deltaStart) + deltaBytes.length)
  return Buffer.concat([length.toBuffer(), plain.subarray(bodyStart, deltaStart), deltaBytes, plain.subarray(deltaEnd, end)])
}

function skipVarint(plain: Buffer, at: number): number {
  let end = at
  while ((plain[end] ?? 0) >= 0x80) end += 1
  return end + 1
}

/** A zigzag varlong that the cursor has already found sound. */
function readVarlong(plain: Buffer, start: number, end: number): number {
  let value = 0n
  for (let at = start; at < end; at++) value |= BigInt((plain[at] ?? 0) & 0x7f) << BigInt(7 * (at - start))
  return Number((value >> 1n) ^ -(value & 1n))
}
