/**
 * Record batches of format 2, read in place.
 *
 * ```text
 *  0 base offset int64 │  8 length int32 (of what follows) │ 12 leader epoch int32 │ 16 magic int8 (2) │ 17 CRC-32C uint32
 * 21 attributes int16 │ 23 last offset delta int32 │ 27 base timestamp int64 │ 35 max timestamp int64
 * 43 producer id int64 │ 51 producer epoch int16 │ 53 base sequence int32 │ 57 record count int32 │ 61 records
 * attributes: 0-2 codec · 3 log-append time · 4 transactional · 5 control · 6 base timestamp is the delete horizon
 * record: length, attributes int8, timestamp delta, offset delta, key length, key, value length, value, header count,
 *         headers (key length, key, value length, value); all lengths, deltas and counts are zigzag varints, −1 is null
 * ```
 *
 * B1. The CRC covers everything from the attributes on, so base offset and leader epoch can be patched without it.
 * B2. A broken batch or record is `BATCH_CORRUPT`, whatever the bytes; nothing is read outside of the batch.
 * B3. A view and a cursor read the caller's Buffer and copy nothing (records of a compressed batch: its one decompressed
 *     Buffer). Who keeps bytes longer than the Buffer copies them.
 * B4. The cursor is reused and makes no object per record; its fields are valid until the next call of `next`.
 */
import { AssertionError } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import { codecPending, decompress, decompressedBytesMax } from './compression.ts'
import { crc32c } from './crc32c.ts'

export const BATCH_HEADER_BYTES = 61
/** Base offset and length: what stands in front of the bytes that the length counts. */
export const BATCH_OVERHEAD_BYTES = 12
/** A record takes at least this many bytes: length, attributes, two deltas, two lengths, header count. */
const RECORD_BYTES_MIN = 7

const ATTRIBUTE_LOG_APPEND_TIME = 0x08
const ATTRIBUTE_TRANSACTIONAL = 0x10
const ATTRIBUTE_CONTROL = 0x20
const ATTRIBUTE_DELETE_HORIZON = 0x40

export type TimestampType = 'createTime' | 'logAppendTime'

export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

/** The header of one batch at `start`; the batch must be complete within `buffer`. */
export class BatchView {
  readonly buffer: Buffer
  readonly start: number
  /** The whole batch, length field and base offset included. */
  readonly sizeBytes: number

  constructor(buffer: Buffer, start: number = 0) {
    const left = buffer.length - start
    if (start < 0 || left < BATCH_HEADER_BYTES) throw corrupt(start, `${left} bytes are left, a batch has at least ${BATCH_HEADER_BYTES}`)
    const sizeBytes = buffer.readInt32BE(start + 8) + BATCH_OVERHEAD_BYTES
    if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > left) throw corrupt(start, `its size is ${sizeBytes}, ${left} bytes are left`)
    this.buffer = buffer
    this.start = start
    this.sizeBytes = sizeBytes
  }

  get end(): number { return this.start + this.sizeBytes }
  get baseOffset(): number { return readInt64(this.buffer, this.start) }
  get leaderEpoch(): number { return this.buffer.readInt32BE(this.start + 12) }
  get magic(): number { return this.buffer.readInt8(this.start + 16) }
  get crc(): number { return this.buffer.readUInt32BE(this.start + 17) }
  get attributes(): number { return this.buffer.readInt16BE(this.start + 21) }
  /** Kafka's number of the codec; 5, 6 and 7 are not defined. */
  get codec(): number { return this.attributes & 7 }
  get timestampType(): TimestampType { return (this.attributes & ATTRIBUTE_LOG_APPEND_TIME) === 0 ? 'createTime' : 'logAppendTime' }
  get isTransactional(): boolean { return (this.attributes & ATTRIBUTE_TRANSACTIONAL) !== 0 }
  get isControl(): boolean { return (this.attributes & ATTRIBUTE_CONTROL) !== 0 }
  get hasDeleteHorizon(): boolean { return (this.attributes & ATTRIBUTE_DELETE_HORIZON) !== 0 }
  get lastOffsetDelta(): number { return this.buffer.readInt32BE(this.start + 23) }
  get lastOffset(): number { return this.baseOffset + this.lastOffsetDelta }
  get baseTimestamp(): number { return readInt64(this.buffer, this.start + 27) }
  get maxTimestamp(): number { return readInt64(this.buffer, this.start + 35) }
  get producerId(): number { return readInt64(this.buffer, this.start + 43) }
  get producerEpoch(): number { return this.buffer.readInt16BE(this.start + 51) }
  get baseSequence(): number { return this.buffer.readInt32BE(this.start + 53) }
  get recordCount(): number { return this.buffer.readInt32BE(this.start + 57) }

  verifyCrc(): boolean {
    return crc32c(this.buffer, this.start + 21, this.end) === this.crc
  }

  /** Puts a cursor (a new one unless given) in front of the first record; decompresses where needed. */
  records(into: RecordCursor = new RecordCursor(), options: { readonly bytesMax?: number } = {}): RecordCursor {
    if (this.magic !== 2) throw corrupt(this.start, `its magic is ${this.magic}, only 2 is read`)
    const codec = this.codec
    const at = this.start + BATCH_HEADER_BYTES
    if (codec === 0) return into.reset(this, this.buffer, at, this.end)
    const compressed = this.buffer.subarray(at, this.end)
    const plain = decompress(codec, compressed, { bytesMax: options.bytesMax ?? decompressedBytesMax(compressed.length) })
    return into.reset(this, plain, 0, plain.length)
  }
}

/** Walks the records of one batch. Make one, and give it to `BatchView.records` again and again. */
export class RecordCursor {
  buffer: Buffer = Buffer.alloc(0)
  offset = -1
  timestamp = -1
  /** −1 for a null key; otherwise the key is `buffer` in `[keyStart, keyEnd)`. */
  keyStart = -1
  keyEnd = -1
  valueStart = -1
  valueEnd = -1
  headerCount = 0
  /** Where the record begins (at its length) and ends in `buffer`. */
  recordStart = 0
  recordEnd = 0
  #headersStart = 0
  #end = 0
  #left = 0
  #baseOffset = 0
  #baseTimestamp = 0
  /** The batch's maximum timestamp under log-append time, else −1. */
  #appendTimestamp = -1
  #varintEnd = 0

  /** For `BatchView.records`. */
  reset(view: BatchView, buffer: Buffer, start: number, end: number): RecordCursor {
    const count = view.recordCount
    if (count < 0 || count * RECORD_BYTES_MIN > end - start) throw corrupt(view.start, `it claims ${count} records in ${end - start} bytes`)
    this.buffer = buffer
    this.recordEnd = start
    this.#end = end
    this.#left = count
    this.#baseOffset = view.baseOffset
    this.#baseTimestamp = view.baseTimestamp
    this.#appendTimestamp = view.timestampType === 'logAppendTime' ? view.maxTimestamp : -1
    return this
  }

  /** Moves to the next record; false behind the last one. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.recordEnd !== this.#end) throw corrupt(this.recordEnd, `${this.#end - this.recordEnd} bytes follow its last record`)
      return false
    }
    this.#left--
    const { buffer } = this
    const start = this.recordEnd
    const length = this.#varint(start)
    const end = this.#varintEnd + length
    if (length < RECORD_BYTES_MIN - 1 || end > this.#end) throw corrupt(start, `a record's length is ${length}`)
    const timestampDelta = this.#varlong(this.#varintEnd + 1)
    const offsetDelta = this.#varint(this.#varintEnd)
    const keyLength = this.#varint(this.#varintEnd)
    let at = this.#varintEnd
    this.keyStart = keyLength < 0 ? -1 : at
    if (keyLength > 0) at += keyLength
    this.keyEnd = keyLength < 0 ? -1 : at
    if (at >= end) throw corrupt(start, `a record's key is longer than the record`)
    const valueLength = this.#varint(at)
    at = this.#varintEnd
    this.valueStart = valueLength < 0 ? -1 : at
    if (valueLength > 0) at += valueLength
    this.valueEnd = valueLength < 0 ? -1 : at
    if (at >= end) throw corrupt(start, `a record's value is longer than the record`)
    const headerCount = buffer[at] === 0 ? 0 : this.#varint(at)
    this.#headersStart = headerCount === 0 ? at + 1 : this.#varintEnd
    // A header takes two bytes or more, so that a count is bounded by the bytes left.
    if (keyLength < -1 || valueLength < -1 || headerCount < 0 || this.#headersStart + headerCount * 2 > end || (headerCount === 0 && at + 1 !== end)) {
      throw corrupt(start, 'the lengths inside of a record do not agree')
    }
    this.headerCount = headerCount
    this.recordStart = start
    this.recordEnd = end
    this.offset = this.#baseOffset + offsetDelta
    this.timestamp = this.#appendTimestamp === -1 ? this.#baseTimestamp + timestampDelta : this.#appendTimestamp
    return true
  }

  /** Decodes the headers of the present record; values are slices. */
  readHeaders(): RecordHeader[] {
    const headers: RecordHeader[] = []
    let at = this.#headersStart
    for (let index = 0; index < this.headerCount; index++) {
      const keyLength = this.#varint(at)
      const keyStart = this.#varintEnd
      if (keyLength < 0 || keyStart + keyLength >= this.recordEnd) throw corrupt(this.recordStart, `a header's key is longer than the record`)
      const valueLength = this.#varint(keyStart + keyLength)
      const valueStart = this.#varintEnd
      at = valueLength < 0 ? valueStart : valueStart + valueLength
      if (valueLength < -1 || at > this.recordEnd) throw corrupt(this.recordStart, `a header's value is longer than the record`)
      headers.push({ key: this.buffer.toString('utf8', keyStart, keyStart + keyLength), value: valueLength < 0 ? null : this.buffer.subarray(valueStart, at) })
    }
    if (this.headerCount > 0 && at !== this.recordEnd) throw corrupt(this.recordStart, 'its headers do not fill the record')
    return headers
  }

  /** A zigzag varint of 32 bits at `at`; leaves its end in `#varintEnd`. Past the batch it throws. */
  #varint(at: number): number {
    const { buffer } = this
    let byte = buffer[at] as number // Checked against #end below; undefined past the Buffer fails that check as well.
    if (byte < 0x80 && at < this.#end) {
      this.#varintEnd = at + 1
      return (byte >>> 1) ^ -(byte & 1)
    }
    let value = byte & 0x7f
    let position = at + 1
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 28) throw corrupt(at, 'a varint is longer than 32 bits')
      byte = buffer[position++] as number // As above.
      value |= (byte & 0x7f) << shift
    }
    if (!(position <= this.#end) || byte === undefined) throw corrupt(at, 'it ends inside of a varint')
    this.#varintEnd = position
    return (value >>> 1) ^ -(value & 1)
  }

  /** As `#varint`, of 64 bits. */
  #varlong(at: number): number {
    const { buffer } = this
    let value = 0
    for (let index = 0; index < 10; index++) {
      if (at + index >= this.#end) break
      const byte = buffer[at + index] as number // Below #end.
      if (byte < 0x80 && index < 4) {
        value |= byte << (7 * index)
        this.#varintEnd = at + index + 1
        return (value >>> 1) ^ -(value & 1)
      }
      if (index === 4) return this.#longVarlong(at, value)
      value |= (byte & 0x7f) << (7 * index)
    }
    throw corrupt(at, 'it ends inside of a varlong')
  }

  /** `low` holds the 28 bits of the first four bytes. */
  #longVarlong(at: number, low: number): number {
    let high = 0
    for (let index = 4; index < 10 && at + index < this.#end; index++) {
      const byte = this.buffer[at + index] as number // Below #end.
      high += (byte & 0x7f) * 2 ** (7 * (index - 4))
      if (byte >= 0x80) continue
      this.#varintEnd = at + index + 1
      const half = high * 0x800_0000 + (low >>> 1)
      const value = (low & 1) === 0 ? half : -half - 1
      if (!Number.isSafeInteger(value)) break
      return value
    }
    throw corrupt(at, 'a varlong is beyond what is served (±(2^53 − 1))')
  }
}

/** Every batch of `buffer` in order; an incomplete one at the end (a fetch may be cut) ends the walk. */
export function* walkBatches(buffer: Buffer, start: number = 0): Generator<BatchView> {
  let at = start
  while (buffer.length - at >= BATCH_HEADER_BYTES && buffer.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES <= buffer.length - at) {
    const view = new BatchView(buffer, at)
    yield view
    at = view.end
  }
}

/** What must be awaited before the records of these batches are read; `undefined` where nothing must. What is broken is for the reader to say. */
export function codecsPending(batches: Buffer): Promise<void> | undefined {
  for (let at = 0; batches.length - at >= BATCH_HEADER_BYTES;) {
    const pending = codecPending(batches.readInt16BE(at + 21) & 0x07)
    if (pending !== undefined) return pending
    const sizeBytes = batches.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES
    if (sizeBytes < BATCH_HEADER_BYTES) return undefined
    at += sizeBytes
  }
  return undefined
}

export interface BatchLimits {
  /** Largest batch, as `max.message.bytes` counts it (`sizeBytes`). */
  readonly batchBytesMax?: number | undefined
  /** Whether each record is walked too (decompressing where needed), not only headers and CRC. */
  readonly records?: boolean | undefined
}

export type BatchFault = 'truncated' | 'size' | 'magic' | 'crc' | 'count' | 'codec' | 'number' | 'tooLarge' | 'records'

export type BatchValidation =
  | { readonly ok: true, readonly batches: number, readonly records: number }
  | { readonly ok: false, readonly fault: BatchFault, /** Where the bad batch begins. */ readonly position: number, readonly message: string }

/** Checks that `buffer` in `[start, end)` is whole, sound batches and nothing else. Never throws for what the bytes say. */
export function validateBatches(buffer: Buffer, limits: BatchLimits = {}, start: number = 0, end: number = buffer.length): BatchValidation {
  const cursor = limits.records === true ? new RecordCursor() : undefined
  let at = start
  let batches = 0
  let records = 0
  while (at < end) {
    const fault = batchFault(buffer, at, end, limits)
    if (fault !== undefined) return { ok: false, position: at, fault: fault[0], message: fault[1] }
    const view = new BatchView(buffer, at)
    if (cursor !== undefined) {
      const problem = recordsProblem(view, cursor)
      if (problem !== undefined) return { ok: false, position: at, fault: 'records', message: problem }
    }
    batches++
    records += view.recordCount
    at = view.end
  }
  return { ok: true, batches, records }
}

/** What is wrong with the one batch at `at`, which must end by `end`; undefined when nothing is. */
export function batchFault(buffer: Buffer, at: number, end: number, limits: BatchLimits = {}): readonly [BatchFault, string] | undefined {
  if (end - at < BATCH_HEADER_BYTES) return ['truncated', `${end - at} bytes are left, a batch has at least ${BATCH_HEADER_BYTES}`]
  const sizeBytes = buffer.readInt32BE(at + 8) + BATCH_OVERHEAD_BYTES
  if (sizeBytes < BATCH_HEADER_BYTES) return ['size', `the length field says ${sizeBytes - BATCH_OVERHEAD_BYTES}, less than a header`]
  const magic = buffer.readInt8(at + 16)
  if (magic !== 2) return ['magic', `magic is ${magic}, only 2 is accepted`]
  if (limits.batchBytesMax !== undefined && sizeBytes > limits.batchBytesMax) return ['tooLarge', `${sizeBytes} bytes, at most ${limits.batchBytesMax} are allowed`]
  if (sizeBytes > end - at) return ['truncated', `the batch has ${sizeBytes} bytes, ${end - at} are there`]
  const crc = crc32c(buffer, at + 21, at + sizeBytes)
  if (crc !== buffer.readUInt32BE(at + 17)) return ['crc', `the CRC is ${crc}, the header says ${buffer.readUInt32BE(at + 17)}`]
  for (const position of [at, at + 27, at + 35, at + 43]) {
    if (!Number.isSafeInteger(rawInt64(buffer, position))) return ['number', `an int64 in the header is beyond what is served (±(2^53 − 1))`]
  }
  const attributes = buffer.readInt16BE(at + 21)
  if ((attributes & 7) > 4) return ['codec', `codec ${attributes & 7} is not defined`]
  const count = buffer.readInt32BE(at + 57)
  const delta = buffer.readInt32BE(at + 23)
  // Compaction leaves fewer records than offsets, or none; the last offset delta stays.
  if (count < 0 || delta < 0 || count > delta + 1) return ['count', `${count} records, last offset delta ${delta}`]
  if ((attributes & 7) === 0 && count * RECORD_BYTES_MIN > sizeBytes - BATCH_HEADER_BYTES) return ['count', `${count} records do not fit into ${sizeBytes} bytes`]
  return undefined
}

function recordsProblem(view: BatchView, cursor: RecordCursor): string | undefined {
  try {
    const { baseOffset, lastOffset } = view
    view.records(cursor)
    let offsetMin = baseOffset
    while (cursor.next()) {
      if (cursor.offset < offsetMin || cursor.offset > lastOffset) return `a record has offset ${cursor.offset}, expected ${offsetMin} to ${lastOffset}`
      if (cursor.headerCount > 0) cursor.readHeaders()
      offsetMin = cursor.offset + 1
    }
    return undefined
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'BATCH_CORRUPT') return error.message
    throw error
  }
}

/** Patches the base offset of the batch at `start`; the CRC does not cover it. */
export function setBaseOffset(buffer: Buffer, start: number, offset: number): void {
  writeInt64(buffer, start, offset)
}

/** Patches the leader epoch of the batch at `start`; the CRC does not cover it. */
export function setLeaderEpoch(buffer: Buffer, start: number, epoch: number): void {
  buffer.writeInt32BE(epoch, start + 12)
}

/** Makes `timestamp` the time of every record of the batch at `start` (log-append time), and recomputes the CRC. */
export function setMaxTimestampLogAppend(buffer: Buffer, start: number, timestamp: number): void {
  const view = new BatchView(buffer, start)
  buffer.writeInt16BE(view.attributes | ATTRIBUTE_LOG_APPEND_TIME, start + 21)
  writeInt64(buffer, start + 35, timestamp)
  buffer.writeUInt32BE(crc32c(buffer, start + 21, view.end), start + 17)
}

export function attributesOf(options: { codec: number, timestampType: TimestampType, transactional: boolean, control: boolean }): number {
  return options.codec
    | (options.timestampType === 'logAppendTime' ? ATTRIBUTE_LOG_APPEND_TIME : 0)
    | (options.transactional ? ATTRIBUTE_TRANSACTIONAL : 0)
    | (options.control ? ATTRIBUTE_CONTROL : 0)
}

/** The error of everything that a batch's bytes do not allow. */
export function corrupt(position: number, what: string): MillraceError {
  return new MillraceError('BATCH_CORRUPT', `corrupt record batch at byte ${position}: ${what}`, { detail: { position } })
}

export function writeInt64(buffer: Buffer, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new AssertionError(`not a safe int64: ${value}`)
  buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}

function readInt64(buffer: Buffer, at: number): number {
  const value = rawInt64(buffer, at)
  if (!Number.isSafeInteger(value)) throw corrupt(at, 'an int64 in the header is beyond what is served (±(2^53 − 1))')
  return value
}

function rawInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4)
}

