/**
 * Makes encoders and decoders from field tables, one JavaScript function per struct and version.
 *
 * The source text is built from our own tables only (field names and numbers), never from input. Straight-line code with
 * one object literal per struct is several times faster than walking the table, and gives each struct one hidden class.
 *
 * C1. A decoder reads through `WireReader` alone, so that it cannot leave the frame.
 * C2. A tagged field must fill exactly the size it announces.
 * C3. An array's count is checked against the smallest size that its elements can have in this version.
 */
import { assert } from '../base/assert.ts'
import { malformed } from './reader.ts'
import type { WireReader } from './reader.ts'
import { ZERO_UUID } from './uuid.ts'
import { WireWriter } from './writer.ts'

export type PrimitiveName = 'int8' | 'int16' | 'uint16' | 'int32' | 'int64' | 'float64' | 'bool' | 'uuid'
  | 'string' | 'nullableString' | 'bytes' | 'nullableBytes'

export type Shape =
  | { readonly kind: 'primitive', readonly name: PrimitiveName }
  | { readonly kind: 'array', readonly element: Shape, readonly nullable: boolean }
  | { readonly kind: 'struct', readonly fields: readonly FieldShape[], readonly nullable: boolean }

export interface FieldShape {
  readonly name: string
  readonly shape: Shape
  /** First and last version that has the field. */
  readonly from: number
  readonly to: number
  readonly default: string | number | boolean | null | undefined
  readonly tag: number | undefined
  /** Whether it may be left out when encoding, and then stands for its default. */
  readonly optional: boolean
  /** First version in which null may be written; before it, '' or [] is written instead. */
  readonly nullableFrom: number
}

export type Decoder = (reader: WireReader) => unknown
export type Encoder = (writer: WireWriter, value: unknown) => void

type ArrayShape = Extract<Shape, { kind: 'array' }>
type StructShape = Extract<Shape, { kind: 'struct' }>

export function compileDecoder(shape: Shape, version: number, flexible: boolean): Decoder {
  const source = new DecoderSource(version, flexible)
  const root = source.expression(shape)
  const factory = new Function('malformed', `'use strict';\n${source.functions.join('\n')}\nreturn r => ${root}`)
  return factory(malformed) as Decoder // What the source text above evaluates to.
}

export function compileEncoder(shape: Shape, version: number, flexible: boolean): Encoder {
  const source = new EncoderSource(version, flexible)
  const root = source.statement(shape, 'value')
  const factory = new Function('WireWriter', 'fail', `'use strict';\n${source.functions.join('\n')}\nreturn (w, value) => { ${root} }`)
  const fail = (what: string): never => {
    assert(false, what)
  }
  return factory(WireWriter, fail) as Encoder // What the source text above evaluates to.
}

/** The fewest bytes that a value of the shape takes in this version. */
export function bytesMin(shape: Shape, version: number, flexible: boolean): number {
  if (shape.kind === 'array') return flexible ? 1 : 4
  if (shape.kind === 'primitive') return flexible && shape.name in PRIMITIVE_BYTES_MIN_COMPACT ? 1 : PRIMITIVE_BYTES_MIN[shape.name]
  if (shape.nullable) return 1
  let sum = flexible ? 1 : 0
  for (const field of shape.fields) {
    if (has(field, version) && field.tag === undefined) sum += bytesMin(field.shape, version, flexible)
  }
  return sum
}

const PRIMITIVE_BYTES_MIN: Readonly<Record<PrimitiveName, number>> = {
  int8: 1, int16: 2, uint16: 2, int32: 4, int64: 8, float64: 8, bool: 1, uuid: 16, string: 2, nullableString: 2, bytes: 4, nullableBytes: 4,
}
const PRIMITIVE_BYTES_MIN_COMPACT = { string: 1, nullableString: 1, bytes: 1, nullableBytes: 1 } as const

class DecoderSource {
  readonly functions: string[] = []
  readonly #version: number
  readonly #flexible: boolean
  #count = 0

  constructor(version: number, flexible: boolean) {
    this.#version = version
    this.#flexible = flexible
  }

  /** An expression that reads one value from `r`. */
  expression(shape: Shape): string {
    if (shape.kind === 'primitive') return `r.${methodOf(shape.name, this.#flexible)}()`
    if (shape.kind === 'array') return `${this.#array(shape)}(r)`
    const name = this.#struct(shape)
    return shape.nullable ? `(r.int8() < 0 ? null : ${name}(r))` : `${name}(r)`
  }

  #array(shape: ArrayShape): string {
    const name = `a${this.#count++}`
    const elementMin = Math.max(1, bytesMin(shape.element, this.#version, this.#flexible))
    this.functions.push(`function ${name}(r) {
  const n = r.${this.#flexible ? 'compactCount' : 'count'}(${elementMin})
  if (n < 0) ${shape.nullable ? 'return null' : "throw malformed('an array is null where null is not allowed')"}
  const list = []
  for (let i = 0; i < n; i++) list.push(${this.expression(shape.element)})
  return list
}`)
    return name
  }

  #struct(shape: StructShape): string {
    const name = `s${this.#count++}`
    const lines: string[] = []
    const tags: string[] = []
    shape.fields.forEach((field, index) => {
      if (!has(field, this.#version)) lines.push(`  const f${index} = ${defaultOf(field, this.#version)}`)
      else if (field.tag === undefined) lines.push(`  const f${index} = ${this.expression(field.shape)}`)
      else {
        lines.push(`  let f${index} = ${defaultOf(field, this.#version)}`)
        tags.push(`      case ${field.tag}: f${index} = ${this.expression(field.shape)}; break`)
      }
    })
    if (this.#flexible) lines.push(tags.length === 0 ? '  r.skipTaggedFields()' : taggedLoop(tags))
    const members = shape.fields.map((field, index) => `${JSON.stringify(field.name)}: f${index}`)
    this.functions.push(`function ${name}(r) {\n${lines.join('\n')}\n  return { ${members.join(', ')} }\n}`)
    return name
  }
}

function taggedLoop(cases: readonly string[]): string {
  return `  for (let tags = r.compactCount(0) + 1; tags > 0; tags--) {
    const tag = r.uvarint()
    const size = r.uvarint()
    if (size > r.remaining) throw malformed('a tagged field is longer than the frame')
    const end = r.offset + size
    switch (tag) {
${cases.join('\n')}
      default: r.offset = end
    }
    if (r.offset !== end) throw malformed('tagged field ' + tag + ' does not fill its size')
  }`
}

class EncoderSource {
  readonly functions: string[] = []
  readonly #version: number
  readonly #flexible: boolean
  #count = 0

  constructor(version: number, flexible: boolean) {
    this.#version = version
    this.#flexible = flexible
  }

  /** A statement that writes the value that `value` names to `w`. */
  statement(shape: Shape, value: string): string {
    if (shape.kind === 'primitive') return `w.${methodOf(shape.name, this.#flexible)}(${value})`
    if (shape.kind === 'array') return `${this.#array(shape)}(w, ${value})`
    const name = this.#struct(shape)
    return shape.nullable ? `if (${value} === null) w.int8(-1); else { w.int8(1); ${name}(w, ${value}) }` : `${name}(w, ${value})`
  }

  #array(shape: ArrayShape): string {
    const name = `a${this.#count++}`
    const count = this.#flexible ? 'compactCount' : 'count'
    this.functions.push(`function ${name}(w, list) {
  if (list === null) ${shape.nullable ? `return w.${count}(-1)` : "fail('an array is null where null is not allowed')"}
  w.${count}(list.length)
  for (let i = 0; i < list.length; i++) { const item = list[i]; ${this.statement(shape.element, 'item')} }
}`)
    return name
  }

  #struct(shape: StructShape): string {
    const name = `s${this.#count++}`
    const lines: string[] = []
    const tagged: { readonly index: number, readonly field: FieldShape }[] = []
    shape.fields.forEach((field, index) => {
      if (!has(field, this.#version)) return
      lines.push(`  let f${index} = v[${JSON.stringify(field.name)}]`)
      if (field.optional) lines.push(`  if (f${index} === undefined) f${index} = ${defaultOf(field, this.#version)}`)
      if (this.#version < field.nullableFrom) lines.push(`  if (f${index} === null) f${index} = ${field.shape.kind === 'array' ? '[]' : "''"}`)
      if (field.tag === undefined) lines.push(`  ${this.statement(field.shape, `f${index}`)}`)
      else tagged.push({ index, field })
    })
    if (this.#flexible) {
      tagged.sort((a, b) => (a.field.tag ?? 0) - (b.field.tag ?? 0))
      const present = tagged.map(({ index, field }) => `(${differs(field, `f${index}`)} ? 1 : 0)`)
      lines.push(`  w.uvarint(${present.length === 0 ? '0' : present.join(' + ')})`)
      for (const { index, field } of tagged) lines.push(`  if (${differs(field, `f${index}`)}) {
    const outer = w
    { const w = new WireWriter(64); ${this.statement(field.shape, `f${index}`)}; outer.uvarint(${field.tag}); outer.uvarint(w.length); outer.append(w) }
  }`)
    }
    this.functions.push(`function ${name}(w, v) {\n${lines.join('\n')}\n}`)
    return name
  }
}

function has(field: FieldShape, version: number): boolean {
  return version >= field.from && version <= field.to
}

/** A condition: the tagged field's value is not its default. */
function differs(field: FieldShape, value: string): string {
  if (field.shape.kind === 'array' && field.default === undefined && !field.shape.nullable) return `${value}.length > 0`
  return `${value} !== ${defaultOf(field, 0)}`
}

/** Source text of the default, a fresh one for arrays and structs. */
function defaultOf(field: FieldShape, version: number): string {
  if (field.default !== undefined) return JSON.stringify(field.default)
  const { shape } = field
  if (shape.kind === 'array') return shape.nullable ? 'null' : '[]'
  if (shape.kind === 'struct') {
    if (shape.nullable) return 'null'
    return `{ ${shape.fields.map(inner => `${JSON.stringify(inner.name)}: ${defaultOf(inner, version)}`).join(', ')} }`
  }
  switch (shape.name) {
    case 'string': return "''"
    case 'uuid': return JSON.stringify(ZERO_UUID)
    case 'bool': return 'false'
    case 'bytes': return 'Buffer.alloc(0)'
    case 'nullableString':
    case 'nullableBytes': return 'null'
    default: return '0'
  }
}

const COMPACT: Readonly<Partial<Record<PrimitiveName, string>>> = {
  string: 'compactString', nullableString: 'compactNullableString', bytes: 'compactBytes', nullableBytes: 'compactNullableBytes',
}

function methodOf(name: PrimitiveName, flexible: boolean): string {
  return (flexible ? COMPACT[name] : undefined) ?? name
}
