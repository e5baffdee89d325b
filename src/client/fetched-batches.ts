/**
 * What one fetch brought for one partition, and the cursor that walks its records without an object per record.
 *
 * B1. `batches` holds whole batches only and is a slice of the response: valid as long as it is referenced. A part that is
 *     kept beyond that pins the whole response in memory, so the keeper copies it.
 * B2. The cursor yields records of offset >= `offsetWanted` in order, without control batches and, under read_committed,
 *     without batches of aborted transactions. `offsetNext` always moves over what was left out.
 */

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** Handed out by `Fetcher.poll`. */
export interface FetchedBatches {
  readonly topic: string
  readonly partition: number
  readonly batches: Buffer
  /** The offset that was asked for: records before it (in the first batch) are not wanted. */
  readonly offsetWanted: number
  /** The offset after the last batch. */
  readonly offsetNext: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  /** Sorted by `firstOffset`; empty where everything is committed or isolation is read_uncommitted. */
  readonly aborted: readonly AbortedTransaction[]
  /** Gives the bytes back to the fetcher's budget. Exactly once. */
  release(): void
}

/**
 * Walks a `FetchedBatches`. Reusable: `open` starts again. After `next()` returned true the fields describe one record,
 * as ranges of `buffer`; they are overwritten by the next `next()`.
 */
export class FetchedCursor {
  open(_batches: FetchedBatches): this { throw new Error('being built') }
  /** Moves to the next record; false at the end. Throws `BATCH_CORRUPT`. */
  next(): boolean { throw new Error('being built') }
  /** Where the ranges below point into; changes with the batch (a compressed one has its own). */
  get buffer(): Buffer { throw new Error('being built') }
  get offset(): number { throw new Error('being built') }
  get timestamp(): number { throw new Error('being built') }
  /** -1 and -1 for a null key; the same for values. */
  get keyStart(): number { throw new Error('being built') }
  get keyEnd(): number { throw new Error('being built') }
  get valueStart(): number { throw new Error('being built') }
  get valueEnd(): number { throw new Error('being built') }
  get headerCount(): number { throw new Error('being built') }
  readHeaders(): { key: string, value: Buffer | null }[] { throw new Error('being built') }
  /** Leader epoch of the current batch, for commits. */
  get leaderEpoch(): number { throw new Error('being built') }
  /** The position after everything walked so far, left-out batches included: what to commit. */
  get offsetNext(): number { throw new Error('being built') }
}
