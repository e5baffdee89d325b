/**
 * Producer states on disk, as of one offset, in two files.
 *
 * ```
 *  …N.snapshot   Kafka's: version int16 (1) │ CRC-32C uint32 of what follows │ count int32 │ entries of 46 bytes:
 *                producer id int64, epoch int16, last sequence int32, last offset int64, offset delta int32, timestamp int64,
 *                coordinator epoch int32, first offset of the open transaction int64
 *  …N.producers  ours: the same head, and of each producer up to five batches, which Kafka's form has no place for
 * ```
 * Q1. Without `.producers` a snapshot restores one batch per producer; a client that repeats an older one after our restart
 *     would be refused instead of recognised. That is why both are written.
 */
import { crc32c } from '../wire/crc32c.ts'
import type { ProducerEntry, SentBatch } from './producer-state.ts'
import { BATCHES_KEPT_MAX } from './producer-state.ts'

const VERSION = 1
const HEAD_BYTES = 10
const KAFKA_ENTRY_BYTES = 46
const ENTRY_BYTES = 31
const BATCH_BYTES = 24

export function encodeKafkaSnapshot(entries: readonly ProducerEntry[]): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + entries.length * KAFKA_ENTRY_BYTES)
  let at = HEAD_BYTES
  for (const entry of entries) {
    const last = entry.batches.at(-1)
    at = bytes.writeBigInt64BE(BigInt(entry.producerId), at)
    at = bytes.writeInt16BE(entry.epoch, at)
    at = bytes.writeInt32BE(last?.lastSequence ?? -1, at)
    at = bytes.writeBigInt64BE(BigInt(last?.lastOffset ?? -1), at)
    at = bytes.writeInt32BE(last?.offsetDelta ?? 0, at)
    at = bytes.writeBigInt64BE(BigInt(entry.lastTimestamp), at)
    at = bytes.writeInt32BE(entry.coordinatorEpoch, at)
    at = bytes.writeBigInt64BE(BigInt(entry.transactionFirstOffset), at)
  }
  return finish(bytes, entries.length)
}

export function decodeKafkaSnapshot(bytes: Buffer, nowMs: number): ProducerEntry[] | undefined {
  const count = countOf(bytes)
  if (count === undefined || bytes.length !== HEAD_BYTES + count * KAFKA_ENTRY_BYTES) return undefined
  return Array.from({ length: count }, (_, index) => {
    const at = HEAD_BYTES + index * KAFKA_ENTRY_BYTES
    const lastSequence = bytes.readInt32BE(at + 10)
    const lastTimestamp = int64(bytes, at + 26)
    return {
      producerId: int64(bytes, at),
      epoch: bytes.readInt16BE(at + 8),
      batches: lastSequence < 0 ? [] : [{ lastSequence, offsetDelta: bytes.readInt32BE(at + 22), lastOffset: int64(bytes, at + 14), timestamp: lastTimestamp }],
      coordinatorEpoch: bytes.readInt32BE(at + 34),
      lastTimestamp,
      transactionFirstOffset: int64(bytes, at + 38),
      seenMs: nowMs,
    }
  })
}

export function encodeProducers(entries: readonly ProducerEntry[]): Buffer {
  const batchCount = entries.reduce((sum, entry) => sum + entry.batches.length, 0)
  const bytes = Buffer.alloc(HEAD_BYTES + entries.length * ENTRY_BYTES + batchCount * BATCH_BYTES)
  let at = HEAD_BYTES
  for (const entry of entries) {
    at = bytes.writeBigInt64BE(BigInt(entry.producerId), at)
    at = bytes.writeInt16BE(entry.epoch, at)
    at = bytes.writeInt32BE(entry.coordinatorEpoch, at)
    at = bytes.writeBigInt64BE(BigInt(entry.lastTimestamp), at)
    at = bytes.writeBigInt64BE(BigInt(entry.transactionFirstOffset), at)
    at = bytes.writeInt8(entry.batches.length, at)
    for (const batch of entry.batches) {
      at = bytes.writeInt32BE(batch.lastSequence, at)
      at = bytes.writeInt32BE(batch.offsetDelta, at)
      at = bytes.writeBigInt64BE(BigInt(batch.lastOffset), at)
      at = bytes.writeBigInt64BE(BigInt(batch.timestamp), at)
    }
  }
  return finish(bytes, entries.length)
}

export function decodeProducers(bytes: Buffer, nowMs: number): ProducerEntry[] | undefined {
  const count = countOf(bytes)
  if (count === undefined) return undefined
  const entries: ProducerEntry[] = []
  let at = HEAD_BYTES
  for (let index = 0; index < count; index++) {
    if (at + ENTRY_BYTES > bytes.length) return undefined
    const batchCount = bytes.readInt8(at + 30)
    if (batchCount < 0 || batchCount > BATCHES_KEPT_MAX || at + ENTRY_BYTES + batchCount * BATCH_BYTES > bytes.length) return undefined
    const batches: SentBatch[] = Array.from({ length: batchCount }, (_, batch) => {
      const from = at + ENTRY_BYTES + batch * BATCH_BYTES
      return { lastSequence: bytes.readInt32BE(from), offsetDelta: bytes.readInt32BE(from + 4), lastOffset: int64(bytes, from + 8), timestamp: int64(bytes, from + 16) }
    })
    entries.push({
      producerId: int64(bytes, at),
      epoch: bytes.readInt16BE(at + 8),
      batches,
      coordinatorEpoch: bytes.readInt32BE(at + 10),
      lastTimestamp: int64(bytes, at + 14),
      transactionFirstOffset: int64(bytes, at + 22),
      seenMs: nowMs,
    })
    at += ENTRY_BYTES + batchCount * BATCH_BYTES
  }
  return at === bytes.length ? entries : undefined
}

function finish(bytes: Buffer, count: number): Buffer {
  bytes.writeInt16BE(VERSION, 0)
  bytes.writeInt32BE(count, 6)
  bytes.writeUInt32BE(crc32c(bytes, 6, bytes.length), 2)
  return bytes
}

/** The head's count, `undefined` where version, checksum or count is not sound. */
function countOf(bytes: Buffer): number | undefined {
  if (bytes.length < HEAD_BYTES || bytes.readInt16BE(0) !== VERSION || bytes.readUInt32BE(2) !== crc32c(bytes, 6, bytes.length)) return undefined
  const count = bytes.readInt32BE(6)
  return count >= 0 && count <= (bytes.length - HEAD_BYTES) / ENTRY_BYTES ? count : undefined
}

function int64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigInt64BE(at))
}
