/**
 * What one fetch brought for one partition, and the cursor that walks its records without an object per record.
 *
 * B1. `batches` holds whole batches only and is a slice of the response: valid as long as it is referenced. A part that is
 *     kept beyond that pins the whole response in memory, so the keeper copies it.
 * B2. The cursor yields records of offset >= `offsetWanted` in order, without control batches and, under read_committed,
 *     without batches of aborted transactions. `offsetNext` always moves over what was left out.
 * B3. An aborted transaction begins, for its producer, with the first batch at or after `firstOffset`, and ends with that
 *     producer's abort marker; the list holds every one that overlaps the batches.
 */
import { BatchView, RecordCursor } from '../wire/record-batch.ts'
import { endTxnMarkerOf } from '../wire/batch-builder.ts'
import type { RecordHeader } from './types.ts'

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

const NOTHING = Buffer.alloc(0)

/**
 * Walks a `FetchedBatches`. Reusable: `open` starts again. After `next()` returned true `record` describes one record as
 * ranges of `record.buffer` (keyStart, keyEnd, valueStart, valueEnd; -1 for null), overwritten by the next `next()`.
 */
export class FetchedCursor {
  /** The current record; see `RecordCursor` of the wire layer. Read it in hot loops. */
  readonly record: RecordCursor = new RecordCursor()
  /** Leader epoch of the current batch, for commits; -1 before the first. */
  leaderEpoch = -1
  /** The position after everything walked so far, left-out batches included: what to commit. */
  offsetNext = 0
  #batches: Buffer = NOTHING
  #position = 0
  #offsetWanted = 0
  #offsetAfterBatch = 0
  #inBatch = false
  #aborted: readonly AbortedTransaction[] = []
  #abortedIndex = 0
  readonly #abortedProducers = new Set<number>()

  open(fetched: FetchedBatches): this {
    this.#batches = fetched.batches
    this.#position = 0
    this.#offsetWanted = fetched.offsetWanted
    this.offsetNext = fetched.offsetWanted
    this.#offsetAfterBatch = fetched.offsetWanted
    this.#inBatch = false
    this.#aborted = fetched.aborted
    this.#abortedIndex = 0
    this.#abortedProducers.clear()
    return this
  }

  /** Moves to the next record; false at the end. Throws `BATCH_CORRUPT`. */
  next(): boolean {
    const { record } = this
    for (;;) {
      while (this.#inBatch) {
        if (!record.next()) {
          this.#inBatch = false
          this.offsetNext = this.#offsetAfterBatch
          break
        }
        if (record.offset < this.#offsetWanted) continue
        this.offsetNext = record.offset + 1
        return true
      }
      if (!this.#nextBatch()) return false
    }
  }

  /** Where the ranges point into; changes with the batch (a compressed one has its own). */
  get buffer(): Buffer { return this.record.buffer }
  get offset(): number { return this.record.offset }
  get timestamp(): number { return this.record.timestamp }
  get keyStart(): number { return this.record.keyStart }
  get keyEnd(): number { return this.record.keyEnd }
  get valueStart(): number { return this.record.valueStart }
  get valueEnd(): number { return this.record.valueEnd }
  get headerCount(): number { return this.record.headerCount }

  readHeaders(): RecordHeader[] {
    return this.record.readHeaders()
  }

  /** Enters the next batch whose records are wanted; false where there is none. */
  #nextBatch(): boolean {
    while (this.#position < this.#batches.length) {
      const view = new BatchView(this.#batches, this.#position)
      this.#position = view.end
      this.#offsetAfterBatch = Math.max(this.offsetNext, view.lastOffset + 1)
      this.leaderEpoch = view.leaderEpoch
      if (view.isControl) this.#passControl(view)
      else if (view.lastOffset >= this.#offsetWanted && !this.#isAborted(view)) {
        view.records(this.record)
        this.#inBatch = true
        return true
      }
      this.offsetNext = this.#offsetAfterBatch
    }
    return false
  }

  #passControl(view: BatchView): void {
    if (this.#aborted.length > 0 && endTxnMarkerOf(view)?.type === 'abort') {
      this.#beginAborted(view.lastOffset)
      this.#abortedProducers.delete(view.producerId)
    }
  }

  #isAborted(view: BatchView): boolean {
    if (this.#aborted.length === 0 || !view.isTransactional) return false
    this.#beginAborted(view.lastOffset)
    return this.#abortedProducers.has(view.producerId)
  }

  /** Takes note of the aborted transactions that have begun at or before `offset`. */
  #beginAborted(offset: number): void {
    for (;;) {
      const next = this.#aborted[this.#abortedIndex]
      if (next === undefined || next.firstOffset > offset) return
      this.#abortedProducers.add(next.producerId)
      this.#abortedIndex++
    }
  }
}
