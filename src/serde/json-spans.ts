/**
 * Where the declared fields of a JSON record stand in its bytes, found without making any of them, and generated code that works on these spans: tests, an
 * object of some fields, a JSON object of some fields.
 *
 *   spans[3i], spans[3i + 1]   token of field i in the buffer, with its quotes; −1 where an optional field is absent or null
 *   spans[3i + 2]              1 where the token is not as `JSON.stringify` would write its value (escapes, bytes beyond ASCII, 1.50): it is decoded when it is used
 *
 * P1. The scanner takes what `json-scanner.ts` takes and gives up on the same rest and more (wrong types, missing fields, syntax errors): whoever uses it then reads
 *     the record the plain way, which decides. So both always mean the same.
 * P2. Names and constants enter the generated code as numbers, by `JSON.stringify`, or by index into a list.
 */
import * as json from './json-bytes.ts'
import { nameCases } from './json-scanner.ts'
import type { JsonField, JsonShape } from './json-shape.ts'
import { makeRoom, putNumber, putText } from './json-writer.ts'
import type { ByteWriter } from './byte-writer.ts'

export const SPAN = 3

/** Fills `spans`; `false`: read it the plain way. */
export type SpanScanner = (buffer: Buffer, start: number, end: number, spans: Int32Array) => boolean
export type SpanTest = (buffer: Buffer, spans: Int32Array) => boolean
export type SpanMaker = (buffer: Buffer, spans: Int32Array) => unknown
/** Appends to `into`, which has been reset. */
export type SpanPrinter = (buffer: Buffer, spans: Int32Array, into: ByteWriter) => void

export type Scalar = string | number | boolean

/** One comparison of a declared field with constants. An absent field is equal to nothing and compares with nothing. */
export type Comparison =
  | { readonly op: 'is' | 'not'; readonly value: Scalar }
  | { readonly op: 'in'; readonly values: readonly Scalar[] }
  | { readonly op: 'below' | 'atMost' | 'above' | 'atLeast'; readonly value: number }

export interface Condition {
  readonly field: string
  readonly comparison: Comparison
}

type ScalarKind = 'text' | 'int32' | 'int64' | 'f64' | 'bool'

/** The kind of a field that can be worked on by its span; `undefined` for others. */
export function scalarKind(shape: JsonShape): ScalarKind | undefined {
  const of = shape.kind === 'optional' ? shape.of : shape
  return of.kind === 'text' || of.kind === 'int32' || of.kind === 'int64' || of.kind === 'f64' || of.kind === 'bool' ? of.kind : undefined
}

/** `undefined` where some field is not a scalar, or the process forbids code generation. */
export function compileSpanScanner(fields: readonly JsonField[]): SpanScanner | undefined {
  if (fields.length === 0 || !fields.every(field => scalarKind(field.shape) !== undefined && !/[\ufffd]|\p{Surrogate}/u.test(field.name))) return undefined
  const required = fields.flatMap((field, index) => field.shape.kind === 'optional' ? [] : [`s[${index * SPAN}] < 0`])
  return generated(`
function scan(b, start, end, s) {
  let p = skipSpace(b, start)
  if (b[p] !== 123) return false
  ${fields.map((_, index) => `s[${index * SPAN}] = -1`).join('; ')}
  p = skipSpace(b, p + 1)
  if (b[p] === 125) p++
  else for (;;) {
    if (b[p] !== 34) return false
    p++
    name: {
      switch (b[p]) {
${nameCases(fields, index => spanOf(fields[index], index), 'return false')}
      }
      for (;; p++) {
        const c = b[p]
        if (c === 34) break
        if (c === 92 || !(c >= 32)) return false
      }
      p++
      if (b[p] !== 58) { p = skipSpace(b, p); if (b[p] !== 58) return false }
      p++
      if (b[p] <= 32) p = skipSpace(b, p)
      cursor.pos = b[p] === 34 ? skipString(b, p + 1, end) : skipValue(b, p, end)
    }
    p = cursor.pos
    if (p < 0) return false
    if (b[p] <= 32) p = skipSpace(b, p)
    if (b[p] === 125) { p++; break }
    if (b[p] !== 44) return false
    p++
    if (b[p] <= 32) p = skipSpace(b, p)
  }
  return !(${[...required, 'p > end', 'skipSpace(b, p) < end'].join(' || ')})
}
return scan`, [])
}

/** Statement that reads the value at p into the span of field `index`. */
function spanOf(field: JsonField | undefined, index: number): string {
  const kind = field === undefined ? undefined : scalarKind(field.shape)
  const call = kind === 'text' ? `textSpan(b, p, end, s, ${index * SPAN})` : kind === 'bool' ? `boolSpan(b, p, s, ${index * SPAN})` : `numberSpan(b, p, end, s, ${index * SPAN}, ${kind === 'f64' ? 0 : kind === 'int64' ? 1 : 2})`
  return field?.shape.kind === 'optional' ? `if (b[p] === 110) { s[${index * SPAN}] = -1; cursor.pos = isNull(b, p) ? p + 4 : -1 } else ${call}` : call
}

export function textSpan(b: Buffer, p: number, end: number, s: Int32Array, at: number): void {
  if (b[p] !== 0x22) {
    json.cursor.pos = json.GIVE_UP
    return
  }
  s[at] = p
  for (let pos = p + 1; pos < end; pos++) {
    const byte = b[pos] ?? 0
    if (byte === 0x22) {
      s[at + 1] = pos + 1
      s[at + 2] = 0
      json.cursor.pos = pos + 1
      return
    }
    if (byte === 0x5c || byte < 0x20 || byte >= 0x80) break
  }
  json.cursor.pos = json.skipString(b, p + 1, end)
  s[at + 1] = json.cursor.pos
  s[at + 2] = 1
}

export function boolSpan(b: Buffer, p: number, s: Int32Array, at: number): void {
  json.readBool(b, p)
  s[at] = p
  s[at + 1] = json.cursor.pos
  s[at + 2] = 0
}

/** `whole`: 0 any finite number, 1 a safe integer, 2 an int32. */
export function numberSpan(b: Buffer, p: number, end: number, s: Int32Array, at: number, whole: number): void {
  let pos = p
  let byte = b[pos] ?? 0
  if (byte === 0x2d) byte = b[++pos] ?? 0
  const first = pos
  const leading = byte
  while (byte >= 0x30 && byte <= 0x39) byte = b[++pos] ?? 0
  const digits = pos - first
  let plain = digits > 0 && digits <= 9 + (whole === 2 ? 0 : 6) && (leading !== 0x30 || (digits === 1 && first === p))
  if (byte === 0x2e) {
    const point = pos
    byte = b[++pos] ?? 0
    while (byte >= 0x30 && byte <= 0x39) byte = b[++pos] ?? 0
    const fraction = pos - point - 1
    // Up to 15 digits name one double each; from 1e-6 on no exponent is written; a zero at the end is not written.
    plain = whole === 0 && digits > 0 && (leading !== 0x30 || digits === 1) && fraction > 0 && fraction <= 6 && digits + fraction <= 15 && b[pos - 1] !== 0x30
  }
  s[at] = p
  if (plain && byte !== 0x65 && byte !== 0x45) {
    s[at + 1] = pos
    s[at + 2] = 0
    json.cursor.pos = pos
    return
  }
  const value = json.readNumber(b, p, end)
  if (!(whole === 0 ? Number.isFinite(value) : whole === 1 ? Number.isSafeInteger(value) : (value | 0) === value)) json.cursor.pos = json.GIVE_UP
  s[at + 1] = json.cursor.pos
  s[at + 2] = 1
}

/** All conditions hold. */
export function compileSpanTest(fields: readonly JsonField[], conditions: readonly Condition[]): SpanTest | undefined {
  const constants: unknown[] = []
  const lines = conditions.map(({ field, comparison }) => {
    const index = fields.findIndex(each => each.name === field)
    const kind = scalarKind(fields[index]?.shape ?? { kind: 'any' }) ?? 'text'
    return `  if (!(${conditionCode(kind, index * SPAN, comparison, constants)})) return false`
  })
  return generated(`function test(b, s) {\n${lines.join('\n')}\n  return true\n}\nreturn test`, constants)
}

function conditionCode(kind: ScalarKind, at: number, comparison: Comparison, constants: unknown[]): string {
  const present = `s[${at}] >= 0`
  switch (comparison.op) {
    case 'is': return `${present} && ${equalCode(kind, at, comparison.value, constants)}`
    case 'not': return `!(${present} && ${equalCode(kind, at, comparison.value, constants)})`
    case 'in': return comparison.values.length === 0 ? 'false' : `${present} && (${comparison.values.map(value => `(${equalCode(kind, at, value, constants)})`).join(' || ')})`
    default: {
      constants.push(comparison.value)
      return `${present} && ${readCode(kind, at)} ${{ below: '<', atMost: '<=', above: '>', atLeast: '>=' }[comparison.op]} c[${constants.length - 1}]`
    }
  }
}

function equalCode(kind: ScalarKind, at: number, value: Scalar, constants: unknown[]): string {
  constants.push(value)
  const slow = `${readCode(kind, at)} === c[${constants.length - 1}]`
  if (kind !== 'text' || typeof value !== 'string') return `(${slow})`
  const token = Buffer.from(JSON.stringify(value), 'utf8')
  // A token without escapes and beyond-ASCII bytes is equal only to text that is written without them.
  const plain = token.length !== value.length + 2 ? 'false' : [`s[${at + 1}] - s[${at}] === ${token.length}`, ...[...token].slice(1, -1).map((byte, index) => `b[s[${at}] + ${index + 1}] === ${byte}`)].join(' && ')
  return `(s[${at + 2}] === 0 ? ${plain} : ${slow})`
}

/** Expression for the value of a field that is there. */
function readCode(kind: ScalarKind, at: number): string {
  switch (kind) {
    case 'text': return `readString(b, s[${at}] + 1, s[${at + 1}])`
    case 'bool': return `(b[s[${at}]] === 116)`
    default: return `readNumber(b, s[${at}], s[${at + 1}])`
  }
}

/** An object of the named fields, in that order; an absent one is `undefined`. */
export function compileSpanMaker(fields: readonly JsonField[], names: readonly string[]): SpanMaker | undefined {
  const entries = names.map(name => {
    const index = fields.findIndex(field => field.name === name)
    const read = readCode(scalarKind(fields[index]?.shape ?? { kind: 'any' }) ?? 'text', index * SPAN)
    return `${name === '__proto__' ? `['__proto__']` : JSON.stringify(name)}: s[${index * SPAN}] < 0 ? undefined : ${read}`
  })
  return generated(`function make(b, s) { return { ${entries.join(', ')} } }\nreturn make`, [])
}

/** The JSON of `to`, each of whose fields is one of `fields` of the same kind. */
export function compileSpanPrinter(fields: readonly JsonField[], to: readonly JsonField[]): SpanPrinter | undefined {
  const lines = to.map((field, position) => {
    const index = fields.findIndex(each => each.name === field.name)
    const at = index * SPAN
    const kind = scalarKind(field.shape) ?? 'text'
    const name = `${JSON.stringify(field.name)}:`
    const bytes = [...Buffer.from(name, 'utf8')]
    const rewrite = kind === 'text' ? `p = putText(readString(b, s[${at}] + 1, s[${at + 1}]), w, p)` : kind === 'bool' ? '' : `p = putNumber(readNumber(b, s[${at}], s[${at + 1}]), w, p)`
    const lead = position === 0 ? '' : to.slice(0, position).some(each => each.shape.kind !== 'optional') ? 'o[p++] = 44;' : 'if (p > 1) o[p++] = 44;'
    const code = `p = makeRoom(w, p, ${bytes.length + 130} + s[${at + 1}] - s[${at}]); o = w.buffer; ${lead}
  ${bytes.map((byte, offset) => `o[p + ${offset}] = ${byte}`).join('; ')}; p += ${bytes.length}
  ${kind === 'bool' ? '' : `if (s[${at + 2}] !== 0) { ${rewrite}; o = w.buffer } else `}for (let i = s[${at}], e = s[${at + 1}]; i < e; i++) o[p++] = b[i]`
    return field.shape.kind === 'optional' ? `  if (s[${at}] >= 0) {\n  ${code}\n  }` : `  ${code}`
  })
  return generated(`function print(b, s, w) {
  let p = 1, o = w.buffer
  o[0] = 123
${lines.join('\n')}
  p = makeRoom(w, p, 1); o = w.buffer
  o[p++] = 125
  w.length = p
}
return print`, [])
}

/** The one place here that makes code (P2). */
function generated<F>(body: string, constants: readonly unknown[]): F | undefined {
  try {
    return new Function('json', 'c', `'use strict'
const { cursor, skipSpace, skipString, skipValue, readString, readNumber, isNull, textSpan, boolSpan, numberSpan, putText, putNumber, makeRoom } = json
${body}`)({ ...json, textSpan, boolSpan, numberSpan, putText, putNumber, makeRoom }, constants) as F // Each caller writes the function that it names.
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}
