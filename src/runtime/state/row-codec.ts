/**
 * Keys and values of one store, between user code's objects, the live map's identities and bytes.
 *
 * C1. Two keys have one identity exactly when their bytes are equal. Text and whole numbers are their own identity, which
 *     costs nothing; other keys are known by their bytes, as a latin1 string.
 * C2. Keys are always serialized anew, also where a record's own bytes are at hand: those need not be the only ones that read as this key.
 */
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import { PREFIX_BYTES, TIME_BYTES, VALUE_HEADER_BYTES, encodeValue, writeTime } from './layout.ts'

const OWN_IDENTITY: ReadonlySet<string> = new Set(['text', 'int32', 'int64', 'bool'])

export class RowCodec {
  readonly #prefix: number
  readonly #key: Serde<unknown>
  readonly #value: Serde<unknown>
  readonly #ownIdentity: boolean
  readonly #writer = new ByteWriter(256)

  constructor(prefix: number, key: Serde<unknown>, value: Serde<unknown>) {
    this.#prefix = prefix
    this.#key = key
    this.#value = value
    this.#ownIdentity = OWN_IDENTITY.has(key.kind)
  }

  identity(key: unknown): unknown {
    if (this.#ownIdentity) return key
    this.#writer.reset()
    this.#key.write(key, this.#writer)
    return this.#writer.buffer.toString('latin1', 0, this.#writer.length)
  }

  /** Store key of a row without a time, as a view that is good until the next call. */
  keyView(identity: unknown): Buffer {
    const writer = this.#start(PREFIX_BYTES)
    return this.#rest(writer, identity)
  }

  /** Store key of a row with a time: prefix ‖ time ‖ key; a view that is good until the next call. */
  timeKeyView(time: number, identity: unknown): Buffer {
    const writer = this.#start(PREFIX_BYTES + TIME_BYTES)
    writeTime(writer.buffer, PREFIX_BYTES, time)
    return this.#rest(writer, identity)
  }

  keyOf(bytes: Buffer, start: number): unknown {
    return this.#key.deserialize(bytes, start, bytes.length)
  }

  /** The key that an identity stands for. */
  keyOfIdentity(identity: unknown): unknown {
    return this.#ownIdentity ? identity : this.keyOf(Buffer.from(String(identity), 'latin1'), 0)
  }

  encode(value: unknown, time: number): Buffer | undefined {
    if (value === undefined) return undefined
    this.#writer.reset()
    this.#value.write(value, this.#writer)
    const { buffer, length } = this.#writer
    return encodeValue(time, buffer, length)
  }

  /** The value of stored bytes; `time` of them by `valueTime`. */
  valueOf(stored: Buffer): unknown {
    return this.#value.deserialize(stored, VALUE_HEADER_BYTES, stored.length)
  }

  #start(bytes: number): ByteWriter {
    const writer = this.#writer
    writer.reset()
    writer.reserve(bytes)
    writer.buffer.writeUInt32BE(this.#prefix, 0)
    writer.length = bytes
    return writer
  }

  #rest(writer: ByteWriter, identity: unknown): Buffer {
    if (this.#ownIdentity) this.#key.write(identity, writer)
    else {
      const bytes = String(identity)
      writer.reserve(bytes.length)
      writer.length += writer.buffer.write(bytes, writer.length, 'latin1')
    }
    return writer.buffer.subarray(0, writer.length)
  }
}
