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

const TEXT_BYTES_MAX = 96
const DIGITS_MAX = 16

/** `undefined` where the process forbids code generation. */
export function compilePrinter(shape: JsonShape): Printer | undefined {
  const code = new PrinterCode()
  const root = code.printer(shape)
  const body = `
'use strict'
const { putText, putInteger, putNumber, putAny } = json
${code.functions.join('\n')}
return function print(v, w) {
  const start = w.length
  if (${root}(v, w)) return true
  w.length = start
  return false
}`
  try {
    // The one place that generates code for writing (H2).
    return new Function('json', body)({ putText, putInteger, putNumber, putAny }) as Printer
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

class PrinterCode {
  readonly functions: string[] = []
  #count = 0

  /** Name of a function (v, w) that appends v, or returns false. */
  printer(shape: JsonShape): string {
    switch (shape.kind) {
      case 'text': return 'putText'
      case 'bool': return this.#function('bool', `if (v === true) { ${put('true')} return true }\n  if (v === false) { ${put('false')} return true }\n  return false`)
      case 'int32': return this.#function('int32', `return typeof v === 'number' && (v | 0) === v && putInteger(v, w)`)
      case 'int64': return this.#function('int64', `return Number.isSafeInteger(v) && putInteger(v, w)`)
      case 'f64': return this.#function('f64', `return Number.isFinite(v) && putNumber(v, w)`)
      case 'any': case 'checked': return 'putAny'
      case 'optional': return this.#function('optional', `if (v === undefined || v === null) { ${put('null')} return true }\n  return ${this.printer(shape.of)}(v, w)`)
      case 'list': return this.#list(this.printer(shape.of))
      case 'record': return this.#record(shape.fields)
    }
  }

  #function(kind: string, body: string): string {
    const name = `${kind}${this.#count++}`
    this.functions.push(`function ${name}(v, w) {\n  ${body}\n}`)
    return name
  }

  #list(of: string): string {
    return this.#function('list', `if (!Array.isArray(v)) return false
  ${put('[')}
  for (let i = 0; i < v.length; i++) {
    if (i !== 0) { ${put(',')} }
    if (!${of}(v[i], w)) return false
  }
  ${put(']')}
  return true`)
  }

  #record(fields: readonly JsonField[]): string {
    const lines = [`if (typeof v !== 'object' || v === null || Array.isArray(v)) return false`]
    // What must come before the next field is known until an optional one may have been left out at the front.
    let before: 'nothing' | 'something' | 'unknown' = 'nothing'
    lines.push(put('{'))
    fields.forEach((field, index) => {
      const optional = field.shape.kind === 'optional'
      const printer = this.printer(field.shape.kind === 'optional' ? field.shape.of : field.shape)
      const name = `${JSON.stringify(field.name)}:`
      const lead = before === 'nothing' ? put(name) : before === 'something' ? put(`,${name}`) : `if (w.buffer[w.length - 1] !== 123) { ${put(',')} } ${put(name)}`
      const value = `const f${index} = v[${JSON.stringify(field.name)}]`
      lines.push(optional
        ? `${value}; if (f${index} !== undefined && f${index} !== null) { ${lead} if (!${printer}(f${index}, w)) return false }`
        : `${value}; ${lead} if (!${printer}(f${index}, w)) return false`)
      before = optional && before !== 'something' ? 'unknown' : 'something'
    })
    lines.push(put('}'), 'return true')
    return this.#function('record', lines.join('\n  '))
  }
}

/** Code that appends a constant. */
function put(constant: string): string {
  const bytes = [...Buffer.from(constant, 'utf8')]
  return `{ w.reserve(${bytes.length}); const b = w.buffer, p = w.length; ${bytes.map((byte, index) => `b[p + ${index}] = ${byte}`).join('; ')}; w.length = p + ${bytes.length} }`
}

/** Appends a string with its quotes. */
export function putText(value: unknown, into: ByteWriter): boolean {
  if (typeof value !== 'string') return false
  const { length } = value
  if (length > TEXT_BYTES_MAX) return putLongText(value, into)
  into.reserve(length + 2)
  const { buffer } = into
  let pos = into.length
  buffer[pos++] = 0x22
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index)
    if (code >= 0x80 || code < 0x20 || code === 0x22 || code === 0x5c) return putLongText(value, into)
    buffer[pos++] = code
  }
  buffer[pos++] = 0x22
  into.length = pos
  return true
}

/** Strings that are long, escaped or beyond ASCII. */
function putLongText(value: string, into: ByteWriter): boolean {
  into.utf8(JSON.stringify(value))
  return true
}

/** Appends a whole number. */
export function putInteger(value: number, into: ByteWriter): boolean {
  into.reserve(DIGITS_MAX + 1)
  const { buffer } = into
  let pos = into.length
  let rest = value
  if (rest < 0) {
    buffer[pos++] = 0x2d
    rest = -rest
  }
  const end = pos + digitCount(rest)
  let at = end
  // Above 2^31 a division of doubles, below it of integers.
  while (rest >= 2_147_483_648) {
    const tenth = Math.floor(rest / 10)
    buffer[--at] = 0x30 + (rest - tenth * 10)
    rest = tenth
  }
  let small = rest | 0
  while (at > pos) {
    const tenth = (small / 10) | 0
    buffer[--at] = 0x30 + (small - tenth * 10)
    small = tenth
  }
  into.length = end
  return true
}

function digitCount(value: number): number {
  let count = 1
  for (let limit = 10; value >= limit; limit *= 10) count++
  return count
}

/** Appends a finite number as `JSON.stringify` does. */
export function putNumber(value: number, into: ByteWriter): boolean {
  if (Number.isSafeInteger(value)) return putInteger(value, into)
  into.utf8(String(value))
  return true
}

/** Appends anything as `JSON.stringify` does. */
export function putAny(value: unknown, into: ByteWriter): boolean {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // The reference writer meets the same error and reports it with the field's path.
    return false
  }
  if (text === undefined) return false
  into.utf8(text)
  return true
}
