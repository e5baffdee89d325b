/**
 * Generates the code that writes a declared value as JSON straight into bytes.
 *
 * H1. It writes plain values of the right types and gives up on all else, having taken back what it wrote: `encodeReference` then writes
 *     the value, or throws with the name of the field. Both write the same bytes: those of `JSON.stringify` of the declared fields.
 * H2. Names enter the generated code as bytes only.
 */
import type { ByteWriter } from './byte-writer.ts'
import type { JsonField, JsonShape } from './json-shape.ts'

/** Appends `value` to `into`; `false`: nothing was appended. */
export type Printer = (value: unknown, into: ByteWriter) => boolean

const GIVE_UP = -1
const TEXT_BYTES_MAX = 96
/** Every printer (value, writer, position) finds at least as many bytes free at its position, and gives the next position, or GIVE_UP. */
const FREE_BYTES = 128

/** `undefined` where the process forbids code generation. */
export function compilePrinter(shape: JsonShape): Printer | undefined {
  const code = new PrinterCode()
  const root = code.printer(shape)
  const body = `
'use strict'
const { putText, putInteger, putNumber, putAny, makeRoom } = json
${code.functions.join('\n')}
return function print(v, w) {
  const p = ${root}(v, w, makeRoom(w, w.length, ${FREE_BYTES}))
  if (p < 0) return false
  w.length = p
  return true
}`
  try {
    // The one place that generates code for writing (H2).
    return new Function('json', body)({ putText, putInteger, putNumber, putAny, makeRoom }) as Printer
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

class PrinterCode {
  readonly functions: string[] = []
  #count = 0

  /** Name of a function (v, w, p) that appends v. */
  printer(shape: JsonShape): string {
    switch (shape.kind) {
      case 'text': return 'putText'
      case 'bool': return this.#function('bool', `const b = w.buffer\n  if (v === true) { ${put('true')} return p }\n  if (v === false) { ${put('false')} return p }\n  return -1`)
      case 'int32': return this.#function('int32', `return typeof v === 'number' && (v | 0) === v ? putInteger(v, w, p) : -1`)
      case 'int64': return this.#function('int64', `return Number.isSafeInteger(v) ? putInteger(v, w, p) : -1`)
      case 'f64': return this.#function('f64', `return Number.isFinite(v) ? putNumber(v, w, p) : -1`)
      case 'any': case 'checked': return 'putAny'
      case 'optional': return this.#function('optional', `if (v !== undefined && v !== null) return ${this.printer(shape.of)}(v, w, p)\n  const b = w.buffer\n  ${put('null')}\n  return p`)
      case 'list': return this.#list(this.printer(shape.of))
      case 'record': return this.#record(shape.fields)
    }
  }

  #function(kind: string, body: string): string {
    const name = `${kind}${this.#count++}`
    this.functions.push(`function ${name}(v, w, p) {\n  ${body}\n}`)
    return name
  }

  #list(of: string): string {
    return this.#function('list', `if (!Array.isArray(v)) return -1
  w.buffer[p++] = 91
  for (let i = 0; i < v.length; i++) {
    p = makeRoom(w, p, ${FREE_BYTES + 1})
    if (i !== 0) w.buffer[p++] = 44
    p = ${of}(v[i], w, p)
    if (p < 0) return -1
  }
  p = makeRoom(w, p, 1)
  w.buffer[p++] = 93
  return p`)
  }

  #record(fields: readonly JsonField[]): string {
    const lines = [`if (typeof v !== 'object' || v === null || Array.isArray(v)) return -1`, `let b = w.buffer`, put('{')]
    // What must come before the next field is known until an optional one may have been left out at the front.
    let before: 'nothing' | 'something' | 'unknown' = 'nothing'
    fields.forEach((field, index) => {
      const optional = field.shape.kind === 'optional'
      const printer = this.printer(field.shape.kind === 'optional' ? field.shape.of : field.shape)
      const name = `${JSON.stringify(field.name)}:`
      const room = `if (b.length - p < ${Buffer.byteLength(name) + 1 + FREE_BYTES}) { p = makeRoom(w, p, ${Buffer.byteLength(name) + 1 + FREE_BYTES}); b = w.buffer }`
      const lead = before === 'nothing' ? put(name) : before === 'something' ? put(`,${name}`) : `if (b[p - 1] !== 123) { ${put(',')} } ${put(name)}`
      const write = `${room} ${lead} p = ${printer}(f${index}, w, p); if (p < 0) return -1; b = w.buffer`
      lines.push(`const f${index} = v[${JSON.stringify(field.name)}]`, optional ? `if (f${index} !== undefined && f${index} !== null) { ${write} }` : write)
      before = optional && before !== 'something' ? 'unknown' : 'something'
    })
    lines.push('if (b.length === p) { p = makeRoom(w, p, 1); b = w.buffer }', put('}'), 'return p')
    return this.#function('record', lines.join('\n  '))
  }
}

/** Code that appends a constant at p of b; there is room. */
function put(constant: string): string {
  const bytes = [...Buffer.from(constant, 'utf8')]
  return `${bytes.map((byte, index) => `b[p + ${index}] = ${byte};`).join(' ')} p += ${bytes.length};`
}

/** Makes `bytes` free at `pos`; gives `pos`. */
export function makeRoom(into: ByteWriter, pos: number, bytes: number): number {
  if (into.buffer.length - pos >= bytes) return pos
  const before = into.length
  into.length = pos
  into.reserve(bytes)
  into.length = before
  return pos
}

/** Appends a string with its quotes. */
export function putText(value: unknown, into: ByteWriter, start: number): number {
  if (typeof value !== 'string') return GIVE_UP
  const { length } = value
  if (length > TEXT_BYTES_MAX) return putLongText(JSON.stringify(value), into, start)
  const { buffer } = into
  let pos = start
  buffer[pos++] = 0x22
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index)
    if (code >= 0x80 || code < 0x20 || code === 0x22 || code === 0x5c) return putLongText(JSON.stringify(value), into, start)
    buffer[pos++] = code
  }
  buffer[pos++] = 0x22
  return pos
}

/** Appends `json` as UTF-8, of any length. */
function putLongText(json: string, into: ByteWriter, pos: number): number {
  makeRoom(into, pos, json.length * 3)
  return pos + into.buffer.write(json, pos, 'utf8')
}

const MILLION = 1_000_000

/** Appends a whole number of at most 2^53 - 1. */
export function putInteger(value: number, into: ByteWriter, start: number): number {
  const { buffer } = into
  let pos = start
  let rest = value
  if (rest < 0) {
    buffer[pos++] = 0x2d
    rest = -rest
  }
  // Parts below 2^31, whose digits are had by division of integers.
  if (rest <= 0x7fffffff) return putSmall(rest | 0, buffer, pos, 1)
  const high = Math.floor(rest / MILLION)
  const middle = Math.floor(high / MILLION)
  if (middle !== 0) {
    pos = putSmall(middle, buffer, pos, 1)
    pos = putSmall(high - middle * MILLION, buffer, pos, 6)
  } else {
    pos = putSmall(high, buffer, pos, 1)
  }
  return putSmall(rest - high * MILLION, buffer, pos, 6)
}

/** Appends the digits of an integer below 2^31, at least `digitsMin` of them. */
function putSmall(value: number, buffer: Buffer, pos: number, digitsMin: number): number {
  let digits = digitsMin
  for (let limit = digitsMin === 1 ? 10 : MILLION; value >= limit; limit *= 10) digits++
  let rest = value
  for (let at = pos + digits - 1; at >= pos; at--) {
    const tenth = (rest / 10) | 0
    buffer[at] = 0x30 + (rest - tenth * 10)
    rest = tenth
  }
  return pos + digits
}

/** Appends a finite number as `JSON.stringify` does. */
export function putNumber(value: number, into: ByteWriter, pos: number): number {
  if (Number.isSafeInteger(value)) return putInteger(value, into, pos)
  const cents = Math.round(value * 100)
  // A decimal of at most 15 digits is the shortest one for its double if it is one for it at all, so these are the digits that `String` would find.
  if (cents / 100 === value && cents < CENTS_MAX && cents > -CENTS_MAX) return putCents(cents, into, pos)
  const digits = String(value)
  const { buffer } = into
  for (let index = 0; index < digits.length; index++) buffer[pos + index] = digits.charCodeAt(index)
  return pos + digits.length
}

const CENTS_MAX = 1e15

/** Appends cents / 100, which is not whole. */
function putCents(cents: number, into: ByteWriter, start: number): number {
  const { buffer } = into
  let pos = start
  if (cents < 0) buffer[pos++] = 0x2d
  const rest = Math.abs(cents)
  const whole = Math.floor(rest / 100)
  pos = putInteger(whole, into, pos)
  const fraction = rest - whole * 100
  const tenths = (fraction / 10) | 0
  buffer[pos++] = 0x2e
  buffer[pos++] = 0x30 + tenths
  if (fraction !== tenths * 10) buffer[pos++] = 0x30 + (fraction - tenths * 10)
  return pos
}

/** Appends anything as `JSON.stringify` does. */
export function putAny(value: unknown, into: ByteWriter, pos: number): number {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // The reference writer meets the same error and reports it with the field's path.
    return GIVE_UP
  }
  return text === undefined ? GIVE_UP : putLongText(text, into, pos)
}
