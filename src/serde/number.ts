/**
 * Numbers and booleans, alone in a key or value, in the layouts of Kafka's own serializers: `int32` IntegerSerializer, `int64`
 * LongSerializer, `f64` DoubleSerializer (big-endian), `bool` BooleanSerializer. Inside a `record` they are JSON numbers and booleans.
 *
 * int64 is a `number` here: a value beyond ±(2^53 − 1) is refused in both directions, never rounded.
 */
import type { ByteWriter } from './byte-writer.ts'
import type { JsonShape } from './json-shape.ts'
import { serdeError, type FieldSerde } from './serde.ts'

const INT32_MIN = -2_147_483_648
const INT32_MAX = 2_147_483_647

abstract class FixedSerde<T> implements FieldSerde<T> {
  abstract readonly kind: string
  abstract readonly shape: JsonShape
  abstract readonly size: number
  readonly optional = false

  protected abstract put(value: T, into: Buffer, at: number): void
  protected abstract take(from: Buffer, at: number): T

  serialize(value: T): Buffer {
    const buffer = Buffer.allocUnsafe(this.size)
    this.put(value, buffer, 0)
    return buffer
  }

  write(value: T, into: ByteWriter): void {
    into.reserve(this.size)
    this.put(value, into.buffer, into.length)
    into.length += this.size
  }

  deserialize(buffer: Buffer, start: number, end: number): T {
    if (end - start !== this.size) throw serdeError('', `${this.kind} takes ${this.size} bytes, here are ${end - start}`)
    return this.take(buffer, start)
  }
}

class Int32Serde extends FixedSerde<number> {
  readonly kind = 'int32'
  readonly shape = { kind: 'int32' } as const
  readonly size = 4

  protected put(value: number, into: Buffer, at: number): void {
    if (!isInt32(value)) throw serdeError('', `${shown(value)} is not an int32`)
    into.writeInt32BE(value, at)
  }

  protected take(from: Buffer, at: number): number {
    return from.readInt32BE(at)
  }
}

class Int64Serde extends FixedSerde<number> {
  readonly kind = 'int64'
  readonly shape = { kind: 'int64' } as const
  readonly size = 8

  protected put(value: number, into: Buffer, at: number): void {
    if (!isInt64(value)) throw serdeError('', `${shown(value)} is not a whole number of at most 2^53 - 1`)
    const high = Math.floor(value / 4_294_967_296)
    into.writeInt32BE(high, at)
    into.writeUInt32BE(value - high * 4_294_967_296, at + 4)
  }

  protected take(from: Buffer, at: number): number {
    const value = from.readInt32BE(at) * 4_294_967_296 + from.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(value)) throw serdeError('', `int64 ${from.readBigInt64BE(at)} is beyond 2^53 - 1`)
    return value
  }
}

class Float64Serde extends FixedSerde<number> {
  readonly kind = 'f64'
  readonly shape = { kind: 'f64' } as const
  readonly size = 8

  protected put(value: number, into: Buffer, at: number): void {
    if (typeof value !== 'number') throw serdeError('', `${shown(value)} is not a number`)
    into.writeDoubleBE(value, at)
  }

  protected take(from: Buffer, at: number): number {
    return from.readDoubleBE(at)
  }
}

class BoolSerde extends FixedSerde<boolean> {
  readonly kind = 'bool'
  readonly shape = { kind: 'bool' } as const
  readonly size = 1

  protected put(value: boolean, into: Buffer, at: number): void {
    if (typeof value !== 'boolean') throw serdeError('', `${shown(value)} is not a boolean`)
    into[at] = value ? 1 : 0
  }

  protected take(from: Buffer, at: number): boolean {
    const byte = from[at]
    if (byte !== 0 && byte !== 1) throw serdeError('', `byte ${byte} is not a boolean`)
    return byte === 1
  }
}

/** Whole number in [−2^31, 2^31), 4 bytes. */
export const int32: FieldSerde<number> = new Int32Serde()
/** Whole number in ±(2^53 − 1), 8 bytes. */
export const int64: FieldSerde<number> = new Int64Serde()
/** Any number, 8 bytes; inside JSON it must be finite. */
export const f64: FieldSerde<number> = new Float64Serde()
/** `true` or `false`, 1 byte. */
export const bool: FieldSerde<boolean> = new BoolSerde()

export function isInt32(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX
}

export function isInt64(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
