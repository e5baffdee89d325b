/**
 * Reading a segment's bytes batch by batch with every check, for recovery and scrubbing.
 *
 * C1. A batch is sound if its header is (size, magic, counts), its CRC-32C agrees, its offsets continue those before it and
 *     its leader epoch is not below theirs. The first one that is not ends the scan. (The CRC covers neither base offset nor epoch.)
 */
import type { DiskFile } from '../env/env.ts'
import { crc32c } from '../wire/crc32c.ts'
import { batchFault, BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, BatchView } from '../wire/record-batch.ts'

const CHUNK_BYTES = 4 * 1024 * 1024
/** The smallest that a disk writes whole; larger ones are multiples of it. */
const SECTOR_BYTES = 512
const OFFSET_BYTES = 8

export interface ScanState {
  /** The lowest offset that the next batch may begin at. */
  nextOffset: number
  /** The lowest leader epoch that the next batch may have. */
  leaderEpoch: number
  /** Where the next batch begins; moved by the scan. */
  position: number
  /** No offset may be missing between two batches: nothing was compacted here. Base offsets stand outside of the CRC. */
  readonly gapless?: boolean | undefined
}

export interface ScanFault {
  readonly position: number
  /**
   * The lowest offset that may be concerned: what is bad may be this batch, or, where offsets may be missing, those that the one before it claims.
   * A base offset that lacks the bytes in front of a sector's border (or all of them) is a sector that never reached the disk, though the rest of the batch did:
   * this batch.
   */
  readonly offset: number
  readonly message: string
}

/**
 * Calls `onBatch` with each sound batch from `state.position` on (the view is of a Buffer that is not written again), until
 * about `bytesMax` are read; gives the first fault, or `undefined` at a clean end or where it stopped.
 */
export function scanBatches(file: DiskFile, state: ScanState, onBatch: (batch: BatchView) => void, bytesMax = Number.MAX_SAFE_INTEGER): ScanFault | undefined {
  const size = file.size()
  const stopAt = state.position + bytesMax
  let chunk: Buffer = Buffer.alloc(0)
  let chunkAt = state.position
  while (state.position < size && state.position < stopAt) {
    const at = state.position
    let fault: string | undefined
    const wanted = Math.min(CHUNK_BYTES, size - at)
    const room = chunkAt + chunk.length - at
    const length = room >= BATCH_HEADER_BYTES ? chunk.readInt32BE(at - chunkAt + 8) + BATCH_OVERHEAD_BYTES : wanted
    if (room < BATCH_HEADER_BYTES || room < length) {
      const needed = room >= BATCH_HEADER_BYTES && length > wanted && length <= size - at ? length : wanted
      if (needed > room) {
        chunk = readAt(file, at, needed)
        chunkAt = at
        continue
      }
    }
    fault = batchFault(chunk, at - chunkAt, chunk.length)?.[1]
    if (fault === undefined) {
      const batch = new BatchView(chunk, at - chunkAt)
      fault = continuityFault(batch, state)
      if (fault !== undefined) return { position: at, offset: state.gapless === true || lacksSector(batch.baseOffset, at, state.nextOffset) ? state.nextOffset : Math.min(state.nextOffset, batch.baseOffset), message: fault }
      onBatch(batch)
      state.nextOffset = batch.lastOffset + 1
      state.leaderEpoch = Math.max(state.leaderEpoch, batch.leaderEpoch)
      state.position += batch.sizeBytes
      continue
    }
    return { position: at, offset: state.nextOffset, message: fault }
  }
  return undefined
}

/** Whether a sound batch at or above `offsetMin` begins anywhere after `position`: a hint that what is bad there was not the end. */
export function findLaterBatch(file: DiskFile, position: number, offsetMin: number): number | undefined {
  const size = file.size()
  for (let chunkAt = position + 1; chunkAt + BATCH_HEADER_BYTES <= size; chunkAt += CHUNK_BYTES) {
    const chunk = readAt(file, chunkAt, Math.min(CHUNK_BYTES + BATCH_HEADER_BYTES, size - chunkAt))
    for (let at = 0; at < CHUNK_BYTES && at + BATCH_HEADER_BYTES <= chunk.length; at++) {
      if (chunk[at + 16] !== 2) continue
      const sizeBytes = chunk.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES
      if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > size - chunkAt - at) continue
      if (chunk.readInt32BE(at) * 0x1_0000_0000 + chunk.readUInt32BE(at + 4) < offsetMin) continue
      const batch = readAt(file, chunkAt + at, sizeBytes)
      if (batch.length === sizeBytes && batch.readUInt32BE(17) === crc32c(batch, 21, sizeBytes)) return chunkAt + at
    }
  }
  return undefined
}

function continuityFault(batch: BatchView, state: ScanState): string | undefined {
  if (batch.baseOffset < state.nextOffset) return `a batch begins at offset ${batch.baseOffset}, the one before ended at ${state.nextOffset}`
  if (state.gapless === true && batch.baseOffset > state.nextOffset) return `a batch begins at offset ${batch.baseOffset}, the one before ended at ${state.nextOffset}, and nothing was compacted here`
  if (batch.leaderEpoch < state.leaderEpoch && batch.leaderEpoch !== -1) return `a batch has leader epoch ${batch.leaderEpoch} after ${state.leaderEpoch}`
  return undefined
}

/** Whether the offset that is at `position` is `wanted` but for its first bytes, which belong to a sector that was lost and are zero. The CRC behind it holds: it does not cover them. */
function lacksSector(offset: number, position: number, wanted: number): boolean {
  if (offset === 0) return true
  const lost = (SECTOR_BYTES - position % SECTOR_BYTES) % SECTOR_BYTES
  return lost > 0 && lost < OFFSET_BYTES && offset === wanted % 2 ** (8 * (OFFSET_BYTES - lost))
}

function readAt(file: DiskFile, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  while (at < length) {
    const count = file.read(bytes, at, length - at, position + at)
    if (count === 0) break
    at += count
  }
  return bytes.subarray(0, at)
}
