/**
 * What a partition remembers of each producer: its epoch, its last batches, its open transaction.
 *
 * R1. The last 5 batches are kept: an exact repeat is answered with its first offset and not appended; a gap in sequence is
 *     OUT_OF_ORDER_SEQUENCE_NUMBER; sequences wrap from 2^31 − 1 to 0; a new epoch begins at 0.
 * R2. A batch under an older epoch is INVALID_PRODUCER_EPOCH.
 * R3. A producer of which nothing is known may begin at any sequence: its records may have been deleted (KIP-360).
 * R4. A transaction opens with its first batch and ends with a marker; while it is open, and until its marker is below the
 *     high watermark, no record at or after its first offset is stable.
 * R5. `check` changes nothing; `apply` is called once the batch has its offset, in offset order, by append and recovery alike.
 */
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'
import { endTxnMarkerOf } from '../wire/batch-builder.ts'
import type { BatchView } from '../wire/record-batch.ts'
import type { ProducerDescription } from './types.ts'

/** Batches kept per producer, as many as a Java producer may have in flight. */
export const BATCHES_KEPT_MAX = 5

export interface SentBatch {
  readonly lastSequence: number
  readonly offsetDelta: number
  readonly lastOffset: number
  readonly timestamp: number
}

export interface ProducerEntry {
  readonly producerId: number
  /** -1: none known. */
  epoch: number
  /** Oldest first, at most `BATCHES_KEPT_MAX`, all under `epoch`. */
  batches: SentBatch[]
  /** -1: no marker seen. */
  coordinatorEpoch: number
  lastTimestamp: number
  /** -1: no open transaction. */
  transactionFirstOffset: number
  /** Wall clock of the last append, for expiry; record times may lie anywhere. */
  seenMs: number
}

export interface CompletedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of the marker. */
  readonly lastOffset: number
  readonly aborted: boolean
}

export type ProducerVerdict = { readonly kind: 'append'; readonly opensTransaction: boolean } | { readonly kind: 'duplicate'; readonly baseOffset: number; readonly lastOffset: number; readonly timestamp: number }

const APPEND: ProducerVerdict = { kind: 'append', opensTransaction: false }
const APPEND_OPENING: ProducerVerdict = { kind: 'append', opensTransaction: true }

export class ProducerStates {
  readonly #entries = new Map<number, ProducerEntry>()
  /** Producer id → first offset; insertion order is offset order, because a transaction begins at the log's end. */
  readonly #open = new Map<number, number>()
  /** Ended, but their marker is not below the high watermark yet. */
  #unreplicated: CompletedTransaction[] = []

  get size(): number {
    return this.#entries.size
  }

  entry(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId)
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values()
  }

  describe(): ProducerDescription[] {
    return [...this.#entries.values()].map(entry => ({
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTransactionStartOffset: entry.transactionFirstOffset,
    }))
  }

  /** Whether `batch`, which has a producer id, may be appended now; throws Kafka's error where it may not. */
  check(batch: BatchView, options: { readonly origin: 'client' | 'coordinator'; readonly transactionVersion: 1 | 2 }): ProducerVerdict {
    const { producerId, producerEpoch } = batch
    const entry = this.#entries.get(producerId)
    if (batch.isControl) {
      this.#checkMarker(batch, entry, options.transactionVersion)
      return APPEND
    }
    if (entry !== undefined && producerEpoch < entry.epoch) {
      throw refuse('INVALID_PRODUCER_EPOCH', `producer ${producerId} sent epoch ${producerEpoch}, the partition has seen ${entry.epoch}`)
    }
    if (options.origin === 'client') {
      const repeat = entry === undefined ? undefined : findRepeat(entry, batch)
      if (repeat !== undefined) return { kind: 'duplicate', baseOffset: repeat.lastOffset - repeat.offsetDelta, lastOffset: repeat.lastOffset, timestamp: repeat.timestamp }
      checkSequence(entry, batch)
    }
    const isOpen = entry !== undefined && entry.transactionFirstOffset !== -1
    if (isOpen && !batch.isTransactional) throw refuse('INVALID_TXN_STATE', `producer ${producerId} has an open transaction here and sent a batch outside of it`)
    return batch.isTransactional && !isOpen ? APPEND_OPENING : APPEND
  }

  /** Takes in a batch that has its offset; gives the transaction that it ended, if any. */
  apply(batch: BatchView, nowMs: number): CompletedTransaction | undefined {
    const { producerId } = batch
    let entry = this.#entries.get(producerId)
    if (entry === undefined) {
      entry = { producerId, epoch: -1, batches: [], coordinatorEpoch: -1, lastTimestamp: -1, transactionFirstOffset: -1, seenMs: nowMs }
      this.#entries.set(producerId, entry)
    }
    entry.seenMs = nowMs
    entry.lastTimestamp = batch.maxTimestamp
    if (batch.producerEpoch !== entry.epoch) {
      entry.epoch = batch.producerEpoch
      entry.batches = []
    }
    if (batch.isControl) return this.#applyMarker(batch, entry)
    if (batch.baseSequence >= 0) {
      if (entry.batches.length === BATCHES_KEPT_MAX) entry.batches.shift()
      const { lastOffsetDelta } = batch
      entry.batches.push({ lastSequence: advanceSequence(batch.baseSequence, lastOffsetDelta), offsetDelta: lastOffsetDelta, lastOffset: batch.lastOffset, timestamp: batch.maxTimestamp })
    }
    if (batch.isTransactional && entry.transactionFirstOffset === -1) {
      entry.transactionFirstOffset = batch.baseOffset
      this.#open.set(producerId, batch.baseOffset)
    }
    return undefined
  }

  /** By producer id, where each began. */
  openTransactions(): { readonly producerId: number; readonly firstOffset: number }[] {
    return [...this.#open].map(([producerId, firstOffset]) => ({ producerId, firstOffset }))
  }

  /** The lowest offset that is not stable (R4), `undefined` where all are. */
  firstUnstableOffset(): number | undefined {
    const undecided = this.#open.values().next()
    const unreplicated = this.#unreplicated[0]?.firstOffset
    if (undecided.done === true) return unreplicated
    return unreplicated === undefined ? undecided.value : Math.min(undecided.value, unreplicated)
  }

  /** The last stable offset right after `completed`, other things being durable: what its index entry records. */
  stableOffsetAfter(completed: CompletedTransaction): number {
    for (const [producerId, firstOffset] of this.#open) if (producerId !== completed.producerId) return firstOffset
    return completed.lastOffset + 1
  }

  /** The high watermark has moved: transactions whose marker is below it are done with. */
  highWatermarkMoved(highWatermark: number): void {
    if (this.#unreplicated.length === 0) return
    this.#unreplicated = this.#unreplicated.filter(completed => completed.lastOffset >= highWatermark)
  }

  /** Forgets producers without an open transaction that were not seen for `expirationMs`. */
  expire(nowMs: number, expirationMs: number): void {
    for (const [producerId, entry] of this.#entries) {
      if (entry.transactionFirstOffset === -1 && nowMs - entry.seenMs >= expirationMs) this.#entries.delete(producerId)
    }
  }

  /** Puts in entries of a snapshot; only into an empty one. */
  restore(entries: Iterable<ProducerEntry>): void {
    const open: [number, number][] = []
    for (const entry of entries) {
      this.#entries.set(entry.producerId, entry)
      if (entry.transactionFirstOffset !== -1) open.push([entry.producerId, entry.transactionFirstOffset])
    }
    for (const [producerId, firstOffset] of open.sort((a, b) => a[1] - b[1])) this.#open.set(producerId, firstOffset)
  }

  #checkMarker(batch: BatchView, entry: ProducerEntry | undefined, transactionVersion: 1 | 2): void {
    if (entry === undefined) return
    const { producerId, producerEpoch } = batch
    const tooLow = transactionVersion === 2 ? producerEpoch <= entry.epoch && !isMarkerRepeat(entry, producerEpoch) : producerEpoch < entry.epoch
    if (tooLow) throw refuse('INVALID_PRODUCER_EPOCH', `a marker of producer ${producerId} has epoch ${producerEpoch}, the partition has seen ${entry.epoch}`)
    const marker = endTxnMarkerOf(batch)
    if (marker !== undefined && marker.coordinatorEpoch < entry.coordinatorEpoch) {
      throw refuse('TRANSACTION_COORDINATOR_FENCED', `a marker of producer ${producerId} comes from coordinator epoch ${marker.coordinatorEpoch}, the partition has seen ${entry.coordinatorEpoch}`)
    }
  }

  #applyMarker(batch: BatchView, entry: ProducerEntry): CompletedTransaction | undefined {
    const marker = endTxnMarkerOf(batch)
    if (marker === undefined) return undefined
    entry.coordinatorEpoch = Math.max(entry.coordinatorEpoch, marker.coordinatorEpoch)
    const firstOffset = entry.transactionFirstOffset
    if (firstOffset === -1) return undefined
    entry.transactionFirstOffset = -1
    this.#open.delete(entry.producerId)
    const completed = { producerId: entry.producerId, firstOffset, lastOffset: batch.lastOffset, aborted: marker.type === 'abort' }
    this.#unreplicated.push(completed)
    return completed
  }
}

/**
 * A marker of an epoch already seen may still close what is closed: the coordinator repeats markers after a restart, and a
 * transaction that wrote nothing since leaves no trace. It is harmless while no transaction and no batch of that epoch is here.
 */
function isMarkerRepeat(entry: ProducerEntry, producerEpoch: number): boolean {
  return producerEpoch === entry.epoch && entry.transactionFirstOffset === -1 && entry.batches.length === 0
}

function findRepeat(entry: ProducerEntry, batch: BatchView): SentBatch | undefined {
  if (entry.epoch !== batch.producerEpoch) return undefined
  const { lastOffsetDelta } = batch
  const lastSequence = advanceSequence(batch.baseSequence, lastOffsetDelta)
  return entry.batches.find(sent => sent.lastSequence === lastSequence && sent.offsetDelta === lastOffsetDelta)
}

function checkSequence(entry: ProducerEntry | undefined, batch: BatchView): void {
  const { producerId, producerEpoch, baseSequence } = batch
  if (entry === undefined || entry.epoch === -1) return
  if (producerEpoch !== entry.epoch) {
    if (baseSequence === 0) return
    throw refuse('OUT_OF_ORDER_SEQUENCE_NUMBER', `producer ${producerId} begins epoch ${producerEpoch} at sequence ${baseSequence}, not at 0`)
  }
  const expected = advanceSequence(entry.batches.at(-1)?.lastSequence ?? -1, 1)
  if (baseSequence !== expected) throw refuse('OUT_OF_ORDER_SEQUENCE_NUMBER', `producer ${producerId} sent sequence ${baseSequence}, expected ${expected}`)
}

/** `sequence + count` within [0, 2^31), wrapping as Kafka does. */
export function advanceSequence(sequence: number, count: number): number {
  const sum = sequence + count
  return sum > 0x7fff_ffff ? sum - 0x8000_0000 : sum
}

function refuse(name: KafkaErrorName, context: string): Error {
  return kafkaError(errorCode(name), context)
}
