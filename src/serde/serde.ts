/**
 * What turns a value into bytes and back. Everything that a topic, a repartition topic or a store holds has one.
 *
 * S1. `deserialize` reads `buffer[start, end)` and nothing beyond, never keeps `buffer`, and throws `MillraceError` with
 *     code `SERDE_FAILED` (its message names the field) where the bytes are not what was declared.
 * S2. `serialize` gives bytes that `deserialize` turns into an equal value, and equal values give equal bytes.
 * S3. Kafka's null (a record without key or value) never reaches a serde. Where `optional` is true null stands for
 *     `undefined`, in both directions; where it is false a null is a `SERDE_FAILED` of the caller.
 * S4. A value that came out of `deserialize` is plain and belongs to the receiver for ever.
 */
import { MillraceError } from '../base/errors.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { JsonShape } from './json-shape.ts'

export interface Serde<T> {
  /** What it is, for descriptions and messages: `text`, `int64`, `record`, … Equal layouts have equal `layout`. */
  readonly kind: string
  /** Kafka's null and `undefined` stand for each other (S3). */
  readonly optional: boolean
  serialize(value: T): Buffer
  deserialize(buffer: Buffer, start: number, end: number): T
  /** Whether `deserialize` is sure not to throw; `false` where that is not known. For values that may not be needed at all. */
  surelyReads?(buffer: Buffer, start: number, end: number): boolean
  /** Appends the bytes of `value` to `into`: the hot path's `serialize`, which makes no Buffer. */
  write(value: T, into: ByteWriter): void
}

/** A serde whose value can also stand inside a JSON document: a field of `record`, an item of `list`. */
export interface FieldSerde<T> extends Serde<T> {
  /** How it looks inside JSON (as opposed to alone in a record's key or value). */
  readonly shape: JsonShape
}

/** The value type of a serde: `Infer<typeof ShopEvent>`. */
export type Infer<S extends Serde<unknown>> = S extends { deserialize(buffer: Buffer, start: number, end: number): infer T } ? T : never

/** Builds the error of S1; `path` is where inside the value (`items[2].price`), empty for the value itself. */
export function serdeError(path: string, problem: string, cause?: unknown): MillraceError {
  return new MillraceError('SERDE_FAILED', path === '' ? problem : `field ${path}: ${problem}`, { cause, detail: { path } })
}
