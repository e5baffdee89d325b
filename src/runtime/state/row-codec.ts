/**
 * Keys and values of one store, between user code's objects, the live map's identities and bytes.
 *
 * C1. Two keys have one identity exactly when their bytes are equal. Text and whole numbers are their own identity, which
 *     costs nothing; other keys are known by their bytes.
 */
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import { encodeValue, VALUE_HEADER_BYTES } from './layout.ts'

const OWN_IDENTITY: ReadonlySet<string> = new Set(['text', 'int32', 'int64', 'bool'])

export class RowCodec {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly #ownIdentity: boolean
  readonly #writer = new ByteWriter(256)

  constructor(key: Serde<unknown>, value: Serde<unknown>) {
    this.key = key
    this.value = value
    this.#ownIdentity = OWN_IDENTITY.has(key.kind)
  }

  identity(key: unknown): unknown {
    if (this.#ownIdentity) return key
    return this.key.serialize(key).toString('latin1')
  }

  /** Always serialized anew, also where the record's bytes are at hand: those need not be the only ones that read as this key. */
  keyBytes(key: unknown): Buffer {
    return this.key.serialize(key)
  }

  keyOf(bytes: Buffer, start: number): unknown {
    return this.key.deserialize(bytes, start, bytes.length)
  }

  encode(value: unknown, time: number): Buffer | undefined {
    if (value === undefined) return undefined
    this.#writer.reset()
    this.value.write(value, this.#writer)
    const { buffer, length } = this.#writer
    return encodeValue(time, buffer, length)
  }

  /** The value of stored bytes; `time` of them by `valueTime`. */
  valueOf(stored: Buffer): unknown {
    return this.value.deserialize(stored, VALUE_HEADER_BYTES, stored.length)
  }
}
