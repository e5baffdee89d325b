/**
 * Memory that is used again: what large reads fill, and the frames of large requests. The next one fills pages that the process has already, and leaves no garbage
 * (collecting it was a third of a busy broker's processor).
 *
 * ```text
 * take ─▶ one holder: a reader's answer, a request ──hold──▶ one more: the tail cache, an answer from it ──give, by each──▶ used again
 * ```
 *
 * B1. Each holder gives a block back once and does not touch it afterwards; with the last the block is free.
 * B2. At most `keptBytesMax` lie here unused; sizes that nobody has asked for lately go first.
 * B3. Smaller or larger than all blocks is memory of its own. A block is at most an eighth larger than what was asked.
 * B4. Who cannot say when he will be done with a block keeps it: it is memory like any other from then on.
 * B5. Only `Socket.write` says when an answer has left, so only then it is given back. A holder that never gives (the connection ended first, a fault hook
 *     answered in its place, a network in memory hands on the very bytes) costs no more than the block, which the garbage collector then has.
 *     `test/broker/slow-readers.test.ts`.
 */

const EXPONENT_MIN = 14
const EXPONENT_MAX = 23
/** Sizes of blocks between one power of two and the next. */
const STEPS = 8

export class MemoryBlocks {
  readonly #keptBytesMax: number
  /** By size, the one that was asked for longest ago first. */
  readonly #free = new Map<number, ArrayBufferLike[]>()
  readonly #holders = new WeakMap<ArrayBufferLike, number>()
  #keptBytes = 0

  constructor(keptBytesMax: number = 32 * 1024 * 1024) {
    this.#keptBytesMax = keptBytesMax
  }

  /** Bytes that lie here unused. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** `length` bytes with anything in them, for one holder. */
  take(length: number): Buffer {
    if (length < 2 ** EXPONENT_MIN || length > 2 ** EXPONENT_MAX) return length < Buffer.poolSize >>> 1 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)
    const step = 2 ** (31 - Math.clz32(length - 1)) / STEPS
    const size = Math.ceil(length / step) * step
    const free = this.#free.get(size)
    const kept = free?.pop()
    if (kept !== undefined) this.#keptBytes -= size
    if (free !== undefined) this.#asked(size, free)
    const block = kept ?? Buffer.allocUnsafeSlow(size).buffer
    this.#holders.set(block, 1)
    return Buffer.from(block, 0, length)
  }

  /** The block of `chunk` is not used again: B4. */
  keep(chunk: Buffer): void {
    this.#holders.delete(chunk.buffer)
  }

  /** One holder more for the block of `chunk`, where it is in one. */
  hold(chunk: Buffer): void {
    const holders = this.#holders.get(chunk.buffer)
    if (holders !== undefined) this.#holders.set(chunk.buffer, holders + 1)
  }

  /** A holder of the block of `chunk` does not read it any more. Does nothing with other memory. */
  give(chunk: Buffer): void {
    const block = chunk.buffer
    const holders = this.#holders.get(block)
    if (holders === undefined) return
    if (holders > 1) return void this.#holders.set(block, holders - 1)
    this.#holders.delete(block)
    this.#keptBytes += block.byteLength
    const free = this.#free.get(block.byteLength) ?? []
    free.push(block)
    this.#asked(block.byteLength, free)
    this.#forgetOldest()
  }

  /** B2. */
  #asked(size: number, free: ArrayBufferLike[]): void {
    this.#free.delete(size)
    this.#free.set(size, free)
  }

  #forgetOldest(): void {
    for (const [size, free] of this.#free) {
      while (this.#keptBytes > this.#keptBytesMax && free.pop() !== undefined) this.#keptBytes -= size
      if (this.#keptBytes <= this.#keptBytesMax) return
      this.#free.delete(size)
    }
  }
}
