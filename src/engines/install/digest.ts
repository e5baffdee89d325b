/** SHA-256, in hexadecimal: over a text at once, or over bytes as they come. */
import { createHash } from 'node:crypto'

export interface Digest {
  update(bytes: Uint8Array): void
  /** Ends it; may be called once. */
  hex(): string
}

export function sha256(): Digest {
  const hash = createHash('sha256')
  return { update: bytes => void hash.update(bytes), hex: () => hash.digest('hex') }
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
