/**
 * One segment: a `.log` file of whole batches and what is derived from it.
 *
 * Z1. Bytes `[0, sizeBytes)` are whole batches in offset order, all at or above `baseOffset`.
 * Z2. A lookup follows an index entry only after the log itself confirms it: the batch at its position must end at its
 *     offset. An entry that does not hold makes the indexes be rebuilt from the log.
 * Z3. A sealed segment has its indexes on disk, with their checksums in `.seal`; an active one has them in memory.
 * Z4. The seal holds the CRC-32C of the whole `.log` too, of the bytes as they were handed to `write`: what differs from it rotted.
 */
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import type { Disk, DiskFile } from '../env/env.ts'
import { writeFile } from '../env/whole-file.ts'
import { crc32c, crc32cFrom, crc32cJoined } from '../wire/crc32c.ts'
import { BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, BatchView } from '../wire/record-batch.ts'
import { fileName, INDEX_SUFFIX, join, LOG_SUFFIX, readWhole, SEAL_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX, unlinkIfExists } from './files.ts'
import { decodeAborted, encodeAborted, OffsetIndex, TimeIndex } from './indexes.ts'
import type { AbortedEntry } from './indexes.ts'

/** A batch's place in a segment. */
export interface BatchPlace {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** -1 for a batch without records. */
  readonly maxTimestamp: number
  readonly leaderEpoch: number
}

/** What `append` needs to know of a batch, whether it comes from a request or from a scan. */
export interface AppendedBatch {
  readonly sizeBytes: number
  readonly lastOffset: number
  /** -1 for a batch without records. */
  readonly maxTimestamp: number
}

const SEAL_MAGIC = 0x4d525332
const SEAL_BYTES = 64
/** Seals of the first form, without the log's checksum, still hold for finished segments. */
const FIRST_SEAL_MAGIC = 0x4d525331
const FIRST_SEAL_BYTES = 60
/** Of a batch's beginning (base offset, length, leader epoch, magic, the checksum itself): not in its checksum. */
const UNCHECKED_BYTES = 21
/** Below it, reading a batch again is cheaper. */
const JOINED_BYTES_MIN = 16 * 1024
const SUM_CHUNK_BYTES = 4 * 1024 * 1024
const WINDOW_BYTES = 8192

export class Segment {
  readonly baseOffset: number
  readonly directory: string
  readonly file: DiskFile
  sizeBytes = 0
  /** Offset after the last batch; `baseOffset` while empty. */
  nextOffset: number
  maxTimestamp = -1
  /** Last offset of the first batch that has `maxTimestamp`. */
  maxTimestampOffset = -1
  /** Maximum timestamp of the first batch: what rolling by time counts from; `undefined` while empty. */
  firstTimestamp: number | undefined
  readonly createdMs: number
  aborted: AbortedEntry[] = []
  isSealed = false
  readonly #disk: Disk
  #index: OffsetIndex | undefined
  #timeIndex: TimeIndex | undefined
  #bytesSinceEntry = 0
  #intervalBytes = 4096
  /** Checksums of `.index` and `.timeindex`, known while sealed. */
  #checksums: { readonly index: number; readonly timeIndex: number } | undefined
  /** Z4, of `[0, sizeBytes)`; `undefined` where the bytes were not all seen. */
  #sum: number | undefined

  constructor(disk: Disk, directory: string, baseOffset: number, options: { readonly create: boolean; readonly createdMs: number; readonly indexIntervalBytes: number; readonly suffix?: string }) {
    this.#disk = disk
    this.directory = directory
    this.baseOffset = baseOffset
    this.nextOffset = baseOffset
    this.createdMs = options.createdMs
    this.#intervalBytes = options.indexIntervalBytes
    this.file = disk.open(join(directory, fileName(baseOffset, LOG_SUFFIX) + (options.suffix ?? '')), options.create ? 'create' : 'write')
    this.#index = new OffsetIndex(baseOffset)
    this.#timeIndex = new TimeIndex(baseOffset)
    this.#sum = options.create ? 0 : undefined
  }

  /** Writes whole batches at the end, in one call; `note` follows for each. `checked`: the same batches, where their own checksums are known to hold. */
  write(bytes: Buffer, checked?: readonly BatchView[]): void {
    assert(!this.isSealed, 'only the active segment is written')
    this.file.write(bytes, this.sizeBytes)
    if (this.#sum !== undefined) this.#sum = checked === undefined ? crc32cFrom(this.#sum, bytes) : checked.reduce(sumWith, this.#sum)
  }

  /** Takes a batch that stands at `sizeBytes` into size, times and indexes. */
  note(batch: AppendedBatch): void {
    if (batch.maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = batch.maxTimestamp
      this.maxTimestampOffset = batch.lastOffset
    }
    this.firstTimestamp ??= batch.maxTimestamp
    if (this.#bytesSinceEntry > this.#intervalBytes) {
      this.#offsets().append(batch.lastOffset, this.sizeBytes)
      if (this.maxTimestamp >= 0) this.#times().maybeAppend(this.maxTimestamp, this.maxTimestampOffset)
      this.#bytesSinceEntry = 0
    }
    this.#bytesSinceEntry += batch.sizeBytes
    this.sizeBytes += batch.sizeBytes
    this.nextOffset = batch.lastOffset + 1
  }

  /** Forgets what was noted and makes ready for a scan from the first byte. */
  resetNotes(): void {
    this.sizeBytes = 0
    this.nextOffset = this.baseOffset
    this.maxTimestamp = -1
    this.maxTimestampOffset = -1
    this.firstTimestamp = undefined
    this.aborted = []
    this.isSealed = false
    this.#checksums = undefined
    this.#sum = undefined
    this.#bytesSinceEntry = 0
    this.#index = new OffsetIndex(this.baseOffset)
    this.#timeIndex = new TimeIndex(this.baseOffset)
  }

  /** Writes the indexes and the seal to the page cache (Z3); their checksums tell whether they survived. */
  seal(): void {
    const times = this.#times()
    if (this.maxTimestamp >= 0) times.maybeAppend(this.maxTimestamp, this.maxTimestampOffset)
    const index = this.#offsets().bytes()
    const timeIndex = times.bytes()
    const transactions = encodeAborted(this.aborted)
    writeFile(this.#disk, this.pathOf(INDEX_SUFFIX), index)
    writeFile(this.#disk, this.pathOf(TIME_INDEX_SUFFIX), timeIndex)
    if (transactions.length > 0) writeFile(this.#disk, this.pathOf(TRANSACTION_INDEX_SUFFIX), transactions)
    else unlinkIfExists(this.#disk, this.pathOf(TRANSACTION_INDEX_SUFFIX))
    this.#checksums = { index: crc32c(index), timeIndex: crc32c(timeIndex) }
    const seal = this.#encodeSeal(crc32c(transactions))
    writeFile(this.#disk, this.pathOf(SEAL_SUFFIX), seal)
    this.isSealed = true
  }

  /** Takes the seal's word for size, times and aborted transactions; `false` where it is missing or does not hold. The log's bytes are not read: `isAsSealed` does. */
  loadSeal(): boolean {
    const seal = readWhole(this.#disk, this.pathOf(SEAL_SUFFIX))
    if (seal === undefined || !isSoundSeal(seal)) return false
    if (Number(seal.readBigInt64BE(4)) !== this.file.size()) return false
    const transactions = readWhole(this.#disk, this.pathOf(TRANSACTION_INDEX_SUFFIX)) ?? Buffer.alloc(0)
    const aborted = decodeAborted(transactions)
    if (aborted === undefined || crc32c(transactions) !== seal.readUInt32BE(52)) return false
    this.sizeBytes = Number(seal.readBigInt64BE(4))
    this.nextOffset = Number(seal.readBigInt64BE(12))
    this.maxTimestamp = Number(seal.readBigInt64BE(20))
    this.maxTimestampOffset = Number(seal.readBigInt64BE(28))
    this.firstTimestamp = Number(seal.readBigInt64BE(36))
    this.#checksums = { index: seal.readUInt32BE(44), timeIndex: seal.readUInt32BE(48) }
    this.#sum = seal.length === SEAL_BYTES ? seal.readUInt32BE(56) : undefined
    this.aborted = aborted
    this.isSealed = true
    this.release()
    return true
  }

  /** Whether the whole log still is what was sealed (Z4); `undefined` where the seal does not say. */
  isAsSealed(): boolean | undefined {
    return this.#sum === undefined ? undefined : this.#sum === this.#readSum()
  }

  /** Sums up what was noted by a scan, so that the next seal holds it (Z4). */
  sum(): void {
    this.#sum ??= this.#readSum()
  }

  /** Makes a sealed segment the active one again. */
  unseal(): void {
    if (!this.isSealed) return
    this.#bytesSinceEntry = this.sizeBytes - (this.#offsets().last()?.position ?? 0)
    this.#times()
    this.isSealed = false
    this.#checksums = undefined
  }

  /** Drops a sealed segment's indexes from memory; they are loaded again when asked for. */
  release(): void {
    if (!this.isSealed) return
    this.#index = undefined
    this.#timeIndex = undefined
  }

  /** Cuts the file to `sizeBytes`, which must be a batch boundary below; the caller notes batches anew if it cuts deeper than a failed write. */
  truncateFile(sizeBytes: number): void {
    this.file.truncate(sizeBytes)
  }

  /** The first batch that ends at or after `offset`; `undefined` where the segment ends before. */
  findBatch(offset: number): BatchPlace | undefined {
    const entry = this.#offsets().lookup(offset)
    if (entry === undefined) return this.#walk(0, place => place.lastOffset >= offset)
    const place = this.batchAt(entry.position)
    if (place?.lastOffset !== entry.lastOffset) {
      this.rebuildIndexes()
      return this.#walk(0, found => found.lastOffset >= offset)
    }
    return place.lastOffset >= offset ? place : this.#walk(entry.position + place.sizeBytes, found => found.lastOffset >= offset)
  }

  /** The first batch with a record at or after `timestamp`, by the headers' word, and at or after `offsetFrom`. */
  findTimestamp(timestamp: number, offsetFrom: number): BatchPlace | undefined {
    if (this.maxTimestamp < timestamp) return undefined
    const entry = this.#times().lookup(timestamp)
    // An entry says that nothing up to its offset is above its time: begin at its batch.
    const start = this.findBatch(Math.max(this.baseOffset, offsetFrom, entry?.lastOffset ?? 0))
    return start === undefined ? undefined : this.#walk(start.position, place => place.maxTimestamp >= timestamp && place.lastOffset >= offsetFrom)
  }

  /** The batch that begins at `position`; `undefined` where the bytes there are no header of a batch that fits. */
  batchAt(position: number): BatchPlace | undefined {
    if (position < 0 || position + BATCH_HEADER_BYTES > this.sizeBytes) return undefined
    const header = Buffer.allocUnsafe(BATCH_HEADER_BYTES)
    if (this.file.read(header, 0, BATCH_HEADER_BYTES, position) !== BATCH_HEADER_BYTES) return undefined
    return placeOf(header, 0, position, this.sizeBytes)
  }

  /** Batches from `position` on. LOG_CORRUPT at the first that is none, or whose offsets do not stand between its neighbours': the CRC does not cover them. */
  * places(position: number = 0): Generator<BatchPlace> {
    let before: BatchPlace | undefined
    let window: Buffer = Buffer.alloc(0)
    let windowAt = position
    for (let at = position; at < this.sizeBytes;) {
      if (at + BATCH_HEADER_BYTES > windowAt + window.length) {
        window = this.readBytes(at, Math.min(WINDOW_BYTES, this.sizeBytes - at))
        windowAt = at
      }
      const place = placeOf(window, at - windowAt, at, this.sizeBytes)
      if (place === undefined) throw this.corrupt(at, 'what is there is no batch')
      this.checkPlace(place, before)
      before = place
      yield place
      at += place.sizeBytes
    }
  }

  /** Whether `place` can stand behind `before` in this segment; LOG_CORRUPT where it cannot. */
  checkPlace(place: BatchPlace, before: BatchPlace | undefined): void {
    const { position, sizeBytes, baseOffset, lastOffset, leaderEpoch } = place
    const from = before === undefined ? this.baseOffset : before.lastOffset + 1
    const isLast = position + sizeBytes === this.sizeBytes
    if (baseOffset < from || lastOffset < baseOffset || (isLast ? lastOffset + 1 !== this.nextOffset : lastOffset + 1 >= this.nextOffset)) {
      throw this.corrupt(position, `a batch of offsets ${baseOffset} to ${lastOffset} cannot stand there, behind ${from - 1} in a segment that ends at ${this.nextOffset - 1}`)
    }
    if (before !== undefined && leaderEpoch < before.leaderEpoch && leaderEpoch !== -1) throw this.corrupt(position, `a batch has leader epoch ${leaderEpoch} after ${before.leaderEpoch}`)
  }

  /** Bytes of the file, into `bytes`; fewer than asked is an error. */
  readBytes(position: number, length: number, bytes: Buffer = Buffer.allocUnsafe(length)): Buffer {
    let at = 0
    while (at < length) {
      const count = this.file.read(bytes, at, length - at, position + at)
      if (count === 0) throw this.corrupt(position + at, `the file ends there, ${this.sizeBytes} bytes are expected`)
      at += count
    }
    return bytes
  }

  readBatch(place: BatchPlace): BatchView {
    return new BatchView(this.readBytes(place.position, place.sizeBytes), 0)
  }

  /** Makes offset and time index anew from the log's headers; seals them again where they were sealed. */
  rebuildIndexes(): void {
    const { isSealed, aborted, createdMs } = this
    assert(createdMs >= 0, 'a segment has a creation time')
    const sizeBytes = this.sizeBytes
    const sum = this.#sum
    const places = [...this.places()]
    this.resetNotes()
    this.#sum = sum
    this.aborted = aborted
    for (const place of places) this.note(place)
    assert(this.sizeBytes === sizeBytes, 'a rebuild ends where the log ends')
    if (isSealed) this.seal()
  }

  pathOf(suffix: string): string {
    return join(this.directory, fileName(this.baseOffset, suffix))
  }

  corrupt(position: number, what: string): MillraceError {
    // Not the handle's path: a compacted segment was opened under another name.
    const path = this.pathOf(LOG_SUFFIX)
    return new MillraceError('LOG_CORRUPT', `${path} is corrupt at byte ${position}: ${what}. Stop the broker and restore the file, or start with --accept-data-loss.`, { detail: { path, position } })
  }

  close(): void {
    this.file.close()
  }

  #walk(position: number, wanted: (place: BatchPlace) => boolean): BatchPlace | undefined {
    for (const place of this.places(position)) if (wanted(place)) return place
    return undefined
  }

  #offsets(): OffsetIndex {
    if (this.#index === undefined) {
      const bytes = readWhole(this.#disk, this.pathOf(INDEX_SUFFIX))
      if (bytes === undefined || crc32c(bytes) !== this.#checksums?.index) this.rebuildIndexes()
      else this.#index = new OffsetIndex(this.baseOffset, bytes)
    }
    assert(this.#index !== undefined, 'the offset index is loaded or rebuilt')
    return this.#index
  }

  #times(): TimeIndex {
    if (this.#timeIndex === undefined) {
      const bytes = readWhole(this.#disk, this.pathOf(TIME_INDEX_SUFFIX))
      if (bytes === undefined || crc32c(bytes) !== this.#checksums?.timeIndex) this.rebuildIndexes()
      else this.#timeIndex = new TimeIndex(this.baseOffset, bytes)
    }
    assert(this.#timeIndex !== undefined, 'the time index is loaded or rebuilt')
    return this.#timeIndex
  }

  #encodeSeal(transactionsChecksum: number): Buffer {
    this.sum()
    const seal = Buffer.alloc(SEAL_BYTES)
    seal.writeUInt32BE(SEAL_MAGIC, 0)
    seal.writeBigInt64BE(BigInt(this.sizeBytes), 4)
    seal.writeBigInt64BE(BigInt(this.nextOffset), 12)
    seal.writeBigInt64BE(BigInt(this.maxTimestamp), 20)
    seal.writeBigInt64BE(BigInt(this.maxTimestampOffset), 28)
    seal.writeBigInt64BE(BigInt(this.firstTimestamp ?? -1), 36)
    seal.writeUInt32BE(this.#checksums?.index ?? 0, 44)
    seal.writeUInt32BE(this.#checksums?.timeIndex ?? 0, 48)
    seal.writeUInt32BE(transactionsChecksum, 52)
    seal.writeUInt32BE(this.#sum ?? 0, 56)
    seal.writeUInt32BE(crc32c(seal, 0, SEAL_BYTES - 4), SEAL_BYTES - 4)
    return seal
  }

  #readSum(): number {
    const chunk = Buffer.allocUnsafe(Math.min(SUM_CHUNK_BYTES, this.sizeBytes))
    let sum = 0
    for (let at = 0; at < this.sizeBytes;) {
      const count = this.file.read(chunk, 0, Math.min(chunk.length, this.sizeBytes - at), at)
      if (count === 0) throw this.corrupt(at, `the file ends there, ${this.sizeBytes} bytes are expected`)
      sum = crc32cFrom(sum, chunk.subarray(0, count))
      at += count
    }
    return sum
  }
}

/** Of what comes before a batch, and the batch: a large one is not read again for it, its own checksum covers all but its first bytes. */
function sumWith(before: number, { buffer, start, end, sizeBytes, crc }: BatchView): number {
  if (sizeBytes < JOINED_BYTES_MIN) return crc32cFrom(before, buffer.subarray(start, end))
  return crc32cJoined(crc32cFrom(before, buffer.subarray(start, start + UNCHECKED_BYTES)), crc, sizeBytes - UNCHECKED_BYTES)
}

function isSoundSeal(seal: Buffer): boolean {
  const end = seal.length - 4
  if (seal.length !== SEAL_BYTES && seal.length !== FIRST_SEAL_BYTES) return false
  return seal.readUInt32BE(0) === (seal.length === SEAL_BYTES ? SEAL_MAGIC : FIRST_SEAL_MAGIC) && seal.readUInt32BE(end) === crc32c(seal, 0, end)
}

/** The header at `at` of `bytes`, which stands at `position` of a file of `sizeBytes`; `undefined` where it cannot be one. */
export function placeOf(bytes: Buffer, at: number, position: number, sizeBytes: number): BatchPlace | undefined {
  if (at + BATCH_HEADER_BYTES > bytes.length || bytes[at + 16] !== 2) return undefined
  const size = bytes.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES
  if (size < BATCH_HEADER_BYTES || position + size > sizeBytes) return undefined
  const baseOffset = bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
  // A batch that compaction emptied keeps a timestamp in its header, but no record has it.
  const maxTimestamp = bytes.readInt32BE(at + 57) === 0 ? -1 : bytes.readInt32BE(at + 35) * 0x1_0000_0000 + bytes.readUInt32BE(at + 39)
  return { position, sizeBytes: size, baseOffset, lastOffset: baseOffset + bytes.readInt32BE(at + 23), maxTimestamp, leaderEpoch: bytes.readInt32BE(at + 12) }
}
