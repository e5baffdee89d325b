/**
 * Generates the code that reads a declared JSON document straight from bytes, making only the declared fields.
 *
 * The generated function knows the shape: for each record one function with a local variable for each field, the names compared byte by
 * byte, values read by the functions of `json-bytes.ts`, and undeclared fields skipped (but checked).
 *
 * G1. It reads plain, well-formed input and gives up on all else (escapes in names, wrong types, missing fields, syntax errors): it then
 *     returns `GAVE_UP` and `decodeReference` decides, so that both always mean the same.
 * G2. Names come from the developer's code, never from data, and enter the generated code as numbers and by `JSON.stringify` only.
 */
import * as json from './json-bytes.ts'
import type { JsonField, JsonShape } from './json-shape.ts'

export const GAVE_UP = Symbol('gave up')

/** Reads the document in `buffer[start, end)`, or returns `GAVE_UP`. */
export type Scanner = (buffer: Buffer, start: number, end: number) => unknown

/** `undefined` where the shape cannot be scanned or the process forbids code generation. */
export function compileScanner(shape: JsonShape): Scanner | undefined {
  if (!canScan(shape)) return undefined
  const code = new ScannerCode()
  const root = code.reader(shape)
  const body = `
'use strict'
const { cursor, skipSpace, skipString, skipValue, readString, readNumber, readBool, readAny, isNull } = json
${code.functions.join('\n')}
return function scan(b, start, end) {
  const value = ${root}(b, skipSpace(b, start), end)
  const p = cursor.pos
  return p < 0 || skipSpace(b, p) < end || p > end ? GAVE_UP : value
}`
  try {
    // The one place that generates code (G2).
    return new Function('json', 'checks', 'GAVE_UP', body)(json, code.checks, GAVE_UP) as Scanner
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

/** Names that differ from every other once they are UTF-8: the bytes of others could not be told from replaced ones. */
function canScan(shape: JsonShape): boolean {
  switch (shape.kind) {
    case 'record': return [...shape.fields, ...shape.side === undefined ? [] : [shape.side]].every(field => !/[\ufffd]|\p{Surrogate}/u.test(field.name) && canScan(field.shape))
    case 'list': case 'optional': return canScan(shape.of)
    default: return true
  }
}

class ScannerCode {
  readonly functions: string[] = []
  readonly checks: ((value: unknown) => unknown)[] = []
  #count = 0

  /** Name of a function (b, p, end) that reads `shape` at p and leaves `cursor.pos` after it. */
  reader(shape: JsonShape): string {
    switch (shape.kind) {
      case 'text': return this.#function('text', 'if (b[p] === 34) return readString(b, p + 1, end)\n  cursor.pos = -1')
      case 'bool': return 'readBool'
      case 'f64': return this.#number('Number.isFinite(v)')
      case 'int32': return this.#number('(v | 0) === v')
      case 'int64': return this.#number('Number.isSafeInteger(v)')
      case 'any': return 'readAny'
      case 'checked': return this.#checked(shape.check)
      case 'optional': return this.#optional(this.reader(shape.of))
      case 'list': return this.#list(this.reader(shape.of))
      case 'record': return this.#record(shape.fields, shape.side)
    }
  }

  #function(kind: string, body: string): string {
    const name = `${kind}${this.#count++}`
    this.functions.push(`function ${name}(b, p, end) {\n  ${body}\n}`)
    return name
  }

  #number(test: string): string {
    return this.#function('number', `const v = readNumber(b, p, end)\n  if (!(${test})) cursor.pos = -1\n  return v`)
  }

  #checked(check: (value: unknown) => unknown): string {
    this.checks.push(check)
    return this.#function('checked', `const v = readAny(b, p, end)
  if (cursor.pos < 0) return undefined
  const after = cursor.pos
  try { const checked = checks[${this.checks.length - 1}](v); cursor.pos = after; return checked } catch { cursor.pos = -1 }`)
  }

  #optional(of: string): string {
    return this.#function('optional', `if (b[p] !== 110) return ${of}(b, p, end)
  cursor.pos = isNull(b, p) ? p + 4 : -1
  return undefined`)
  }

  #list(of: string): string {
    return this.#function('list', `cursor.pos = -1
  if (b[p] !== 91) return undefined
  const items = []
  p = skipSpace(b, p + 1)
  if (b[p] === 93) { cursor.pos = p + 1; return items }
  for (;;) {
    items.push(${of}(b, p, end))
    if (cursor.pos < 0) return undefined
    p = skipSpace(b, cursor.pos)
    if (b[p] === 93) { cursor.pos = p + 1; return items }
    cursor.pos = -1
    if (b[p] !== 44) return undefined
    p = skipSpace(b, p + 1)
  }`)
  }

  #record(shown: readonly JsonField[], side: JsonField | undefined): string {
    const fields = side === undefined || shown.some(field => field.name === side.name) ? shown : [...shown, side]
    const sideIndex = fields.findIndex(field => field.name === side?.name)
    const readers = fields.map(field => this.reader(field.shape))
    const required = fields.flatMap((field, index) => field.shape.kind === 'optional' ? [] : [`f${index} === undefined`])
    const literal = shown.map((field, index) => `${field.name === '__proto__' ? `['__proto__']` : JSON.stringify(field.name)}: f${index}`)
    return this.#function('record', `cursor.pos = -1
  if (b[p] !== 123) return undefined
  ${fields.length === 0 ? '' : `let ${fields.map((_, index) => `f${index}`).join(', ')}`}
  p = skipSpace(b, p + 1)
  if (b[p] === 125) p++
  else for (;;) {
    if (b[p] !== 34) { cursor.pos = -1; return undefined }
    p++
    name: {
      switch (b[p]) {
${nameCases(fields, index => `f${index} = ${readers[index]}(b, p, end)`, '{ cursor.pos = -1; return undefined }')}
      }
      // A name that is not declared; one with an escape might be, in disguise.
      for (;; p++) {
        const c = b[p]
        if (c === 34) break
        if (c === 92 || !(c >= 32)) { cursor.pos = -1; return undefined }
      }
      p++
      if (b[p] !== 58) { p = skipSpace(b, p); if (b[p] !== 58) { cursor.pos = -1; return undefined } }
      p++
      if (b[p] <= 32) p = skipSpace(b, p)
      cursor.pos = b[p] === 34 ? skipString(b, p + 1, end) : skipValue(b, p, end)
    }
    p = cursor.pos
    if (p < 0) return undefined
    if (b[p] <= 32) p = skipSpace(b, p)
    if (b[p] === 125) { p++; break }
    if (b[p] !== 44) { cursor.pos = -1; return undefined }
    p++
    if (b[p] <= 32) p = skipSpace(b, p)
  }
  if (${['p > end', ...required].join(' || ')}) { cursor.pos = -1; return undefined }
  cursor.pos = p
  ${sideIndex === -1 ? '' : `cursor.side = f${sideIndex} === undefined ? NaN : f${sideIndex}`}
  return { ${literal.join(', ')} }`)
  }
}

/** For each first byte the declared names that begin with it: all their bytes, the quote, the colon, the value by the statement `read(index)`. */
export function nameCases(fields: readonly JsonField[], read: (index: number) => string, giveUp: string): string {
  const byFirst = new Map<number, string[]>()
  fields.forEach((field, index) => {
    // Such a name stands in JSON with an escape only, which makes the scanner give up.
    if (/["\\\u0000-\u001f]/.test(field.name)) return
    const bytes = [...Buffer.from(field.name, 'utf8'), 34]
    const [first = 34] = bytes
    const test = bytes.slice(1).map((byte, at) => `b[p + ${at + 1}] === ${byte}`).join(' && ')
    const code = `        if (${test === '' ? 'true' : test}) {
          p += ${bytes.length}
          if (b[p] !== 58) { p = skipSpace(b, p); if (b[p] !== 58) ${giveUp} }
          p++
          if (b[p] <= 32) p = skipSpace(b, p)
          ${read(index)}
          break name
        }`
    byFirst.set(first, [...byFirst.get(first) ?? [], code])
  })
  return [...byFirst].map(([first, codes]) => `      case ${first}:\n${codes.join('\n')}\n        break`).join('\n')
}
