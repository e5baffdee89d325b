/**
 * Field tables: one per API for requests and one for responses, with version ranges. TypeScript's types are inferred
 * from them, and one encoder and one decoder per version are made from them (see schema-compiler.ts).
 *
 * A struct's entry is a type (present in all versions) or `field(type, { versions, default })` or `tagged(…)`.
 *
 * S1. A decoded value has every field: where the version lacks it, its default (of the table, else 0, false, '',
 *     the zero UUID, null for a nullable type, [] for an array, a struct of defaults).
 * S2. To encode, an entry made by `field` or `tagged` may be left out and stands for its default. A field that the
 *     version lacks is left out silently, whatever its value: who depends on it checks the version.
 * S3. Null is read for a nullable type in every version. Where `nullableFrom` says that early versions do not have it,
 *     '' or [] is written for it there.
 * S4. Unknown tagged fields are skipped when decoding and not kept.
 */
import { assert, AssertionError } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import type { WireReader } from './reader.ts'
import type { WireWriter } from './writer.ts'
import { compileDecoder, compileEncoder } from './schema-compiler.ts'
import type { Decoder, Encoder, FieldShape, PrimitiveName, Shape } from './schema-compiler.ts'

declare const OUT: unique symbol
declare const IN: unique symbol

/** A type on the wire: `Out` is what decoding gives, `In` what encoding takes. */
export interface Type<Out, In = Out> {
  readonly shape: Shape
  readonly [OUT]: Out
  readonly [IN]: In
}

/** A type with versions and a default; may be left out when encoding. */
export interface Field<Out, In = Out> extends Type<Out, In> {
  readonly field: FieldOptions
}

export interface FieldOptions {
  /** `'3+'`, `'2-8'` or `'5'`; all versions when left out. */
  readonly versions?: string
  readonly default?: string | number | boolean | null
  readonly tag?: number
  /** First version in which Kafka allows null: in earlier ones '' or [] is written for it. */
  readonly nullableFrom?: number
}

type AnyType = Type<unknown, unknown>
type Flat<T> = { [K in keyof T]: T[K] }

export type Out<T extends AnyType> = T[typeof OUT]
export type In<T extends AnyType> = T[typeof IN]
export type StructOut<F extends Record<string, AnyType>> = { [K in keyof F]: Out<F[K]> }
export type StructIn<F extends Record<string, AnyType>> = Flat<
  & { readonly [K in keyof F as F[K] extends Field<unknown, unknown> ? never : K]: In<F[K]> }
  & { readonly [K in keyof F as F[K] extends Field<unknown, unknown> ? K : never]?: In<F[K]> | undefined }
>

export const int8: Type<number> = primitive('int8')
export const int16: Type<number> = primitive('int16')
export const uint16: Type<number> = primitive('uint16')
export const int32: Type<number> = primitive('int32')
export const int64: Type<number> = primitive('int64')
export const float64: Type<number> = primitive('float64')
export const bool: Type<boolean> = primitive('bool')
export const uuid: Type<string> = primitive('uuid')
export const string: Type<string> = primitive('string')
export const nullableString: Type<string | null> = primitive('nullableString')
export const bytes: Type<Buffer> = primitive('bytes')
export const nullableBytes: Type<Buffer | null> = primitive('nullableBytes')
/** Record batches, not decoded: a slice of the frame. */
export const records: Type<Buffer | null> = primitive('nullableBytes')

export function struct<F extends Record<string, AnyType>>(fields: F): Type<StructOut<F>, StructIn<F>> {
  return make({ kind: 'struct', fields: Object.entries(fields).map(([name, type]) => fieldShape(name, type)), nullable: false })
}

/** A struct behind a byte that says whether it is there (−1 for null). */
export function nullableStruct<F extends Record<string, AnyType>>(fields: F): Type<StructOut<F> | null, StructIn<F> | null> {
  return make({ kind: 'struct', fields: Object.entries(fields).map(([name, type]) => fieldShape(name, type)), nullable: true })
}

export function array<T extends AnyType>(element: T): Type<Out<T>[], readonly In<T>[]> {
  return make({ kind: 'array', element: element.shape, nullable: false })
}

export function nullableArray<T extends AnyType>(element: T): Type<Out<T>[] | null, readonly In<T>[] | null> {
  return make({ kind: 'array', element: element.shape, nullable: true })
}

/** A field that some versions lack, or that has a default. */
export function field<O, I>(type: Type<O, I>, options: Omit<FieldOptions, 'tag'>): Field<O, I> {
  return makeField(type.shape, options)
}

/** A tagged field of flexible versions; left off the wire where it equals its default. */
export function tagged<O, I>(tag: number, type: Type<O, I>, options: Omit<FieldOptions, 'tag'>): Field<O, I> {
  return makeField(type.shape, { ...options, tag })
}

/** A tagged struct: null where it is absent (Kafka itself would give a struct of defaults). */
export function taggedStruct<O, I>(tag: number, type: Type<O, I>, options: Omit<FieldOptions, 'tag' | 'default'>): Field<O | null, I | null> {
  return makeField(type.shape, { ...options, default: null, tag })
}

/** One direction of an API, or any struct with versions of its own: compiled once per version, on first use. */
export class Codec<T extends AnyType> {
  readonly name: string
  readonly versionMin: number
  readonly versionMax: number
  readonly shape: Shape
  readonly #flexibleFrom: number
  readonly #decoders: (Decoder | undefined)[] = []
  readonly #encoders: (Encoder | undefined)[] = []

  constructor(name: string, type: T, versions: readonly [number, number], flexibleFrom: number) {
    this.name = name
    this.shape = type.shape
    this.versionMin = versions[0]
    this.versionMax = versions[1]
    this.#flexibleFrom = flexibleFrom
  }

  isFlexible(version: number): boolean {
    return version >= this.#flexibleFrom
  }

  /** Reads one value; the reader is left behind its last byte. `FRAME_MALFORMED` names the API and version. */
  decode(reader: WireReader, version: number): Out<T> {
    const decoder = this.#decoders[version] ?? this.#compileDecoder(version)
    try {
      return decoder(reader) as Out<T> // The decoder was made from T's own table.
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      throw new MillraceError(error.code, `${this.name} v${version}: ${error.message}`, { detail: { ...error.detail, version }, cause: error })
    }
  }

  encode(writer: WireWriter, version: number, value: In<T>): void {
    const encoder = this.#encoders[version] ?? this.#compileEncoder(version)
    try {
      encoder(writer, value)
    } catch (error) {
      // A field of ours is missing or does not fit: our bug, but say where.
      if (error instanceof AssertionError) throw new AssertionError(`${this.name} v${version}: ${error.message}`, { cause: error })
      throw error
    }
  }

  #compileDecoder(version: number): Decoder {
    this.#check(version)
    return this.#decoders[version] = compileDecoder(this.shape, version, this.isFlexible(version))
  }

  #compileEncoder(version: number): Encoder {
    this.#check(version)
    return this.#encoders[version] = compileEncoder(this.shape, version, this.isFlexible(version))
  }

  #check(version: number): void {
    if (version >= this.versionMin && version <= this.versionMax && Number.isInteger(version)) return
    throw new MillraceError('VERSION_UNSUPPORTED', `${this.name} v${version} is not known here, only v${this.versionMin} to v${this.versionMax}`)
  }
}

export interface Api<Q extends AnyType = AnyType, P extends AnyType = AnyType> {
  readonly key: number
  readonly name: string
  readonly versionMin: number
  readonly versionMax: number
  readonly flexibleFrom: number
  readonly request: Codec<Q>
  readonly response: Codec<P>
  isFlexible(version: number): boolean
}

export type RequestOf<A> = A extends Api<infer Q, infer _P> ? Out<Q> : never
export type ResponseOf<A> = A extends Api<infer _Q, infer P> ? Out<P> : never
export type RequestInput<A> = A extends Api<infer Q, infer _P> ? In<Q> : never
export type ResponseInput<A> = A extends Api<infer _Q, infer P> ? In<P> : never

export interface ApiOptions<Q extends AnyType, P extends AnyType> {
  readonly key: number
  readonly name: string
  /** First and last version that both tables describe. */
  readonly versions: readonly [number, number]
  /** The first version with compact encodings and tagged fields; `Infinity` where there is none. */
  readonly flexibleFrom: number
  readonly request: Q
  readonly response: P
}

export function defineApi<Q extends AnyType, P extends AnyType>(options: ApiOptions<Q, P>): Api<Q, P> {
  const { key, name, versions, flexibleFrom } = options
  return {
    key,
    name,
    versionMin: versions[0],
    versionMax: versions[1],
    flexibleFrom,
    request: new Codec(`${name} request`, options.request, versions, flexibleFrom),
    response: new Codec(`${name} response`, options.response, versions, flexibleFrom),
    isFlexible: version => version >= flexibleFrom,
  }
}

function primitive<T>(name: PrimitiveName): Type<T> {
  return make({ kind: 'primitive', name })
}

function make<O, I>(shape: Shape): Type<O, I> {
  return { shape } as Type<O, I> // OUT and IN exist in the type only.
}

function makeField<O, I>(shape: Shape, options: FieldOptions): Field<O, I> {
  return { shape, field: options } as Field<O, I> // OUT and IN exist in the type only.
}

function fieldShape(name: string, type: AnyType | Field<unknown, unknown>): FieldShape {
  const options: FieldOptions = 'field' in type ? type.field : {}
  const [from, to] = versionRange(options.versions ?? '0+')
  return { name, shape: type.shape, from, to, default: options.default, tag: options.tag, optional: 'field' in type, nullableFrom: options.nullableFrom ?? 0 }
}

function versionRange(text: string): readonly [number, number] {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  assert(match !== null, `not a version range: ${text}`)
  const from = Number(match[1])
  return [from, match[2] === '+' ? Infinity : match[3] === undefined ? from : Number(match[3])]
}
