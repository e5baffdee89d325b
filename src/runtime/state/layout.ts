/**
 * How keys and values of all kinds of stores are laid out, in the store and in the changelog.
 *
 *   store key   = store prefix (4 bytes) ‖ local key            changelog key = local key
 *   local key   = key                                           keyed stores and tables
 *               = window start (8 bytes) ‖ key                  windows, so that expiry is one range
 *               = bucket start (8 bytes) ‖ key                  sessions: all sessions of the key that end within the bucket
 *               = domain (1 byte) ‖ time (8 bytes) ‖ key        timers
 *   value       = version (1 byte) ‖ time (8 bytes) ‖ payload   changelog value: the same bytes (null: deleted)
 *
 * K1. Numbers are big-endian and not negative, so that the order of bytes is the order of numbers. Times fit 53 bits.
 * K2. The prefix is a hash of the store's name: no registry that could be lost. Two names of one shard with one hash are refused
 *     when the shard is opened (one chance in four thousand million per pair).
 * K3. Prefix 0 is the store's own (`POSITION_KEY`).
 * K4. A reader refuses a version it does not know. Version 1 is the first; a change of layout bumps it and reads the old.
 */
import { assert } from '../../base/assert.ts'
import { MillraceError } from '../../base/errors.ts'

export const PREFIX_BYTES = 4
export const TIME_BYTES = 8
export const VALUE_HEADER_BYTES = 1 + TIME_BYTES
const VALUE_VERSION = 1

/** Where a store keeps its position (K3). */
export const POSITION_KEY: Buffer = Buffer.from([0, 0, 0, 0, 0])
export const EMPTY: Buffer = Buffer.alloc(0)

/** The prefix of a store's keys: FNV-1a of its name, never 0. */
export function storePrefix(name: string): number {
  let hash = 0x811c_9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x0100_0193) >>> 0
  return hash === 0 ? 1 : hash
}

/** `prefix ‖ time ‖ key`. */
export function timeKey(prefix: number, time: number, key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + TIME_BYTES + key.length)
  bytes.writeUInt32BE(prefix, 0)
  writeTime(bytes, PREFIX_BYTES, time)
  key.copy(bytes, PREFIX_BYTES + TIME_BYTES)
  return bytes
}

/** `prefix ‖ domain ‖ time ‖ key`. */
export function timerKey(prefix: number, domain: number, time: number, key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + 1 + TIME_BYTES + key.length)
  bytes.writeUInt32BE(prefix, 0)
  bytes[PREFIX_BYTES] = domain
  writeTime(bytes, PREFIX_BYTES + 1, time)
  key.copy(bytes, PREFIX_BYTES + 1 + TIME_BYTES)
  return bytes
}

/** The lowest key of no store above `prefix`: `[storeStart(p), storeEnd(p))` is all of a store. */
export function storeStart(prefix: number): Buffer {
  const bytes = Buffer.alloc(PREFIX_BYTES)
  bytes.writeUInt32BE(prefix, 0)
  return bytes
}

export function storeEnd(prefix: number): Buffer {
  if (prefix === 0xffff_ffff) return Buffer.alloc(PREFIX_BYTES + 1, 0xff)
  return storeStart(prefix + 1)
}

/** Writes a time as 8 bytes, big-endian (K1). */
export function writeTime(bytes: Buffer, at: number, time: number): void {
  assert(Number.isSafeInteger(time) && time >= 0, `layout: ${time} is no time`)
  bytes.writeUInt32BE(Math.floor(time / 0x1_0000_0000), at)
  bytes.writeUInt32BE(time % 0x1_0000_0000, at + 4)
}

export function readTime(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

/** `version ‖ time ‖ payload[0, payloadLength)`. */
export function encodeValue(time: number, payload: Buffer, payloadLength: number = payload.length): Buffer {
  const bytes = Buffer.allocUnsafe(VALUE_HEADER_BYTES + payloadLength)
  bytes[0] = VALUE_VERSION
  writeTime(bytes, 1, time)
  payload.copy(bytes, VALUE_HEADER_BYTES, 0, payloadLength)
  return bytes
}

/** Time of an encoded value; its payload starts at `VALUE_HEADER_BYTES`. Throws `STORE_CORRUPT` for another version (K4). */
export function valueTime(value: Buffer): number {
  if (value.length < VALUE_HEADER_BYTES || value[0] !== VALUE_VERSION) {
    throw new MillraceError('STORE_CORRUPT', `A state value has layout version ${value[0] ?? 'none'}, this build reads ${VALUE_VERSION}. Remove the state directory to rebuild it from the changelog, or run the version that wrote it.`)
  }
  return readTime(value, 1)
}
