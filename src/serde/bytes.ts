/** Bytes as they are. */
import type { ByteWriter } from './byte-writer.ts'
import type { Serde } from './serde.ts'

class BytesSerde implements Serde<Buffer> {
  readonly kind = 'bytes'
  readonly optional = false

  serialize(value: Buffer): Buffer {
    return value
  }

  write(value: Buffer, into: ByteWriter): void {
    into.bytes(value)
  }

  /** A copy: the batch it came from is not kept alive by it (S1, S4). */
  deserialize(buffer: Buffer, start: number, end: number): Buffer {
    return Buffer.from(buffer.subarray(start, end))
  }
}

/** Raw bytes, as a `Buffer` of their own. */
export const bytes: Serde<Buffer> = new BytesSerde()
