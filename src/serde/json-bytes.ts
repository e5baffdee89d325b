/**
 * JSON tokens read in place from bytes: what the generated scanners are made of.
 *
 * Every function starts at a position, leaves the position after what it read in `cursor.pos`, and gives up (`pos` = GIVE_UP) on anything that it
 * does not read itself: the caller then lets `JSON.parse` decide. It never accepts what `JSON.parse` refuses.
 *
 * C1. Bytes at or after `end` may be looked at but never decide: a scanner that ends beyond `end` gives up.
 * C2. `end` ≤ `buffer.length`.
 */
import { INTERN_BYTES_MAX, internAscii } from './text.ts'
import { parseJson } from '../base/json-parse.ts'

export const GIVE_UP = -1

/** Where the last read ended, and the `side` number of the last record that has one. One object for all, as everything here is synchronous. */
export const cursor = { pos: 0, side: Number.NaN }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
const DEPTH_MAX = 64
const POWERS_OF_TEN = Float64Array.from({ length: 16 }, (_, index) => 10 ** index)

/** Position of the first byte at or after `at` that is not white space. */
export function skipSpace(buffer: Buffer, at: number): number {
  let pos = at
  for (let byte = buffer[pos]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = buffer[pos]) pos++
  return pos
}

/** Reads a string whose first character is at `start` (after the quote). */
export function readString(buffer: Buffer, start: number, end: number): string {
  let hash = 0
  const stop = start + INTERN_BYTES_MAX < end ? start + INTERN_BYTES_MAX + 1 : end
  for (let pos = start; pos < stop; pos++) {
    const byte = buffer[pos] ?? 0
    if (byte === QUOTE) {
      cursor.pos = pos + 1
      return internAscii(buffer, start, pos - start, hash)
    }
    if (byte === BACKSLASH || byte < 0x20 || byte >= 0x80) break
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  return readLongString(buffer, start, end)
}

/** Strings that are long, escaped or beyond ASCII. */
function readLongString(buffer: Buffer, start: number, end: number): string {
  const after = skipString(buffer, start, end)
  cursor.pos = after
  if (after === GIVE_UP) return ''
  if (!escaped) return buffer.toString('utf8', start, after - 1)
  // The string was checked by `skipString`, so that this cannot throw, and is what JSON.parse makes of it by definition.
  return JSON.parse(buffer.toString('utf8', start - 1, after)) as string
}

/** Whether the string that `skipString` passed last had an escape. */
let escaped = false

/** Position after the closing quote of a string whose first character is at `start`. */
export function skipString(buffer: Buffer, start: number, end: number): number {
  escaped = false
  for (let pos = start; pos < end; pos++) {
    const byte = buffer[pos] ?? 0
    if (byte === QUOTE) return pos + 1
    if (byte < 0x20) return GIVE_UP
    if (byte !== BACKSLASH) continue
    escaped = true
    pos++
    const escape = buffer[pos] ?? 0
    if (escape === 0x75) {
      for (let digit = 1; digit <= 4; digit++) if (!isHex(buffer[pos + digit] ?? 0)) return GIVE_UP
      pos += 4
    } else if (!isSimpleEscape(escape)) return GIVE_UP
  }
  return GIVE_UP
}

/** Reads a number, exactly as `JSON.parse` does. */
export function readNumber(buffer: Buffer, start: number, end: number): number {
  let pos = start
  let byte = buffer[pos] ?? 0
  const negative = byte === 0x2d
  if (negative) byte = buffer[++pos] ?? 0
  let mantissa = byte - ZERO
  if (mantissa < 0 || mantissa > 9) return giveUp()
  const firstDigit = pos
  byte = buffer[++pos] ?? 0
  if (mantissa !== 0) {
    for (; byte >= ZERO && byte <= 0x39; byte = buffer[++pos] ?? 0) mantissa = mantissa * 10 + (byte - ZERO)
  }
  let digits = pos - firstDigit
  let fraction = 0
  if (byte === 0x2e) {
    const point = pos
    for (byte = buffer[++pos] ?? 0; byte >= ZERO && byte <= 0x39; byte = buffer[++pos] ?? 0) mantissa = mantissa * 10 + (byte - ZERO)
    fraction = pos - point - 1
    if (fraction === 0) return giveUp()
    digits += fraction
  }
  // 15 digits are exact, and one division of exact numbers is rounded once, as it must be.
  if (byte === 0x65 || byte === 0x45 || digits > 15) return readRareNumber(buffer, start, pos, end)
  cursor.pos = pos
  const value = fraction === 0 ? mantissa : mantissa / (POWERS_OF_TEN[fraction] ?? 1)
  return negative ? -value : value
}

/** A number with an exponent or many digits; `at` is after its digits. */
function readRareNumber(buffer: Buffer, start: number, at: number, end: number): number {
  let pos = at
  let byte = buffer[pos] ?? 0
  if (byte === 0x65 || byte === 0x45) {
    byte = buffer[++pos] ?? 0
    if (byte === 0x2b || byte === 0x2d) byte = buffer[++pos] ?? 0
    if (byte < ZERO || byte > 0x39) return giveUp()
    for (; byte >= ZERO && byte <= 0x39; byte = buffer[++pos] ?? 0);
  }
  if (pos > end) return giveUp()
  cursor.pos = pos
  return Number(buffer.toString('latin1', start, pos))
}

function giveUp(): number {
  cursor.pos = GIVE_UP
  return 0
}

/** Position after the value at `start`, checked to be JSON; GIVE_UP where it is not, or is nested deeper than 64. */
export function skipValue(buffer: Buffer, start: number, end: number, depth = 0): number {
  switch (buffer[start]) {
    case QUOTE: return skipString(buffer, start + 1, end)
    case 0x7b: return depth > DEPTH_MAX ? GIVE_UP : skipObject(buffer, start, end, depth)
    case 0x5b: return depth > DEPTH_MAX ? GIVE_UP : skipList(buffer, start, end, depth)
    case 0x74: return isWord(buffer, start, TRUE) ? start + 4 : GIVE_UP
    case 0x66: return isWord(buffer, start, FALSE) ? start + 5 : GIVE_UP
    case 0x6e: return isWord(buffer, start, NULL) ? start + 4 : GIVE_UP
    default:
      readNumber(buffer, start, end)
      return cursor.pos
  }
}

function skipObject(buffer: Buffer, start: number, end: number, depth: number): number {
  let pos = skipSpace(buffer, start + 1)
  if (buffer[pos] === 0x7d) return pos + 1
  for (;;) {
    if (buffer[pos] !== QUOTE) return GIVE_UP
    pos = skipString(buffer, pos + 1, end)
    if (pos === GIVE_UP) return GIVE_UP
    pos = skipSpace(buffer, pos)
    if (buffer[pos] !== 0x3a) return GIVE_UP
    pos = skipValue(buffer, skipSpace(buffer, pos + 1), end, depth + 1)
    if (pos === GIVE_UP) return GIVE_UP
    pos = skipSpace(buffer, pos)
    if (buffer[pos] === 0x7d) return pos + 1
    if (buffer[pos] !== 0x2c) return GIVE_UP
    pos = skipSpace(buffer, pos + 1)
  }
}

function skipList(buffer: Buffer, start: number, end: number, depth: number): number {
  let pos = skipSpace(buffer, start + 1)
  if (buffer[pos] === 0x5d) return pos + 1
  for (;;) {
    pos = skipValue(buffer, pos, end, depth + 1)
    if (pos === GIVE_UP) return GIVE_UP
    pos = skipSpace(buffer, pos)
    if (buffer[pos] === 0x5d) return pos + 1
    if (buffer[pos] !== 0x2c) return GIVE_UP
    pos = skipSpace(buffer, pos + 1)
  }
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

function isWord(buffer: Buffer, start: number, word: Buffer): boolean {
  for (let index = 0; index < word.length; index++) if (buffer[start + index] !== word[index]) return false
  return true
}

/** Reads `true` or `false`. */
export function readBool(buffer: Buffer, start: number): boolean {
  if (isWord(buffer, start, TRUE)) {
    cursor.pos = start + 4
    return true
  }
  cursor.pos = isWord(buffer, start, FALSE) ? start + 5 : GIVE_UP
  return false
}

/** Whether `null` stands at `start`. */
export function isNull(buffer: Buffer, start: number): boolean {
  return isWord(buffer, start, NULL)
}

/** Reads any value by `parseJson`. */
export function readAny(buffer: Buffer, start: number, end: number): unknown {
  const after = skipValue(buffer, start, end)
  cursor.pos = after > end ? GIVE_UP : after
  // What `skipValue` passed is JSON.
  return cursor.pos === GIVE_UP ? undefined : parseJson(buffer.toString('utf8', start, after))
}

function isHex(byte: number): boolean {
  return (byte >= ZERO && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}

/** `"` `\` `/` b f n r t. */
function isSimpleEscape(byte: number): boolean {
  return byte === QUOTE || byte === BACKSLASH || byte === 0x2f || byte === 0x62 || byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74
}
