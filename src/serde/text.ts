/**
 * Strings as UTF-8, and the decoder of short strings that the record scanner shares.
 *
 * X1. `text` refuses bytes that are not UTF-8 and strings with lone surrogates: replacing them would make different keys equal (S2).
 * X2. Short ASCII strings are interned in a table of fixed size, as events repeat them (types, item ids): a hit makes no string.
 */
import type { ByteWriter } from './byte-writer.ts'
import { serdeError, type FieldSerde } from './serde.ts'

export const INTERN_BYTES_MAX = 24
const INTERN_SLOTS = 8192
const interned: string[] = new Array<string>(INTERN_SLOTS).fill('')

class TextSerde implements FieldSerde<string> {
  readonly kind = 'text'
  readonly optional = false
  readonly shape = { kind: 'text' } as const

  serialize(value: string): Buffer {
    checkString(value)
    return Buffer.from(value, 'utf8')
  }

  write(value: string, into: ByteWriter): void {
    if (typeof value === 'string' && writeAscii(value, into)) return
    checkString(value)
    into.utf8(value)
  }

  deserialize(buffer: Buffer, start: number, end: number): string {
    const short = shortAsciiAt(buffer, start, end)
    if (short !== undefined) return short
    const value = buffer.toString('utf8', start, end)
    if (value.includes('\ufffd') && !Buffer.from(value, 'utf8').equals(buffer.subarray(start, end))) throw serdeError('', 'not UTF-8')
    return value
  }

  surelyReads(buffer: Buffer, start: number, end: number): boolean {
    for (let at = start; at < end; at++) if ((buffer[at] ?? 0x80) >= 0x80) return false
    return true
  }
}

/** A string, as UTF-8. */
export const text: FieldSerde<string> = new TextSerde()

/** The interned string of `buffer[start, end)`, if it is short and ASCII (X2). */
function shortAsciiAt(buffer: Buffer, start: number, end: number): string | undefined {
  const length = end - start
  if (length > INTERN_BYTES_MAX) return undefined
  let hash = 0
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0x80
    if (byte >= 0x80) return undefined
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  return internAscii(buffer, start, length, hash)
}

/** The string of `length` ASCII bytes at `start`; `hash` over them must be computed as in `shortAsciiAt`. */
export function internAscii(buffer: Buffer, start: number, length: number, hash: number): string {
  const slot = (hash ^ (hash >>> 13)) & (INTERN_SLOTS - 1)
  const known = interned[slot]
  if (known !== undefined && known.length === length && sameAscii(known, buffer, start)) return known
  const made = shortAscii === undefined ? buffer.toString('latin1', start, start + length) : shortAscii(buffer, start, length)
  interned[slot] = made
  return made
}

/**
 * Makes a string of up to `INTERN_BYTES_MAX` ASCII bytes by `String.fromCharCode` with as many arguments, two to three times faster than a call into
 * Node's decoder. Generated, as each length is a call of its own; `undefined` where the process forbids code generation.
 */
const shortAscii = compileShortAscii()

function compileShortAscii(): ((buffer: Buffer, start: number, length: number) => string) | undefined {
  const cases = Array.from({ length: INTERN_BYTES_MAX + 1 }, (_, length) => `case ${length}: return make(${Array.from({ length }, (_, index) => `b[p + ${index}]`).join(', ')})`)
  try {
    return new Function('make', `return function shortAscii(b, p, length) { switch (length) { ${cases.join('\n')} } }`)(String.fromCharCode) as (buffer: Buffer, start: number, length: number) => string
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

function sameAscii(known: string, buffer: Buffer, start: number): boolean {
  for (let index = 0; index < known.length; index++) if (known.charCodeAt(index) !== buffer[start + index]) return false
  return true
}

/** Appends a short ASCII string byte by byte, which is faster than a call into the encoder; `false`: nothing was written. */
export function writeAscii(value: string, into: ByteWriter): boolean {
  const { length } = value
  if (length > 48) return false
  into.reserve(length)
  const { buffer, length: at } = into
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index)
    if (code >= 0x80) return false
    buffer[at + index] = code
  }
  into.length = at + length
  return true
}

function checkString(value: unknown): void {
  if (typeof value !== 'string') throw serdeError('', `expected text, found ${typeof value}`)
  if (/\p{Surrogate}/u.test(value)) throw serdeError('', 'text has a lone surrogate, which UTF-8 cannot hold')
}
