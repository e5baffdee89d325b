/**
 * A connection's bytes to frames: a 4-byte size, then as many bytes.
 *
 * ```text
 * push(chunk) ─▶ next() ─▶ frame, frame, … undefined      the socket asks space() where the next bytes are to go
 * ```
 *
 * A1. A frame lies in memory of its own, without its size: whoever gets it may keep it, and keeps nothing else alive by it. Where that memory comes from is the
 *     owner's to say (`FrameMemory`); he who gave some that is used again says too when a frame is read no more.
 * A2. On the word of a size field no more memory is taken than `trustedBytes`; beyond it at most twice of what has arrived.
 * A3. Bytes that the socket has put into `space()` while a frame is under way lie where they belong, and are not copied again. Between frames they go into
 *     memory that all connections share, since it is emptied before the turn ends.
 */
import { assert } from '../base/assert.ts'

const SIZE_BYTES = 4
/** A frame that lacks less than this is not worth a read of its own: what follows it can come along. */
const DIRECT_BYTES_MIN = 16 * 1024
const SHARED_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

/** Where frames lie. */
export interface FrameMemory {
  take(bytes: number): Buffer
  /** A frame that has moved to larger memory. */
  give(frame: Buffer): void
}

const OWN_MEMORY: FrameMemory = {
  // Small ones share a slab of Node's: `Slow` costs as much as a small frame's work.
  take: bytes => bytes < Buffer.poolSize >>> 1 ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes),
  give: () => { /* The garbage collector finds it. */ },
}

/** A3. */
let shared: Buffer | undefined

export class FrameAssembler {
  readonly #checkSize: (size: number) => boolean
  readonly #trustedBytes: number
  readonly #memory: FrameMemory
  /** What was pushed and not yet looked at. */
  #rest: Buffer = NOTHING
  /** The frame that is under way; it has `#size` bytes at its end, and may lie in less memory until then (A2). */
  #frame: Buffer | undefined
  #filled = 0
  #size = 0

  /** `checkSize`: false where nothing more is to be read, since a frame of that size is refused. */
  constructor(checkSize: (size: number) => boolean, trustedBytes: number, memory: FrameMemory = OWN_MEMORY) {
    this.#checkSize = checkSize
    this.#trustedBytes = trustedBytes
    this.#memory = memory
  }

  /** Bytes that were pushed and have not left with a frame. */
  get bytes(): number {
    return this.#rest.length + (this.#frame === undefined ? 0 : SIZE_BYTES + this.#filled)
  }

  /** Where the socket may put what it reads next. Ask again for each read. */
  space(): Buffer {
    if (this.#frame !== undefined && this.#rest.length === 0 && this.#size - this.#filled >= DIRECT_BYTES_MIN) {
      if (this.#frame.length === this.#filled) this.#grow()
      return this.#frame.subarray(this.#filled)
    }
    return shared ??= Buffer.allocUnsafeSlow(SHARED_BYTES)
  }

  /** `chunk`: the front of what `space` gave last, or memory that is the assembler's from now on. */
  push(chunk: Buffer): void {
    const frame = this.#frame
    if (frame !== undefined && chunk.buffer === frame.buffer && chunk.byteOffset === frame.byteOffset + this.#filled) this.#filled += chunk.length
    else this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
  }

  /** The next whole frame; `undefined` where there is none yet, or its size is refused. */
  next(): Buffer | undefined {
    if (this.#frame === undefined) {
      if (this.#rest.length < SIZE_BYTES) return this.#wait()
      const size = this.#rest.readInt32BE(0)
      if (!this.#checkSize(size)) return this.#wait()
      this.#size = size
      this.#filled = 0
      this.#rest = this.#rest.subarray(SIZE_BYTES)
      this.#frame = this.#memory.take(Math.min(size, Math.max(this.#trustedBytes, this.#rest.length)))
    }
    while (this.#rest.length > 0 && this.#filled < this.#size) {
      if (this.#filled === this.#frame.length) this.#grow()
      const copied = this.#rest.copy(this.#frame, this.#filled, 0, this.#size - this.#filled)
      this.#filled += copied
      this.#rest = this.#rest.subarray(copied)
    }
    if (this.#filled < this.#size) return undefined
    const frame = this.#frame
    assert(frame.length === this.#size, `a frame of ${this.#size} bytes in ${frame.length}`)
    this.#frame = undefined
    return frame
  }

  /** To be called where frames are left for later: what was pushed may lie in shared memory. */
  keep(): void {
    if (this.#rest.length > 0 && this.#rest.buffer === shared?.buffer) this.#rest = Buffer.from(this.#rest)
  }

  clear(): void {
    this.#rest = NOTHING
    this.#frame = undefined
  }

  #wait(): undefined {
    this.keep()
    return undefined
  }

  #grow(): void {
    const frame = this.#memory.take(Math.min(this.#size, this.#filled * 2))
    if (this.#frame !== undefined) {
      this.#frame.copy(frame, 0, 0, this.#filled)
      this.#memory.give(this.#frame)
    }
    this.#frame = frame
  }
}
