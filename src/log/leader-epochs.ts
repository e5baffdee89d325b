/**
 * Which leader epoch began at which offset, as `leader-epoch-checkpoint` keeps it.
 *
 * On one node the epoch is stepped at every unclean start, so that a consumer that has read what a crash took back sees it
 * through OffsetForLeaderEpoch (KIP-320) instead of falling silently to the log's start.
 * P1. Epochs and start offsets ascend strictly; the last entry is the current epoch.
 */
import { decodeCheckpoint, encodeCheckpoint } from './files.ts'

export interface EpochEntry {
  readonly epoch: number
  readonly startOffset: number
}

export class LeaderEpochs {
  #entries: EpochEntry[]

  constructor(entries: readonly EpochEntry[] = []) {
    this.#entries = [...entries]
  }

  get latest(): EpochEntry | undefined {
    return this.#entries.at(-1)
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  /** Notes that `epoch` begins at `startOffset`; `false` where that was known. */
  assign(epoch: number, startOffset: number): boolean {
    const { latest } = this
    if (latest !== undefined && latest.epoch === epoch && latest.startOffset <= startOffset) return false
    // What contradicts the newer word goes (P1).
    this.#entries = this.#entries.filter(entry => entry.epoch < epoch && entry.startOffset < startOffset)
    this.#entries.push({ epoch, startOffset })
    return true
  }

  /** Drops every epoch that begins at or after `offset`. */
  truncateEnd(offset: number): void {
    this.#entries = this.#entries.filter(entry => entry.startOffset < offset)
  }

  /** Drops every epoch that ended at or below `offset`; the one that spans it begins at `offset` from now on. */
  truncateStart(offset: number): boolean {
    const spanning = this.#entries.findLastIndex(entry => entry.startOffset <= offset)
    const entry = this.#entries[spanning]
    if (entry === undefined || (spanning === 0 && entry.startOffset === offset)) return false
    this.#entries = [{ epoch: entry.epoch, startOffset: offset }, ...this.#entries.slice(spanning + 1)]
    return true
  }

  /** The epoch of `offset`, -1 where unknown. */
  epochOf(offset: number): number {
    return this.#entries.findLast(entry => entry.startOffset <= offset)?.epoch ?? -1
  }

  /**
   * The largest known epoch at or below `epoch`, and where it ended; `{ -1, -1 }` where `epoch` is above the latest.
   * Below the first known epoch: `epoch` itself, ending where the first known begins (as Kafka answers).
   */
  endOffsetFor(epoch: number, logEndOffset: number): { readonly epoch: number; readonly endOffset: number } {
    const { latest } = this
    if (latest === undefined || epoch > latest.epoch || epoch < 0) return { epoch: -1, endOffset: -1 }
    if (epoch === latest.epoch) return { epoch, endOffset: logEndOffset }
    const higher = this.#entries.findIndex(entry => entry.epoch > epoch)
    const next = this.#entries[higher]
    if (next === undefined) return { epoch: -1, endOffset: -1 }
    return { epoch: this.#entries[higher - 1]?.epoch ?? epoch, endOffset: next.startOffset }
  }

  encode(): Buffer {
    return encodeCheckpoint(this.#entries.map(entry => `${entry.epoch} ${entry.startOffset}`))
  }

  /** `undefined` where the bytes are no such file, or its entries contradict P1. */
  static decode(bytes: Buffer): LeaderEpochs | undefined {
    const fields = decodeCheckpoint(bytes, 2)
    if (fields === undefined) return undefined
    const entries = fields.map(([epoch, startOffset]) => ({ epoch: Number(epoch), startOffset: Number(startOffset) }))
    const isSound = entries.every((entry, index) => {
      const before = entries[index - 1]
      return Number.isSafeInteger(entry.epoch) && Number.isSafeInteger(entry.startOffset) && entry.epoch >= 0
        && (before === undefined || (before.epoch < entry.epoch && before.startOffset < entry.startOffset))
    })
    return isSound ? new LeaderEpochs(entries) : undefined
  }
}
