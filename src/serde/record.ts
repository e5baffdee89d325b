/**
 * Declared JSON: `record({ … })`, `list(…)`, `optional(…)`. Reads just the declared fields, checks them, and gives plain objects.
 *
 * Alone in a key or value they are a JSON document in UTF-8; inside each other they nest.
 */
import type { ByteWriter } from './byte-writer.ts'
import { cursor } from './json-bytes.ts'
import { compileReader, compileWriter, type JsonReader, type JsonWriter } from './json-codec.ts'
import type { JsonShape } from './json-shape.ts'
import { serdeError, type FieldSerde, type Serde } from './serde.ts'

/** The fields of a `record`, by name. */
export type Fields = Readonly<Record<string, FieldSerde<unknown>>>

type ValueOf<S> = S extends { deserialize(buffer: Buffer, start: number, end: number): infer T } ? T : never
type OptionalNames<F> = { [N in keyof F]: undefined extends ValueOf<F[N]> ? N : never }[keyof F]

/** The value type of `record(fields)`: fields of `optional` may be left out. */
export type RecordOf<F> = (
  & { readonly [N in Exclude<keyof F, OptionalNames<F>>]: ValueOf<F[N]> }
  & { readonly [N in OptionalNames<F>]?: ValueOf<F[N]> }
) extends infer T ? { readonly [N in keyof T]: T[N] } : never

/** What `record` gives: a serde that can be narrowed to some of its fields. */
export interface RecordSerde<T> extends FieldSerde<T> {
  readonly fieldNames: readonly string[]
  /** Reads only `names`; with `timeField`, `sideNumber()` gives that field of the value decoded last, which need not be among them. */
  pick<N extends keyof T & string>(names: readonly N[], timeField?: string | undefined): PickedSerde<Pick<T, N>>
}

export interface PickedSerde<T> extends FieldSerde<T> {
  sideNumber(): number
}

class DocumentSerde<T> implements FieldSerde<T> {
  readonly kind: string
  readonly optional = false
  readonly shape: JsonShape
  #reader: JsonReader | undefined
  #writer: JsonWriter | undefined

  constructor(kind: string, shape: JsonShape) {
    this.kind = kind
    this.shape = shape
  }

  serialize(value: T): Buffer {
    this.#writer ??= compileWriter(this.shape)
    return this.#writer.toBuffer(value)
  }

  write(value: T, into: ByteWriter): void {
    this.#writer ??= compileWriter(this.shape)
    this.#writer.write(value, into)
  }

  deserialize(buffer: Buffer, start: number, end: number): T {
    this.#reader ??= compileReader(this.shape)
    // The reader checks every declared field against the shape that T was inferred from.
    return this.#reader(buffer, start, end) as T
  }
}

class DeclaredRecord<T> extends DocumentSerde<T> implements RecordSerde<T> {
  readonly fieldNames: readonly string[]

  constructor(shape: JsonShape & { readonly kind: 'record' }) {
    super('record', shape)
    this.fieldNames = shape.fields.map(field => field.name)
  }

  pick<N extends keyof T & string>(names: readonly N[], timeField?: string | undefined): PickedSerde<Pick<T, N>> {
    const wanted = new Set<string>(names)
    for (const name of timeField === undefined ? wanted : [...wanted, timeField]) {
      if (!this.fieldNames.includes(name)) throw serdeError(name, `not a field of this record, which has ${this.fieldNames.join(', ')}`)
    }
    const fields = this.shape.kind === 'record' ? this.shape.fields : []
    const shown = fields.filter(field => wanted.has(field.name))
    const side = fields.find(field => field.name === timeField)
    return new PickedRecord<Pick<T, N>>('record', { kind: 'record', fields: shown, side })
  }
}

/** A narrowed record, with one number read on the side. */
class PickedRecord<T> extends DocumentSerde<T> implements PickedSerde<T> {
  #sideNumber = Number.NaN

  override deserialize(buffer: Buffer, start: number, end: number): T {
    const value = super.deserialize(buffer, start, end)
    this.#sideNumber = cursor.side
    return value
  }

  sideNumber(): number {
    return this.#sideNumber
  }
}

/** The same record with only these fields, in the order in which they were declared; `undefined` where `serde` is no record with all of them. */
export function pickFields(serde: Serde<unknown>, names: readonly string[]): Serde<unknown> | undefined {
  if (!(serde instanceof DocumentSerde) || serde.shape.kind !== 'record') return undefined
  const fields = serde.shape.fields.filter(field => names.includes(field.name))
  return fields.length === new Set(names).size ? new DocumentSerde<unknown>('record', { kind: 'record', fields }) : undefined
}

class ListSerde<T> extends DocumentSerde<readonly T[]> {
  constructor(item: JsonShape) {
    super('list', { kind: 'list', of: item })
  }
}

class OptionalSerde<T> implements Serde<T | undefined> {
  readonly kind: string
  readonly optional = true
  readonly #of: Serde<T>

  constructor(of: Serde<T>) {
    this.kind = of.kind
    this.#of = of
  }

  serialize(value: T | undefined): Buffer {
    if (value === undefined) throw serdeError('', 'undefined has no bytes: it is null in Kafka')
    return this.#of.serialize(value)
  }

  write(value: T | undefined, into: ByteWriter): void {
    if (value === undefined) throw serdeError('', 'undefined has no bytes: it is null in Kafka')
    this.#of.write(value, into)
  }

  deserialize(buffer: Buffer, start: number, end: number): T {
    return this.#of.deserialize(buffer, start, end)
  }
}

class OptionalField<T> extends OptionalSerde<T> implements FieldSerde<T | undefined> {
  readonly shape: JsonShape

  constructor(of: FieldSerde<T>) {
    super(of)
    this.shape = { kind: 'optional', of: of.shape }
  }
}

/**
 * A JSON object with declared fields. Undeclared ones are skipped unread; a missing or wrong one is `SERDE_FAILED` with its path.
 *
 * @example
 *   const ShopEvent = record({ type: text, shopper: text, item: text, price: optional(f64), at: int64 })
 *   type ShopEvent = Infer<typeof ShopEvent>
 */
export function record<const F extends Fields>(fields: F): RecordSerde<RecordOf<F>> {
  return new DeclaredRecord<RecordOf<F>>({ kind: 'record', fields: Object.entries(fields).map(([name, serde]) => ({ name, shape: serde.shape })) })
}

/** A JSON array. */
export function list<T>(item: FieldSerde<T>): FieldSerde<readonly T[]> {
  return new ListSerde<T>(item.shape)
}

/** A value that may be absent: null in Kafka, absent or null in JSON, `undefined` here. */
export function optional<T>(serde: FieldSerde<T>): FieldSerde<T | undefined>
export function optional<T>(serde: Serde<T>): Serde<T | undefined>
export function optional<T>(serde: Serde<T> | FieldSerde<T>): Serde<T | undefined> {
  return 'shape' in serde ? new OptionalField(serde) : new OptionalSerde(serde)
}
