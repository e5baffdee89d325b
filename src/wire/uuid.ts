/** UUIDs in Kafka's text form: 16 bytes as 22 characters of base64url without padding. */
import { assert } from '../base/assert.ts'

export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'
/** Kafka reserves …0001 (it names the metadata log), so a new UUID must not be it. */
export const ONE_UUID = 'AAAAAAAAAAAAAAAAAAAAAQ'

export function uuidFromBytes(bytes: Buffer): string {
  assert(bytes.length === 16, `a UUID has 16 bytes, not ${bytes.length}`)
  return bytes.toString('base64url')
}

export function uuidToBytes(uuid: string): Buffer {
  const bytes = Buffer.from(uuid, 'base64url')
  assert(bytes.length === 16, `not a UUID in base64url: ${uuid}`)
  return bytes
}

/** Whether `text` is a UUID in this form, exactly as `uuidFromBytes` would write it. */
export function isUuid(text: string): boolean {
  return text.length === 22 && Buffer.from(text, 'base64url').toString('base64url') === text
}

/**
 * A new random (version 4) UUID from 16 random bytes. Never one of the reserved two, and never one whose text begins
 * with `-`, which command lines would take for an option: `randomBytes` is asked again.
 */
export function newUuid(randomBytes: (count: number) => Buffer): string {
  for (;;) {
    const bytes = Buffer.from(randomBytes(16))
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    const uuid = uuidFromBytes(bytes)
    if (!uuid.startsWith('-')) return uuid
  }
}
