/**
 * The three indexes of a segment, in Kafka's form on disk and in memory alike.
 *
 * ```
 *  .index      relative offset int32 │ position int32            last offset of a batch → where the batch begins
 *  .timeindex  timestamp int64 │ relative offset int32           highest time so far → last offset of its batch
 *  .txnindex   version int16 (0) │ producer id int64 │ first offset int64 │ last offset int64 │ last stable offset int64
 * ```
 * X1. Entries ascend; a lookup gives the greatest entry at or below its argument.
 * X2. An index is a hint: who follows it checks the log at the place it names (`segment.ts`), so that a rotten index can
 *     cost time, never records.
 * X3. The active segment's entries live in memory and are written when the segment is sealed; a sealed segment's are
 *     loaded when asked for and dropped again by `release`.
 */
import { assert } from '../base/assert.ts'

const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12
const TRANSACTION_ENTRY_BYTES = 34

/** Entries of a fixed size in one growing Buffer. */
class EntryBytes {
  buffer: Buffer
  length: number
  readonly entryBytes: number

  constructor(entryBytes: number, bytes: Buffer) {
    this.entryBytes = entryBytes
    this.buffer = bytes
    this.length = bytes.length - bytes.length % entryBytes
  }

  get count(): number {
    return this.length / this.entryBytes
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  /** Makes room for one more entry and gives its position. */
  grow(): number {
    if (this.length + this.entryBytes > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(this.buffer.length * 2, this.entryBytes * 64))
      this.buffer.copy(larger, 0, 0, this.length)
      this.buffer = larger
    }
    this.length += this.entryBytes
    return this.length - this.entryBytes
  }
}

export class OffsetIndex {
  readonly #baseOffset: number
  readonly #entries: EntryBytes

  constructor(baseOffset: number, bytes: Buffer = Buffer.alloc(0)) {
    this.#baseOffset = baseOffset
    this.#entries = new EntryBytes(OFFSET_ENTRY_BYTES, bytes)
  }

  get count(): number {
    return this.#entries.count
  }

  append(lastOffset: number, position: number): void {
    const relative = lastOffset - this.#baseOffset
    assert(relative >= 0 && relative <= 0x7fff_ffff && position <= 0x7fff_ffff, 'an index entry fits into 31 bits')
    const at = this.#entries.grow()
    this.#entries.buffer.writeInt32BE(relative, at)
    this.#entries.buffer.writeInt32BE(position, at + 4)
  }

  /** The greatest entry at or below `offset` (X1); `undefined` before the first. */
  lookup(offset: number): { readonly lastOffset: number; readonly position: number } | undefined {
    const { buffer } = this.#entries
    const relative = offset - this.#baseOffset
    const index = lastAtOrBelow(this.count, at => buffer.readInt32BE(at * OFFSET_ENTRY_BYTES) <= relative)
    if (index < 0) return undefined
    const at = index * OFFSET_ENTRY_BYTES
    return { lastOffset: this.#baseOffset + buffer.readInt32BE(at), position: buffer.readInt32BE(at + 4) }
  }

  last(): { readonly lastOffset: number; readonly position: number } | undefined {
    return this.lookup(this.#baseOffset + 0x7fff_ffff)
  }

  bytes(): Buffer {
    return this.#entries.bytes()
  }
}

export class TimeIndex {
  readonly #baseOffset: number
  readonly #entries: EntryBytes

  constructor(baseOffset: number, bytes: Buffer = Buffer.alloc(0)) {
    this.#baseOffset = baseOffset
    this.#entries = new EntryBytes(TIME_ENTRY_BYTES, bytes)
  }

  get count(): number {
    return this.#entries.count
  }

  /** Adds an entry unless its time or offset is not above the last one's. */
  maybeAppend(timestamp: number, lastOffset: number): void {
    const { buffer, length } = this.#entries
    const relative = lastOffset - this.#baseOffset
    if (length > 0 && (Number(buffer.readBigInt64BE(length - TIME_ENTRY_BYTES)) >= timestamp || buffer.readInt32BE(length - 4) >= relative)) return
    const at = this.#entries.grow()
    this.#entries.buffer.writeBigInt64BE(BigInt(timestamp), at)
    this.#entries.buffer.writeInt32BE(relative, at + 8)
  }

  /** The greatest entry at or below `timestamp`; `undefined` before the first. */
  lookup(timestamp: number): { readonly timestamp: number; readonly lastOffset: number } | undefined {
    const { buffer } = this.#entries
    const index = lastAtOrBelow(this.count, at => Number(buffer.readBigInt64BE(at * TIME_ENTRY_BYTES)) <= timestamp)
    return index < 0 ? undefined : this.#entry(index)
  }

  last(): { readonly timestamp: number; readonly lastOffset: number } | undefined {
    return this.count === 0 ? undefined : this.#entry(this.count - 1)
  }

  bytes(): Buffer {
    return this.#entries.bytes()
  }

  #entry(index: number): { readonly timestamp: number; readonly lastOffset: number } {
    const at = index * TIME_ENTRY_BYTES
    return { timestamp: Number(this.#entries.buffer.readBigInt64BE(at)), lastOffset: this.#baseOffset + this.#entries.buffer.readInt32BE(at + 8) }
  }
}

/** One aborted transaction, as the index of the segment that holds its marker keeps it. */
export interface AbortedEntry {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of the abort marker. */
  readonly lastOffset: number
  /** The last stable offset right after the abort: no transaction that begins at or above it is older than this entry. */
  readonly lastStableOffset: number
}

export function encodeAborted(entries: readonly AbortedEntry[]): Buffer {
  const bytes = Buffer.alloc(entries.length * TRANSACTION_ENTRY_BYTES)
  entries.forEach((entry, index) => {
    const at = index * TRANSACTION_ENTRY_BYTES + 2
    bytes.writeBigInt64BE(BigInt(entry.producerId), at)
    bytes.writeBigInt64BE(BigInt(entry.firstOffset), at + 8)
    bytes.writeBigInt64BE(BigInt(entry.lastOffset), at + 16)
    bytes.writeBigInt64BE(BigInt(entry.lastStableOffset), at + 24)
  })
  return bytes
}

/** The entries; `undefined` where the bytes are no such file. */
export function decodeAborted(bytes: Buffer): AbortedEntry[] | undefined {
  if (bytes.length % TRANSACTION_ENTRY_BYTES !== 0) return undefined
  const entries: AbortedEntry[] = []
  for (let at = 0; at < bytes.length; at += TRANSACTION_ENTRY_BYTES) {
    if (bytes.readInt16BE(at) !== 0) return undefined
    entries.push({
      producerId: Number(bytes.readBigInt64BE(at + 2)),
      firstOffset: Number(bytes.readBigInt64BE(at + 10)),
      lastOffset: Number(bytes.readBigInt64BE(at + 18)),
      lastStableOffset: Number(bytes.readBigInt64BE(at + 26)),
    })
  }
  return entries
}

/** The greatest index in `[0, count)` for which `isAtOrBelow` holds, -1 where it never does; it must hold for a prefix. */
function lastAtOrBelow(count: number, isAtOrBelow: (index: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isAtOrBelow(middle)) low = middle + 1
    else high = middle
  }
  return low - 1
}
