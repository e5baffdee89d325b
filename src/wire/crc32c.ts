/**
 * CRC-32C (Castagnoli), the checksum of record batches.
 *
 * The native module wins from some hundred bytes on; below that, and where it cannot be loaded, a table is used.
 */
import { createRequire } from 'node:module'

const NATIVE_BYTES_MIN = 192
/** Bit-reversed. */
const POLYNOMIAL = 0x82f6_3b78
const table = makeTable()
const native = loadNative()

/** Whether the native module was found (`false`: the table does all the work). */
export const crc32cIsNative: boolean = native !== undefined

/** CRC-32C of `buffer` in `[start, end)`, as an unsigned 32-bit number. */
export function crc32c(buffer: Buffer, start: number = 0, end: number = buffer.length): number {
  if (native === undefined || end - start < NATIVE_BYTES_MIN) return crc32cByTable(buffer, start, end)
  return native(start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end))
}

/** CRC-32C of bytes of which those before `buffer` have the checksum `before`; 0 at the beginning. */
export function crc32cFrom(before: number, buffer: Buffer): number {
  if (native === undefined || buffer.length < NATIVE_BYTES_MIN) return crc32cByTable(buffer, 0, buffer.length, before)
  return native(buffer, before)
}

/**
 * CRC-32C of bytes of which those in front have the checksum `before` and the `length` bytes behind them `behind`, without reading them: `before` times x to the
 * power of 8 × `length`, modulo the polynomial, plus `behind`. Some 1 µs, whatever the length.
 */
export function crc32cJoined(before: number, behind: number, length: number): number {
  return (productOf(shiftOf(length), before) ^ behind) >>> 0
}

/** x^(2^n), bit-reversed as checksums are: the highest bit is x^0. */
const squares = makeSquares()
let shiftLength = 0
let shift = 0x8000_0000

/** x^(8 × `bytes`); batches of one length come in a row. */
function shiftOf(bytes: number): number {
  if (bytes === shiftLength) return shift
  let power = 0x8000_0000
  for (let rest = bytes, square = 3; rest > 0; rest = Math.floor(rest / 2), square++) {
    if (rest % 2 === 1) power = productOf(squares[square % squares.length] ?? 0, power)
  }
  shiftLength = bytes
  shift = power
  return power
}

/** Of two polynomials, modulo Castagnoli's. */
function productOf(one: number, other: number): number {
  let product = 0
  let shifted = other
  for (let rest = one; rest !== 0; rest <<= 1) {
    if (rest < 0 || rest >= 0x8000_0000) product ^= shifted
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL
  }
  return product >>> 0
}

function makeSquares(): readonly number[] {
  // The polynomial is x + 1 times a primitive one of degree 31: the order of x is 2^31 - 1, so that x^(2^31) is x again.
  const values = [0x4000_0000]
  for (let power = 1; power < 31; power++) {
    const last = values.at(-1) ?? 0
    values.push(productOf(last, last))
  }
  return values
}

/** The same in plain JavaScript, eight bytes at a time. */
export function crc32cByTable(buffer: Buffer, start: number, end: number, before = 0): number {
  let crc = ~before
  let at = start
  for (const endOfEights = start + ((end - start) & ~7); at < endOfEights; at += 8) {
    const low = crc ^ (byteAt(buffer, at) | (byteAt(buffer, at + 1) << 8) | (byteAt(buffer, at + 2) << 16) | (byteAt(buffer, at + 3) << 24))
    crc = entry(0x700 | (low & 0xff)) ^ entry(0x600 | ((low >>> 8) & 0xff)) ^ entry(0x500 | ((low >>> 16) & 0xff)) ^ entry(0x400 | (low >>> 24))
      ^ entry(0x300 | byteAt(buffer, at + 4)) ^ entry(0x200 | byteAt(buffer, at + 5)) ^ entry(0x100 | byteAt(buffer, at + 6)) ^ entry(byteAt(buffer, at + 7))
  }
  for (; at < end; at++) crc = entry((crc ^ byteAt(buffer, at)) & 0xff) ^ (crc >>> 8)
  return ~crc >>> 0
}

function byteAt(buffer: Buffer, at: number): number {
  return buffer[at] as number // Callers stay inside of [start, end).
}

function entry(index: number): number {
  return table[index] as number // Indexes are below 8 × 256 by construction.
}

function makeTable(): Int32Array {
  const values = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL
    values[byte] = crc
  }
  for (let row = 1; row < 8; row++) {
    for (let byte = 0; byte < 256; byte++) {
      const previous = values[(row - 1) * 256 + byte] ?? 0
      values[row * 256 + byte] = (previous >>> 8) ^ (values[previous & 0xff] ?? 0)
    }
  }
  return values
}

function loadNative(): ((bytes: Uint8Array, before?: number) => number) | undefined {
  try {
    const module: unknown = createRequire(import.meta.url)('@node-rs/crc32')
    if (typeof module !== 'object' || module === null || !('crc32c' in module) || typeof module.crc32c !== 'function') return undefined
    const compute = module.crc32c
    const check = Buffer.from('123456789')
    const isRight = compute(check) === 0xe306_9283 && compute(check.subarray(4), compute(check.subarray(0, 4))) === 0xe306_9283
    return isRight ? (bytes, before) => Number(compute(bytes, before)) : undefined
  } catch {
    return undefined // No prebuilt binary for this platform: the table is correct everywhere, only slower.
  }
}
