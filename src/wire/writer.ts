/**
 * Writes Kafka's primitive types into growing chunks.
 *
 * W1. Bytes once written are never moved: a full chunk is closed and a larger one begun.
 * W2. `bytesByReference` makes the given Buffer itself a chunk; it must not change until the chunks are sent.
 * W3. Only written bytes are ever handed out, although the memory is not zeroed first.
 * W4. A value that does not fit its type is our bug and throws `AssertionError`: nothing is cut to size.
 */
import { AssertionError } from '../base/assert.ts'

const CHUNK_BYTES_MIN = 512
const CHUNK_BYTES_MAX = 1 << 20
/** Below this a copy is cheaper than one more chunk for the socket. */
const REFERENCE_BYTES_MIN = 512

export class WireWriter {
  #closed: Buffer[] = []
  #closedBytes = 0
  #chunk: Buffer
  #start = 0
  #offset = 0

  constructor(bytesExpected: number = CHUNK_BYTES_MIN) {
    this.#chunk = Buffer.allocUnsafe(Math.max(64, bytesExpected))
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#closedBytes + this.#offset - this.#start
  }

  int8(value: number): void {
    if (!((value << 24) >> 24 === value)) throw notA('an int8', value)
    const at = this.#room(1)
    this.#chunk[at] = value
  }

  int16(value: number): void {
    if (!((value << 16) >> 16 === value)) throw notA('an int16', value)
    const at = this.#room(2)
    this.#chunk.writeInt16BE(value, at)
  }

  uint16(value: number): void {
    if (!((value & 0xffff) === value)) throw notA('a uint16', value)
    const at = this.#room(2)
    this.#chunk.writeUInt16BE(value, at)
  }

  int32(value: number): void {
    if (!((value | 0) === value)) throw notA('an int32', value)
    const at = this.#room(4)
    this.#chunk.writeInt32BE(value, at)
  }

  uint32(value: number): void {
    if (!(value >>> 0 === value)) throw notA('a uint32', value)
    const at = this.#room(4)
    this.#chunk.writeUInt32BE(value, at)
  }

  int64(value: number): void {
    if (!(Number.isSafeInteger(value))) throw notA('a safe int64', value)
    const at = this.#room(8)
    this.#chunk.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
    this.#chunk.writeUInt32BE(value >>> 0, at + 4)
  }

  float64(value: number): void {
    if (!(typeof value === 'number')) throw notA('a float64', value)
    const at = this.#room(8)
    this.#chunk.writeDoubleBE(value, at)
  }

  bool(value: boolean): void {
    if (!(typeof value === 'boolean')) throw notA('a bool', value)
    const at = this.#room(1)
    this.#chunk[at] = value ? 1 : 0
  }

  uuid(value: string): void {
    if (!(typeof value === 'string' && value.length === 22)) throw notA('a UUID of 22 base64url characters', value)
    const at = this.#room(16)
    if (!(this.#chunk.write(value, at, 16, 'base64url') === 16)) throw notA('a UUID in base64url', value)
  }

  uvarint(value: number): void {
    if (!(value >>> 0 === value)) throw notA('a uint32', value)
    let at = this.#room(5)
    let rest = value
    while (rest > 0x7f) {
      this.#chunk[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#chunk[at++] = rest
    this.#offset = at
  }

  varint(value: number): void {
    if (!((value | 0) === value)) throw notA('an int32', value)
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  varlong(value: number): void {
    if (!(Number.isSafeInteger(value))) throw notA('a safe int64', value)
    let at = this.#room(10)
    // Zigzag of 54 bits does not fit a safe number: the low 28 bits and the rest are kept apart.
    const magnitude = value < 0 ? -(value + 1) : value
    let low = (magnitude % 0x800_0000) * 2 + (value < 0 ? 1 : 0)
    let high = Math.floor(magnitude / 0x800_0000)
    while (high > 0 || low > 0x7f) {
      this.#chunk[at++] = (low & 0x7f) | 0x80
      low = (low >>> 7) + (high % 0x80) * 0x20_0000
      high = Math.floor(high / 0x80)
    }
    this.#chunk[at++] = low
    this.#offset = at
  }

  string(value: string): void {
    const bytes = textBytes(value)
    this.int16(bytes)
    this.#text(value, bytes)
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    const bytes = textBytes(value)
    this.uvarint(bytes + 1)
    this.#text(value, bytes)
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.uvarint(0)
    else this.compactString(value)
  }

  bytes(value: Buffer): void {
    if (!(value instanceof Uint8Array)) throw notA('a Buffer', value)
    this.int32(value.length)
    this.bytesByReference(value)
  }

  nullableBytes(value: Buffer | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: Buffer): void {
    if (!(value instanceof Uint8Array)) throw notA('a Buffer', value)
    this.uvarint(value.length + 1)
    this.bytesByReference(value)
  }

  compactNullableBytes(value: Buffer | null): void {
    if (value === null) this.uvarint(0)
    else this.compactBytes(value)
  }

  /** The count in front of an array, −1 for null. */
  count(count: number): void {
    this.int32(count)
  }

  compactCount(count: number): void {
    this.uvarint(count + 1)
  }

  raw(value: Buffer): void {
    const at = this.#room(value.length)
    value.copy(this.#chunk, at)
  }

  /** Appends `value` without a copy (a short one is copied). */
  bytesByReference(value: Buffer): void {
    if (value.length < REFERENCE_BYTES_MIN) return this.raw(value)
    this.#close()
    this.#closed.push(value)
    this.#closedBytes += value.length
  }

  /** Appends all that `other` holds; `other` must not be used afterwards. */
  append(other: WireWriter): void {
    for (const chunk of other.chunks()) this.bytesByReference(chunk)
  }

  /** What was written, in order. Writing may go on; chunks already handed out do not change. */
  chunks(): Buffer[] {
    this.#close()
    return this.#closed.slice()
  }

  /** What was written, as one Buffer (a copy where there is more than one chunk). */
  toBuffer(): Buffer {
    const chunks = this.chunks()
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, this.length)
  }

  #text(value: string, bytes: number): void {
    const at = this.#room(bytes)
    this.#chunk.write(value, at, bytes, 'utf8')
  }

  #close(): void {
    if (this.#offset === this.#start) return
    this.#closed.push(this.#chunk.subarray(this.#start, this.#offset))
    this.#closedBytes += this.#offset - this.#start
    this.#start = this.#offset
  }

  /** Makes sure that `length` bytes fit, moves the offset past them, returns where they begin. May replace `#chunk`: call it first. */
  #room(length: number): number {
    if (this.#offset + length > this.#chunk.length) {
      this.#close()
      const larger = Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, this.#chunk.length * 2))
      this.#chunk = Buffer.allocUnsafe(Math.max(larger, length))
      this.#start = 0
      this.#offset = 0
    }
    const at = this.#offset
    this.#offset = at + length
    return at
  }
}

function textBytes(value: string): number {
  if (typeof value !== 'string') throw notA('a string', value)
  return Buffer.byteLength(value, 'utf8')
}

/** Made only where a value does not fit, because the text costs more than the check. */
function notA(type: string, value: unknown): AssertionError {
  return new AssertionError(`not ${type}: ${String(value)}`)
}
