/**
 * Writes records to a topic, with their own time and headers (T4, M5): `write`, and the sink in front of a repartition topic.
 *
 * K1. Bytes of the record as it came are written as they are where its key (value) is the very one that came and the serdes are the same object.
 * K2. A key of `undefined` is null on the wire. A value of `undefined` is, where the topic's serde is optional or the topic is internal;
 *     elsewhere it is refused: readers of the topic are promised that no value is null.
 */
import { messageOf, MillraceError } from '../../base/errors.ts'
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import type { Header, UserFunction } from '../../topology/node.ts'
import { EMPTY } from '../state/layout.ts'
import { LATE_KEY, Operator, type Origin, type Output } from './operator.ts'
import { UserContext } from './user-context.ts'

export interface SinkParts {
  readonly name: string
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly keyOf: UserFunction<unknown> | undefined
  /** The record's own bytes may be written (K1). */
  readonly keyAsItCame: boolean
  readonly valueAsItCame: boolean
  readonly nullValues: boolean
  readonly output: Output
}

export class SinkOperator extends Operator {
  readonly #parts: SinkParts
  readonly #context = new UserContext()
  readonly #keyWriter = new ByteWriter(256)
  readonly #valueWriter = new ByteWriter(1_024)

  constructor(parts: SinkParts) {
    super()
    this.#parts = parts
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const { keyOf } = this.#parts
    const rawKey = this.#writeKey(keyOf === undefined ? key : keyOf(value, this.#context.set(key, time, origin)), origin)
    this.#appendValue(rawKey, value, time, origin, origin.headers())
  }

  /** The bytes as they came, `null`, or `undefined`: they are in `#keyWriter`. */
  #writeKey(key: unknown, origin: Origin): Buffer | null | undefined {
    if (key === undefined) return null
    const raw = this.#parts.keyAsItCame ? origin.keyBytes : undefined
    if (raw !== undefined) return raw
    if (key === LATE_KEY) return null
    try {
      this.#keyWriter.reset()
      this.#parts.key.write(key, this.#keyWriter)
      return undefined
    } catch (error) {
      throw this.#unwritable('key', error)
    }
  }

  #appendValue(rawKey: Buffer | null | undefined, value: unknown, time: number, origin: Origin, headers: readonly Header[]): void {
    const { topic, output } = this.#parts
    const rawValue = this.#writeValue(value, origin)
    const keyBytes = rawKey === undefined ? this.#keyWriter.buffer : rawKey ?? EMPTY
    const valueBytes = rawValue === undefined ? this.#valueWriter.buffer : rawValue ?? EMPTY
    output.append(topic, time, keyBytes, rawKey === null ? -1 : 0, rawKey === undefined ? this.#keyWriter.length : keyBytes.length,
      valueBytes, rawValue === null ? -1 : 0, rawValue === undefined ? this.#valueWriter.length : valueBytes.length, headers)
  }

  /** As `#writeKey`. */
  #writeValue(value: unknown, origin: Origin): Buffer | null | undefined {
    if (value === undefined) {
      if (this.#parts.nullValues) return null
      throw new MillraceError('SERDE_FAILED', `'${this.#parts.name}' writes no value to ${this.#parts.topic}, which is declared with a ${this.#parts.value.kind} value that is never null. Filter it out, or declare the topic's value optional(…).`)
    }
    const raw = this.#parts.valueAsItCame ? origin.valueBytes : undefined
    if (raw !== undefined) return raw
    try {
      this.#valueWriter.reset()
      this.#parts.value.write(value, this.#valueWriter)
      return undefined
    } catch (error) {
      throw this.#unwritable('value', error)
    }
  }

  #unwritable(part: 'key' | 'value', error: unknown): MillraceError {
    return new MillraceError('SERDE_FAILED', `The ${part} cannot be written to ${this.#parts.topic}: ${messageOf(error)}`, { cause: error })
  }
}
