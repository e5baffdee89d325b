/**
 * Reading a partition: whole batches from memory or from segments, and the aborted transactions that overlap them.
 *
 * V1. What is returned are whole batches below the bound (high watermark, or last stable offset for `committed`); the first
 *     is the one that holds the asked offset.
 * V2. The aborted list covers every aborted transaction that overlaps the returned offsets, from whatever segment.
 * V3. Sizes, offsets and epochs of what comes from disk continue each other, to the header after it, or it is LOG_CORRUPT: a base offset that
 *     flipped must not send a reader past records. The CRC of what they hold is the reader's to check, as with Kafka.
 */
import { BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES } from '../wire/record-batch.ts'
import type { MemoryBlocks } from './memory-blocks.ts'
import { placeOf } from './segment.ts'
import type { BatchPlace, Segment } from './segment.ts'
import type { TailCache } from './tail-cache.ts'
import type { AbortedTransaction } from './types.ts'

const EMPTY = Buffer.alloc(0)
/** A shorter piece of a cached batch is copied: it may leave as a part of another chunk, and its block is never given back. */
const HELD_BYTES_MIN = 4096

export interface ReadRange {
  readonly offset: number
  /** Nothing at or above it is returned. */
  readonly bound: number
  readonly bytesMax: number
  readonly minOneBatch: boolean
}

/** What is large lies in one of `blocks`, held for the reader. */
export function readBatches(segments: readonly Segment[], tail: TailCache, blocks: MemoryBlocks, range: ReadRange): Buffer {
  if (range.offset >= range.bound) return EMPTY
  const cached = tail.from(range.offset)
  if (cached !== undefined) return readTail(cached.chunks, cached.index, blocks, range)
  // A compacted segment may hold nothing at or after the offset any more: the next one does.
  for (let index = segmentIndexOf(segments, range.offset); index < segments.length; index++) {
    const segment = segments[index]
    if (segment === undefined || segment.baseOffset >= range.bound) break
    const bytes = readSegment(segment, blocks, range)
    if (bytes !== undefined) return bytes
  }
  return EMPTY
}

/** Offset after the last batch of `records`, `undefined` where there is none. */
export function endOffsetOf(records: Buffer): number | undefined {
  let end: number | undefined
  for (let at = 0; at < records.length; at += records.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES) end = nextOffsetAt(records, at)
  return end
}

/** Aborted transactions that overlap `[offset, end)` (V2), by first offset. */
export function abortedWithin(segments: readonly Segment[], offset: number, end: number): AbortedTransaction[] {
  const aborted: AbortedTransaction[] = []
  if (end <= offset) return aborted
  for (let index = segmentIndexOf(segments, offset); index < segments.length; index++) {
    for (const entry of segments[index]?.aborted ?? []) {
      if (entry.lastOffset >= offset && entry.firstOffset < end) aborted.push({ producerId: entry.producerId, firstOffset: entry.firstOffset })
      // Everything aborted later began at or after that stable offset.
      if (entry.lastStableOffset >= end) return aborted.sort((a, b) => a.firstOffset - b.firstOffset)
    }
  }
  return aborted.sort((a, b) => a.firstOffset - b.firstOffset)
}

/** Index of the last segment that begins at or below `offset`, 0 where none does. */
export function segmentIndexOf(segments: readonly Segment[], offset: number): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((segments[middle]?.baseOffset ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}

function readTail(chunks: readonly { readonly bytes: Buffer }[], index: number, blocks: MemoryBlocks, range: ReadRange): Buffer {
  const parts: Buffer[] = []
  let bytes = 0
  for (let at = index; at < chunks.length; at++) {
    const chunk = chunks[at]?.bytes
    if (chunk === undefined) break
    const from = at === index ? startOf(chunk, range.offset) : 0
    const taken = wholeBatches(chunk, from, { ...range, bytesMax: range.bytesMax - bytes, minOneBatch: range.minOneBatch && bytes === 0 })
    if (taken > from) parts.push(from === 0 && taken === chunk.length ? chunk : chunk.subarray(from, taken))
    bytes += taken - from
    if (taken < chunk.length) break
  }
  const first = parts[0]
  if (first === undefined) return EMPTY
  if (parts.length === 1) {
    if (first.length < HELD_BYTES_MIN) return Buffer.from(first)
    blocks.hold(first)
    return first
  }
  const joined = blocks.take(bytes)
  let at = 0
  for (const part of parts) at += part.copy(joined, at)
  return joined
}

function readSegment(segment: Segment, blocks: MemoryBlocks, range: ReadRange): Buffer | undefined {
  const first = segment.findBatch(range.offset)
  if (first === undefined) return undefined
  if (first.lastOffset >= range.bound) return EMPTY
  if (first.sizeBytes > range.bytesMax && !range.minOneBatch) return EMPTY
  // With the header of the batch after them: it says whether the last one's offsets can be true.
  const length = Math.min(Math.max(first.sizeBytes, range.bytesMax) + BATCH_HEADER_BYTES, segment.sizeBytes - first.position)
  const bytes = segment.readBytes(first.position, length, blocks.take(length))
  const end = wholeBatches(bytes, 0, range)
  checkPlaces(segment, first.position, bytes, end)
  return end === bytes.length ? bytes : bytes.subarray(0, end)
}

/** What a disk gives back is checked before it is served (V3). */
function checkPlaces(segment: Segment, position: number, bytes: Buffer, end: number): void {
  let before: BatchPlace | undefined
  for (let at = 0; at <= end && position + at < segment.sizeBytes;) {
    const place = placeOf(bytes, at, position + at, segment.sizeBytes)
    if (place === undefined) {
      if (at < end || bytes.length - at >= BATCH_HEADER_BYTES) throw segment.corrupt(position + at, 'what is there is no batch')
      return
    }
    segment.checkPlace(place, before)
    before = place
    at += place.sizeBytes
  }
}

/** Where the batch that holds `offset` begins in `bytes`, which are whole batches. */
function startOf(bytes: Buffer, offset: number): number {
  let at = 0
  while (at < bytes.length && nextOffsetAt(bytes, at) <= offset) at += bytes.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES
  return at
}

/** The end of the whole batches from `from` on that fit into the range's bytes and stay below its bound. */
function wholeBatches(bytes: Buffer, from: number, range: ReadRange): number {
  let at = from
  while (at + BATCH_HEADER_BYTES <= bytes.length) {
    const end = at + bytes.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES
    if (end > bytes.length || end <= at || nextOffsetAt(bytes, at) > range.bound) break
    if (end - from > range.bytesMax && !(range.minOneBatch && at === from)) break
    at = end
  }
  return at
}

function nextOffsetAt(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4) + bytes.readInt32BE(at + 23) + 1
}
