/**
 * Builds record batches of format 2 (see record-batch.ts for the layout).
 *
 * U1. Keys, values and headers are copied on `append`: the caller's Buffers are free at once.
 * U2. `build` gives away the memory: the Buffer belongs to the caller, and `reset` begins with new memory. Until `reset`,
 *     `build` may be called again with other producer fields (a retry under a new epoch) and patches the same Buffer.
 * U3. A batch holds at most `bytesMax` bytes before compression, except that its first record always fits.
 */
import { assert } from '../base/assert.ts'
import { CODECS, compress } from './compression.ts'
import type { CodecName } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { attributesOf, BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, BatchView, corrupt, writeInt64 } from './record-batch.ts'
import type { RecordHeader, TimestampType } from './record-batch.ts'
import { WireWriter } from './writer.ts'

const BYTES_MAX_DEFAULT = 1_000_000
const MEMORY_BYTES_DEFAULT = 4_096
/** A marker's record takes 17 bytes behind the header. */
const CONTROL_BATCH_BYTES = BATCH_HEADER_BYTES + 32
const EMPTY = Buffer.alloc(0)
const COPIED_HERE_BYTES_MAX = 128

export interface BatchBuilderOptions {
  readonly codec?: CodecName | undefined
  /** Size at which the batch is full, before compression, header included. */
  readonly bytesMax?: number | undefined
  /** Memory to begin with, where the caller has an idea of the size: a batch that outgrows it is copied. */
  readonly bytesExpected?: number | undefined
}

export interface BuildOptions {
  readonly producerId?: number | undefined
  readonly producerEpoch?: number | undefined
  readonly baseSequence?: number | undefined
  readonly transactional?: boolean | undefined
  readonly control?: boolean | undefined
  readonly baseOffset?: number | undefined
  readonly leaderEpoch?: number | undefined
  readonly timestampType?: TimestampType | undefined
}

export class BatchBuilder {
  readonly #codec: number
  readonly #bytesMax: number
  #buffer: Buffer
  #at = BATCH_HEADER_BYTES
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  #built: Buffer | undefined

  constructor(options: BatchBuilderOptions = {}) {
    this.#codec = CODECS[options.codec ?? 'none']
    this.#bytesMax = options.bytesMax ?? BYTES_MAX_DEFAULT
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(BATCH_HEADER_BYTES, Math.min(options.bytesExpected ?? MEMORY_BYTES_DEFAULT, this.#bytesMax)))
  }

  /** Size so far, header included, before compression. */
  get bytes(): number { return this.#at }
  get count(): number { return this.#count }
  get isEmpty(): boolean { return this.#count === 0 }
  /** Milliseconds since the epoch of the latest record; of no meaning while empty. */
  get maxTimestamp(): number { return this.#maxTimestamp }

  /** Appends a record; false, and nothing done, where the batch is full. */
  append(timestamp: number, key: Buffer | null, value: Buffer | null, headers?: readonly RecordHeader[]): boolean {
    return this.appendSlices(timestamp, key ?? EMPTY, key === null ? -1 : 0, key === null ? -1 : key.length,
      value ?? EMPTY, value === null ? -1 : 0, value === null ? -1 : value.length, headers)
  }

  /** As `append`, from `[start, end)` of Buffers; a start of −1 is null. */
  appendSlices(
    timestamp: number, keyBuffer: Buffer, keyStart: number, keyEnd: number,
    valueBuffer: Buffer, valueStart: number, valueEnd: number, headers?: readonly RecordHeader[],
  ): boolean {
    assert(this.#built === undefined, 'the batch is built: reset it first')
    const keyBytes = keyStart < 0 ? -1 : keyEnd - keyStart
    const valueBytes = valueStart < 0 ? -1 : valueEnd - valueStart
    const headersBytes = headers === undefined || headers.length === 0 ? 1 : headersSize(headers)
    const timestampDelta = this.#count === 0 ? 0 : timestamp - this.#baseTimestamp
    const bodyBytes = 1 + varlongBytes(timestampDelta) + varintBytes(this.#count) + varintBytes(keyBytes) + varintBytes(valueBytes)
      + (keyBytes > 0 ? keyBytes : 0) + (valueBytes > 0 ? valueBytes : 0) + headersBytes
    const recordBytes = varintBytes(bodyBytes) + bodyBytes
    if (this.#count > 0 && this.#at + recordBytes > this.#bytesMax) return false
    if (this.#count === 0) this.#begin(timestamp)
    if (this.#at + recordBytes > this.#buffer.length) this.#grow(recordBytes)
    const buffer = this.#buffer
    let at = writeVarint(buffer, this.#at, bodyBytes)
    buffer[at++] = 0
    at = timestampDelta >= 0 && timestampDelta < 0x4000_0000 ? writeVarint(buffer, at, timestampDelta) : writeVarlong(buffer, at, timestampDelta)
    at = writeVarint(buffer, at, this.#count)
    at = writeVarint(buffer, at, keyBytes)
    if (keyBytes > 0) at = copyBytes(keyBuffer, keyStart, keyEnd, buffer, at)
    at = writeVarint(buffer, at, valueBytes)
    if (valueBytes > 0) at = copyBytes(valueBuffer, valueStart, valueEnd, buffer, at)
    if (headers === undefined || headers.length === 0) buffer[at++] = 0
    else at = writeHeaders(buffer, at, headers)
    assert(at === this.#at + recordBytes, 'a record was written in the size computed for it')
    this.#at = at
    this.#count++
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    return true
  }

  /** The finished batch (see U2). */
  build(options: BuildOptions = {}): Buffer {
    assert(this.#count > 0, 'a batch has at least one record')
    const batch = this.#built ??= this.#finish()
    const attributes = attributesOf({
      codec: this.#codec, timestampType: options.timestampType ?? 'createTime', transactional: options.transactional ?? false, control: options.control ?? false,
    })
    writeInt64(batch, 0, options.baseOffset ?? 0)
    batch.writeInt32BE(batch.length - BATCH_OVERHEAD_BYTES, 8)
    batch.writeInt32BE(options.leaderEpoch ?? -1, 12)
    batch[16] = 2
    batch.writeInt16BE(attributes, 21)
    batch.writeInt32BE(this.#count - 1, 23)
    writeInt64(batch, 27, this.#baseTimestamp)
    writeInt64(batch, 35, this.#maxTimestamp)
    writeInt64(batch, 43, options.producerId ?? -1)
    batch.writeInt16BE(options.producerEpoch ?? -1, 51)
    batch.writeInt32BE(options.baseSequence ?? -1, 53)
    batch.writeInt32BE(this.#count, 57)
    batch.writeUInt32BE(crc32c(batch, 21, batch.length), 17)
    return batch
  }

  /** Empties the builder; a Buffer that `build` gave stays with its owner. */
  reset(): void {
    if (this.#built !== undefined && this.#codec === 0) this.#buffer = Buffer.allocUnsafeSlow(this.#buffer.length)
    this.#built = undefined
    this.#at = BATCH_HEADER_BYTES
    this.#count = 0
  }

  #begin(timestamp: number): void {
    this.#baseTimestamp = timestamp
    this.#maxTimestamp = timestamp
  }

  #grow(recordBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#at + recordBytes, Math.min(this.#buffer.length * 2, this.#bytesMax)))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }

  #finish(): Buffer {
    if (this.#codec === 0) return this.#buffer.subarray(0, this.#at)
    const compressed = compress(this.#codec, this.#buffer.subarray(BATCH_HEADER_BYTES, this.#at))
    const batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + compressed.length)
    compressed.copy(batch, BATCH_HEADER_BYTES)
    return batch
  }
}

export interface EndTxnMarker {
  readonly type: 'commit' | 'abort'
  readonly coordinatorEpoch: number
}

/** The control batch that ends a transaction of a producer in one partition. */
export function controlBatch(options: {
  readonly producerId: number, readonly producerEpoch: number, readonly type: 'commit' | 'abort', readonly coordinatorEpoch: number
  readonly timestamp: number, readonly baseOffset?: number | undefined, readonly leaderEpoch?: number | undefined
}): Buffer {
  const key = Buffer.from([0, 0, 0, options.type === 'commit' ? 1 : 0])
  const value = Buffer.alloc(6)
  value.writeInt32BE(options.coordinatorEpoch, 2)
  const builder = new BatchBuilder({ bytesExpected: CONTROL_BATCH_BYTES })
  builder.append(options.timestamp, key, value)
  return Buffer.from(builder.build({
    producerId: options.producerId, producerEpoch: options.producerEpoch, baseSequence: -1, transactional: true, control: true,
    baseOffset: options.baseOffset, leaderEpoch: options.leaderEpoch,
  }))
}

/** What a control batch says; undefined for control records other than the end of a transaction, and for data batches. */
export function endTxnMarkerOf(view: BatchView): EndTxnMarker | undefined {
  if (!view.isControl) return undefined
  const cursor = view.records()
  if (!cursor.next()) return undefined // Compaction may have emptied it.
  const { buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
  if (keyStart < 0 || keyEnd - keyStart < 4) throw corrupt(view.start, 'a control record has no key of four bytes')
  const type = buffer.readInt16BE(keyStart + 2)
  if (type > 1 || type < 0) return undefined
  if (valueStart < 0 || valueEnd - valueStart < 6) throw corrupt(view.start, 'an end-of-transaction marker has no value of six bytes')
  return { type: type === 1 ? 'commit' : 'abort', coordinatorEpoch: buffer.readInt32BE(valueStart + 2) }
}

/** Bytes of the header count and the headers. */
function headersSize(headers: readonly RecordHeader[]): number {
  let size = varintBytes(headers.length)
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key, 'utf8')
    size += varintBytes(keyBytes) + keyBytes + (value === null ? 1 : varintBytes(value.length) + value.length)
  }
  return size
}

function writeHeaders(buffer: Buffer, start: number, headers: readonly RecordHeader[]): number {
  let at = writeVarint(buffer, start, headers.length)
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key, 'utf8')
    at = writeVarint(buffer, at, keyBytes)
    at += buffer.write(key, at, keyBytes, 'utf8')
    at = writeVarint(buffer, at, value === null ? -1 : value.length)
    if (value !== null) at = copyBytes(value, 0, value.length, buffer, at)
  }
  return at
}

/** Slices of common sizes byte by byte: a native call, and the view that it needs, cost more than the copy. */
function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > COPIED_HERE_BYTES_MAX) {
    from.copy(to, at, start, end)
    return at + end - start
  }
  let position = at
  for (let index = start; index < end; index++) to[position++] = from[index] as number // Inside of [start, end).
  return position
}

function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5
}

function varlongBytes(value: number): number {
  if (value >= 0 && value < 0x4000_0000) return varintBytes(value)
  let half = value < 0 ? -(value + 1) : value // Zigzag is twice this, plus the sign bit.
  let count = 1
  for (half = Math.floor(half / 0x40); half > 0; half = Math.floor(half / 0x80)) count++
  return count
}

function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let position = at
  while (rest > 0x7f) {
    buffer[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[position++] = rest
  return position
}

function writeVarlong(buffer: Buffer, at: number, value: number): number {
  const writer = new WireWriter(64)
  writer.varlong(value)
  const bytes = writer.toBuffer()
  return copyBytes(bytes, 0, bytes.length, buffer, at)
}
