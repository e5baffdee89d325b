/**
 * Memory for large reads that are sent on: lent for a read, given back when the answer has left, so that the next read fills pages that the process has
 * already and leaves no garbage.
 *
 * B1. A block is with one reader at a time, who gives it back once and does not touch it afterwards.
 * B4. Only `Socket.write` says when an answer has left, so only then is a block given back. One that stays out (the connection ended first, a fault hook answered in
 *     its place, a network in memory hands on the very bytes) is no longer known here: the garbage collector has it. `test/broker/slow-readers.test.ts`.
 * B2. At most `keptBytesMax` lie here unused.
 * B3. What is smaller or larger than all blocks is memory of its own.
 */

/** Blocks have 2^k bytes and room for the header that a read looks at behind them. */
const SLACK_BYTES = 4_096
const EXPONENT_MIN = 18
const EXPONENT_MAX = 23

export class ReadBlocks {
  /** A shorter chunk is of no block, or not worth one. */
  static readonly bytesMin = 2 ** (EXPONENT_MIN - 1)
  readonly #keptBytesMax: number
  readonly #free = new Map<number, ArrayBufferLike[]>()
  readonly #lent = new WeakSet<ArrayBufferLike>()
  #keptBytes = 0

  constructor(keptBytesMax: number = 32 * 1024 * 1024) {
    this.#keptBytesMax = keptBytesMax
  }

  /** Bytes that lie here unused. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** `length` bytes with anything in them. */
  take(length: number): Buffer {
    const exponent = Math.max(EXPONENT_MIN, Math.ceil(Math.log2(Math.max(1, length - SLACK_BYTES))))
    if (length < ReadBlocks.bytesMin || exponent > EXPONENT_MAX) return Buffer.allocUnsafe(length)
    const size = 2 ** exponent + SLACK_BYTES
    const kept = this.#free.get(size)?.pop()
    if (kept !== undefined) this.#keptBytes -= size
    const block = kept ?? Buffer.allocUnsafeSlow(size).buffer
    this.#lent.add(block)
    return Buffer.from(block, 0, length)
  }

  /** Of what was sent: nobody reads `chunk` any more. Does nothing with what is of no block, or was given back. */
  give(chunk: Buffer): void {
    const block = chunk.buffer
    if (chunk.length < ReadBlocks.bytesMin || !this.#lent.delete(block) || this.#keptBytes + block.byteLength > this.#keptBytesMax) return
    this.#keptBytes += block.byteLength
    const free = this.#free.get(block.byteLength)
    if (free === undefined) this.#free.set(block.byteLength, [block])
    else free.push(block)
  }
}
