/**
 * Reads Kafka's primitive types from a Buffer, in place.
 *
 * R1. No read goes past `end`: whatever the bytes say, the outcome is a value or `FRAME_MALFORMED`.
 * R2. A count of elements is checked against the bytes left before anything is allocated for it.
 * R3. `slice` and the bytes readers return slices of the caller's Buffer; who keeps one longer than the frame copies it.
 * R4. int64 is a number; one beyond ±(2^53 − 1) is `FRAME_MALFORMED`, never a rounded value.
 */
import { MillraceError } from '../base/errors.ts'

export class WireReader {
  readonly buffer: Buffer
  readonly end: number
  offset: number

  /** Reads `buffer` in `[start, end)`. */
  constructor(buffer: Buffer, start: number = 0, end: number = buffer.length) {
    if (!(start >= 0 && start <= end && end <= buffer.length)) throw malformed(`range [${start}, ${end}) is outside of ${buffer.length} bytes`)
    this.buffer = buffer
    this.end = end
    this.offset = start
  }

  get remaining(): number {
    return this.end - this.offset
  }

  int8(): number {
    return this.buffer.readInt8(this.#take(1))
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.#take(2))
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.#take(4))
  }

  int64(): number {
    const at = this.#take(8)
    const value = this.buffer.readInt32BE(at) * 0x1_0000_0000 + this.buffer.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(value)) throw malformed(`an int64 at ${at} is beyond what is served (±(2^53 − 1))`)
    return value
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#take(8))
  }

  /** Any byte but zero is true, as Kafka reads it. */
  bool(): boolean {
    return this.int8() !== 0
  }

  /** 16 bytes as Kafka's text form of a UUID: base64url, 22 characters. */
  uuid(): string {
    const at = this.#take(16)
    return this.buffer.toString('base64url', at, at + 16)
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      if (shift === 28 && byte > 0x0f) break
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw malformed(`a varint before ${this.offset} is longer than 32 bits`)
  }

  /** A zigzag varint of at most 32 bits. */
  varint(): number {
    const value = this.uvarint()
    return (value >>> 1) ^ -(value & 1)
  }

  /** A zigzag varint of at most 64 bits, within ±(2^53 − 1). */
  varlong(): number {
    let low = 0
    let high = 0 // In units of 2^28.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte()
      low += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return unzigzag(low, 0)
    }
    for (let shift = 0; shift < 42; shift += 7) {
      const byte = this.#byte()
      high += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        const value = unzigzag(low, high)
        if (!Number.isSafeInteger(value)) break
        return value
      }
    }
    throw malformed(`a varlong before ${this.offset} is beyond what is served (±(2^53 − 1))`)
  }

  slice(length: number): Buffer {
    const at = this.#take(length)
    return this.buffer.subarray(at, at + length)
  }

  skip(length: number): void {
    this.#take(length)
  }

  text(length: number): string {
    const at = this.#take(length)
    return this.buffer.toString('utf8', at, at + length)
  }

  string(): string {
    const length = this.int16()
    if (length < 0) throw malformed(`a string at ${this.offset - 2} is null where null is not allowed`)
    return this.text(length)
  }

  nullableString(): string | null {
    const length = this.int16()
    return length < 0 ? this.#nullOr(length) : this.text(length)
  }

  compactString(): string {
    const length = this.uvarint()
    if (length === 0) throw malformed(`a string at ${this.offset - 1} is null where null is not allowed`)
    return this.text(length - 1)
  }

  compactNullableString(): string | null {
    const length = this.uvarint()
    return length === 0 ? null : this.text(length - 1)
  }

  bytes(): Buffer {
    const length = this.int32()
    if (length < 0) throw malformed(`bytes at ${this.offset - 4} are null where null is not allowed`)
    return this.slice(length)
  }

  nullableBytes(): Buffer | null {
    const length = this.int32()
    return length < 0 ? this.#nullOr(length) : this.slice(length)
  }

  compactBytes(): Buffer {
    const length = this.uvarint()
    if (length === 0) throw malformed(`bytes at ${this.offset - 1} are null where null is not allowed`)
    return this.slice(length - 1)
  }

  compactNullableBytes(): Buffer | null {
    const length = this.uvarint()
    return length === 0 ? null : this.slice(length - 1)
  }

  /** The count in front of an array, −1 for null; refused unless `count × elementBytesMin` bytes are left. */
  count(elementBytesMin: number): number {
    const count = this.int32()
    if (count < -1) throw malformed(`an array at ${this.offset - 4} has a count of ${count}`)
    return this.#checkedCount(count, elementBytesMin)
  }

  compactCount(elementBytesMin: number): number {
    return this.#checkedCount(this.uvarint() - 1, elementBytesMin)
  }

  /** Skips a section of tagged fields whole. */
  skipTaggedFields(): void {
    const count = this.#checkedCount(this.uvarint(), 2)
    for (let index = 0; index < count; index++) {
      this.uvarint()
      this.skip(this.uvarint())
    }
  }

  #checkedCount(count: number, elementBytesMin: number): number {
    if (count * elementBytesMin > this.remaining) throw malformed(`an array before ${this.offset} claims ${count} elements, ${this.remaining} bytes are left`)
    return count
  }

  #nullOr(length: number): null {
    if (length !== -1) throw malformed(`a length before ${this.offset} is ${length}`)
    return null
  }

  #byte(): number {
    const value = this.offset < this.end ? this.buffer[this.offset] : undefined
    if (value === undefined) throw malformed(`the frame ends inside of a varint at ${this.offset}`)
    this.offset++
    return value
  }

  #take(length: number): number {
    const at = this.offset
    if (!(length >= 0 && length <= this.end - at)) throw malformed(`${length} bytes are wanted at ${at}, ${this.end - at} are left`)
    this.offset = at + length
    return at
  }
}

/** The error of every read that the bytes do not allow. */
export function malformed(what: string): MillraceError {
  return new MillraceError('FRAME_MALFORMED', `malformed Kafka frame: ${what}`)
}

/** `low` holds bits 0..27 and `high` the bits from 28 on. */
function unzigzag(low: number, high: number): number {
  const half = high * 0x800_0000 + Math.floor(low / 2)
  return (low & 1) === 0 ? half : -half - 1
}
