/**
 * Records waiting to be sent: per partition one open batch, and the batches behind it in the states of their life.
 *
 * ```text
 * open ──full, aged, flush──> ready ──stamped, on the wire──> in flight ──acknowledged──> done
 *                                                              │   ▲
 *                                             retriable error  ▼   │  in order of sequence, one at a time
 *                                                             retry
 * ```
 *
 * A1. Order: `done`, then `inFlight` and `retry` (disjoint ranges of sequence numbers, each ascending), then `ready`, then `open`.
 * A2. A batch is stamped (producer id, epoch, sequence) once, when it first goes out, and keeps stamp and bytes over
 *     retries. It is stamped again only where the broker is known not to have it (`restamp`).
 * A3. Bytes are charged when a record is appended and given back when its batch is done or dropped.
 * A4. Each batch has a `BatchBuilder` of its own, whose memory is never used for another one: an old request may still be in a socket's queue.
 */
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import { BatchBuilder } from '../wire/batch-builder.ts'
import type { CodecName } from '../wire/compression.ts'
import type { RecordHeader } from './types.ts'

const SEQUENCE_COUNT = 0x8000_0000

/** Somebody who waits for a set of batches; see `Producer.flush`. */
export interface BatchWaiter {
  remaining: number
  failure: Error | undefined
  done(): void
}

export class Batch {
  readonly queue: PartitionQueue
  readonly builder: BatchBuilder
  /** Counts up over all batches of a producer. */
  readonly ordinal: number
  /** Which transaction it belongs to; 0 outside of transactions. */
  readonly transaction: number
  /** Monotonic clock. */
  readonly createdAt: number
  bytesCharged = 0
  encoded: Buffer | undefined = undefined
  baseSequence = -1
  attempts = 0
  /** Its bytes may be in the log: a request with it was written to a socket and not answered with a definite no. */
  maybeAppended = false
  waiters: BatchWaiter[] = []

  constructor(queue: PartitionQueue, builder: BatchBuilder, ordinal: number, transaction: number, createdAt: number) {
    this.queue = queue
    this.builder = builder
    this.ordinal = ordinal
    this.transaction = transaction
    this.createdAt = createdAt
  }

  get count(): number {
    return this.builder.count
  }
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  open: Batch | undefined = undefined
  readonly ready: Batch[] = []
  readonly retry: Batch[] = []
  readonly inFlight: Batch[] = []
  producerId = -1
  producerEpoch = -1
  sequenceNext = 0
  /** The producer id under which the broker is known to have taken a batch here. */
  acknowledgedId = -2
  /** What the batch before held, before compression. */
  batchBytesLast = 0
  /** Monotonic clock: not before this is anything sent. */
  notBefore = 0
  /** Consecutive failed attempts, for the backoff. */
  failures = 0
  /** Why the last of those failed, for the message of a batch that is given up. */
  lastProblem = ''
  /** A stamped batch was given up: what follows it is settled under the old stamps first, then the sequence starts anew. */
  broken = false
  /** Batches that the broker refused only because of a gap in the sequence; sent again with a new stamp. Ascending. */
  readonly restamp: Batch[] = []

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get idle(): boolean {
    return this.open === undefined && this.ready.length === 0 && this.retry.length === 0 && this.inFlight.length === 0 && this.restamp.length === 0
  }

  /** Whether some stamped batch of a lower sequence than `batch` is still undecided. */
  hasUndecidedBefore(batch: Batch): boolean {
    const earlier = (other: Batch): boolean => other.ordinal < batch.ordinal
    return this.inFlight.some(earlier) || this.retry.some(earlier)
  }

  takeSequence(count: number): number {
    const base = this.sequenceNext
    this.sequenceNext = (base + count) % SEQUENCE_COUNT
    return base
  }

  /** The next stamp is of this id and epoch, from sequence 0 on. */
  startSequence(producerId: number, producerEpoch: number): void {
    this.producerId = producerId
    this.producerEpoch = producerEpoch
    this.sequenceNext = 0
  }

  /** Puts a batch that was in flight back, in order. */
  requeue(batch: Batch): void {
    remove(this.inFlight, batch)
    insertByOrdinal(this.retry, batch)
  }
}

export interface AccumulatorOptions {
  readonly codec: CodecName
  readonly batchBytesMax: number
  /** Beyond this much buffered, `append` throws: the caller did not look at `full`. */
  readonly bytesHardMax: number
  /** Monotonic clock; read once per batch. */
  readonly now: () => number
}

export class Accumulator {
  /** Bytes charged for records that are not done. */
  bytes = 0
  /** Batches that are not done. */
  readonly outstanding = new Set<Batch>()
  /** Queues that are not idle. */
  readonly active = new Set<PartitionQueue>()
  readonly #options: AccumulatorOptions
  readonly #topics = new Map<string, PartitionQueue[]>()
  #lastTopic = ''
  #lastQueues: PartitionQueue[] = []
  #ordinal = 0

  constructor(options: AccumulatorOptions) {
    this.#options = options
  }

  /** Ordinal of the newest batch. */
  get ordinal(): number {
    return this.#ordinal
  }

  /** Appends a record (a start of -1 is null); true where that opened a batch, so that there is something new to send. */
  append(topic: string, partition: number, transaction: number, timestamp: number, keyBuffer: Buffer, keyStart: number, keyEnd: number,
    valueBuffer: Buffer, valueStart: number, valueEnd: number, headers: readonly RecordHeader[] | undefined): boolean {
    const queue = this.#queueOf(topic, partition)
    const open = queue.open
    if (open !== undefined) {
      const before = open.builder.bytes
      if (open.builder.appendSlices(timestamp, keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, headers)) {
        this.#charge(open, open.builder.bytes - before)
        return false
      }
    }
    const batch = this.#openBatch(queue, transaction)
    // The first record of a batch always fits; one that the topic does not take is refused by the broker.
    assert(batch.builder.appendSlices(timestamp, keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, headers), 'the first record fits')
    this.#charge(batch, batch.builder.bytes)
    return true
  }

  /** Closes all open batches. */
  closeOpen(): void {
    for (const queue of this.active) this.closeBatch(queue)
  }

  closeBatch(queue: PartitionQueue): void {
    if (queue.open === undefined) return
    queue.batchBytesLast = queue.open.builder.bytes
    queue.ready.push(queue.open)
    queue.open = undefined
  }

  /** The batch is acknowledged, failed or dropped: gives its bytes back and tells who waits. It must have left its queue's lists. */
  settle(batch: Batch, failure: Error | undefined): void {
    if (!this.outstanding.delete(batch)) return
    this.bytes -= batch.bytesCharged
    batch.encoded = undefined
    if (batch.queue.idle) this.active.delete(batch.queue)
    for (const waiter of batch.waiters) {
      waiter.failure ??= failure
      waiter.remaining--
      if (waiter.remaining === 0) waiter.done()
    }
  }

  /** Takes out every batch that is not in flight and that `matches`. The caller settles them. */
  takeUnsent(matches: (batch: Batch) => boolean): Batch[] {
    const taken: Batch[] = []
    for (const queue of this.active) {
      for (const list of [queue.restamp, queue.retry, queue.ready]) {
        for (let index = list.length - 1; index >= 0; index--) {
          const batch = list[index]
          if (batch === undefined || !matches(batch)) continue
          list.splice(index, 1)
          taken.push(batch)
        }
      }
      if (queue.open !== undefined && matches(queue.open)) {
        taken.push(queue.open)
        queue.open = undefined
      }
    }
    return taken.sort((a, b) => a.ordinal - b.ordinal)
  }

  #queueOf(topic: string, partition: number): PartitionQueue {
    if (topic !== this.#lastTopic) {
      let queues = this.#topics.get(topic)
      if (queues === undefined) {
        queues = []
        this.#topics.set(topic, queues)
      }
      this.#lastTopic = topic
      this.#lastQueues = queues
    }
    return this.#lastQueues[partition] ?? this.#newQueue(topic, partition)
  }

  #newQueue(topic: string, partition: number): PartitionQueue {
    if (!(Number.isInteger(partition) && partition >= 0 && partition < 1_000_000)) throw new MillraceError('USAGE', `${partition} is not a partition number (topic ${topic}).`)
    const queue = new PartitionQueue(topic, partition)
    // Dense up to the partition, so that the array stays of one kind.
    while (this.#lastQueues.length < partition) this.#lastQueues.push(new PartitionQueue(topic, this.#lastQueues.length))
    this.#lastQueues[partition] = queue
    return queue
  }

  #openBatch(queue: PartitionQueue, transaction: number): Batch {
    if (this.bytes >= this.#options.bytesHardMax) {
      throw new MillraceError('USAGE', `${this.bytes} bytes are buffered and not acknowledged, ${this.#options.bytesHardMax} are the limit. Look at \`full\` and await \`drained()\` between slices of work.`)
    }
    this.closeBatch(queue)
    // Of the size of the one before it, so that it need not grow while it fills.
    const builder = new BatchBuilder({ codec: this.#options.codec, bytesMax: this.#options.batchBytesMax, bytesExpected: queue.batchBytesLast === 0 ? undefined : queue.batchBytesLast })
    const batch = new Batch(queue, builder, ++this.#ordinal, transaction, this.#options.now())
    queue.open = batch
    this.outstanding.add(batch)
    this.active.add(queue)
    return batch
  }

  #charge(batch: Batch, bytes: number): void {
    batch.bytesCharged += bytes
    this.bytes += bytes
  }
}

export function remove(list: Batch[], batch: Batch): void {
  const index = list.indexOf(batch)
  if (index >= 0) list.splice(index, 1)
}

export function insertByOrdinal(list: Batch[], batch: Batch): void {
  let index = list.length
  while (index > 0 && (list[index - 1]?.ordinal ?? 0) > batch.ordinal) index--
  list.splice(index, 0, batch)
}
