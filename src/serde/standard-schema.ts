/**
 * Schemas of other libraries (zod, valibot, arktype …) as serdes, by the Standard Schema interface, which they share.
 *
 * Reads with `JSON.parse` and then validates: slower than `record`, which reads declared fields only. Writes with `JSON.stringify`,
 * unvalidated: the compiler has checked the type. A schema that validates asynchronously is refused.
 */
import type { ByteWriter } from './byte-writer.ts'
import { ANY_JSON } from './json.ts'
import type { JsonShape } from './json-shape.ts'
import { serdeError, type FieldSerde } from './serde.ts'

/** The part of Standard Schema v1 (standardschema.dev) that is used, taken structurally. */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

class SchemaSerde<T> implements FieldSerde<T> {
  readonly kind: string
  readonly optional = false
  readonly shape: JsonShape
  readonly #schema: StandardSchema<T>

  constructor(schema: StandardSchema<T>) {
    this.#schema = schema
    this.kind = schema['~standard'].vendor
    this.shape = { kind: 'checked', check: value => this.#validated(value) }
  }

  serialize(value: T): Buffer {
    return ANY_JSON.serialize(value)
  }

  write(value: T, into: ByteWriter): void {
    ANY_JSON.write(value, into)
  }

  deserialize(buffer: Buffer, start: number, end: number): T {
    return this.#validated(ANY_JSON.deserialize(buffer, start, end))
  }

  #validated(value: unknown): T {
    const result = this.#schema['~standard'].validate(value)
    if (result instanceof Promise) throw serdeError('', `this ${this.kind} schema validates asynchronously: a stream needs one that does not`)
    if (result.issues === undefined) return result.value
    const [issue] = result.issues
    const path = (issue?.path ?? []).map(part => String(typeof part === 'object' ? part.key : part)).join('.')
    throw serdeError(path, issue?.message ?? `refused by its ${this.kind} schema`)
  }
}

/**
 * A serde from any Standard Schema.
 *
 * @example
 *   topic('orders', { key: text, value: schema(z.object({ id: z.string(), total: z.number() })) })
 */
export function schema<T>(standard: StandardSchema<T>): FieldSerde<T> {
  return new SchemaSerde(standard)
}
