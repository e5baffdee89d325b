/**
 * The newest batches in memory, so that a reader at the tail costs no system call.
 *
 * T1. A partition's cached range is contiguous and ends at its log end; the oldest go first.
 * T2. All partitions share one budget, spent in the order of appending: an idle partition's tail is evicted by busy ones.
 * T3. The budget means memory: a batch that stands in memory much larger than itself (a few hundred bytes of what one socket
 *     read brought, or of a builder's buffer) is copied, so that it does not keep the rest alive; a dropped one is let go at once.
 *     The few batches of one large request are not: they fill its memory together, come together and so go together (T2).
 * T4. What stands in a block of `MemoryBlocks` is held there while it is cached, and given back when it is dropped.
 */
import type { MemoryBlocks } from './memory-blocks.ts'

/** A batch in a memory block this many times its size, or larger, is copied. */
const BLOCK_RATIO_MAX = 1.25
/** Of more than these one that stays behind (where the others are compacted, or their topics deleted) would keep too much. */
const COMPANIONS_MAX = 8

export interface TailChunk {
  readonly baseOffset: number
  readonly nextOffset: number
  /** Whole batches, as written. */
  readonly bytes: Buffer
}

/** Batches of one request. */
export interface Companions {
  readonly count: number
  readonly bytes: number
}

/** Stands where a chunk was dropped until the list is cut: a reference would keep its bytes, up to as many as the budget holds. */
const DROPPED: TailChunk = { baseOffset: -1, nextOffset: -1, bytes: Buffer.alloc(0) }

/** The budget of all partitions of a log manager. */
export class TailBudget {
  readonly bytesMax: number
  readonly blocks: MemoryBlocks
  bytes = 0
  #queue: (TailCache | undefined)[] = []
  #head = 0

  constructor(bytesMax: number, blocks: MemoryBlocks) {
    this.bytesMax = bytesMax
    this.blocks = blocks
  }

  /** `cache` has taken in `bytes`. */
  added(cache: TailCache, bytes: number): void {
    this.bytes += bytes
    this.#queue.push(cache)
    while (this.bytes > this.bytesMax && this.#head < this.#queue.length) {
      const oldest = this.#queue[this.#head]
      this.#queue[this.#head] = undefined
      this.#head += 1
      oldest?.dropOldest()
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }
}

export class TailCache {
  readonly #budget: TailBudget
  /** Those before `#head` were dropped. */
  #chunks: TailChunk[] = []
  #head = 0
  /** Chunks that were cleared but still stand in the budget's queue. */
  #ghosts = 0

  constructor(budget: TailBudget) {
    this.#budget = budget
  }

  /** `companions`: the batches that stand in one block of memory with this one and are appended with it, itself among them. */
  add(chunk: TailChunk, companions?: Companions): void {
    if (chunk.bytes.length > this.#budget.bytesMax) {
      // Larger than everything: what is older would not be contiguous with what comes next.
      this.clear()
      return
    }
    const used = companions !== undefined && companions.count <= COMPANIONS_MAX ? companions.bytes : chunk.bytes.length
    this.#chunks.push({ ...chunk, bytes: chunk.bytes.buffer.byteLength > BLOCK_RATIO_MAX * used ? this.#copied(chunk.bytes) : this.#held(chunk.bytes) })
    this.#budget.added(this, chunk.bytes.length)
  }

  /** Called by the budget, once for each chunk that was added. */
  dropOldest(): void {
    if (this.#ghosts > 0) {
      this.#ghosts -= 1
      return
    }
    const chunk = this.#chunks[this.#head]
    if (chunk === undefined) return
    this.#dropped(chunk)
    this.#chunks[this.#head] = DROPPED
    this.#head += 1
    if (this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head)
      this.#head = 0
    }
  }

  /** Forgets every chunk that begins below `offset`: compaction has rewritten what stands there. */
  dropBelow(offset: number): void {
    for (let chunk = this.#chunks[this.#head]; chunk !== undefined && chunk.baseOffset < offset; chunk = this.#chunks[this.#head]) {
      this.#dropped(chunk)
      this.#ghosts += 1
      this.#head += 1
    }
    this.#chunks = this.#chunks.slice(this.#head)
    this.#head = 0
  }

  clear(): void {
    for (const chunk of this.#chunks.slice(this.#head)) {
      this.#dropped(chunk)
      this.#ghosts += 1
    }
    this.#chunks = []
    this.#head = 0
  }

  #copied(bytes: Buffer): Buffer {
    const copy = this.#budget.blocks.take(bytes.length)
    bytes.copy(copy)
    return copy
  }

  /** T4. */
  #held(bytes: Buffer): Buffer {
    this.#budget.blocks.hold(bytes)
    return bytes
  }

  #dropped({ bytes }: TailChunk): void {
    this.#budget.bytes -= bytes.length
    this.#budget.blocks.give(bytes)
  }

  /** The chunks from the one that holds `offset` on; `undefined` where that is not cached. */
  from(offset: number): { readonly chunks: readonly TailChunk[]; readonly index: number } | undefined {
    const first = this.#chunks[this.#head]
    if (first === undefined || offset < first.baseOffset) return undefined
    let low = this.#head
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#chunks[middle]?.nextOffset ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    return low === this.#chunks.length ? undefined : { chunks: this.#chunks, index: low }
  }
}
