/**
 * A growing byte buffer that serdes append to, reused from record to record.
 *
 * B1. `buffer[0, length)` is what was written since `reset`; the reader takes or copies it before the next `reset`.
 * B2. `buffer` is replaced when it grows: never keep it across a call that writes.
 */
export class ByteWriter {
  buffer: Buffer
  length = 0

  constructor(bytes = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
  }

  reset(): void {
    this.length = 0
  }

  /** Makes room for `bytes` more. Callers write at `length` themselves and then add to it. */
  reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.length)
    this.buffer = grown
  }

  bytes(source: Buffer): void {
    this.reserve(source.length)
    source.copy(this.buffer, this.length)
    this.length += source.length
  }

  /** Appends `value` as UTF-8. */
  utf8(value: string): void {
    this.reserve(value.length * 3)
    this.length += this.buffer.write(value, this.length, 'utf8')
  }

  /** A copy of what was written. */
  toBuffer(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length))
  }
}
