/**
 * Takes batches from the accumulator to the brokers and settles what they answer.
 *
 * D1. With `REQUESTS_IN_FLIGHT_MAX` requests unanswered a broker gets no more; of a partition at most one batch is in a request.
 * D2. While a partition has a batch to retry, only the first of these is sent, alone: that restores order after any failure.
 * D3. A batch is failed for good on a fatal code, or when it is older than the delivery timeout while not in flight.
 *     With idempotence the partition is then `broken`: see `#settleBroken` for how later batches stay exact.
 * D4. A refusal for a gap in the sequence (OUT_OF_ORDER_SEQUENCE_NUMBER) is proof that the batch is not in the log, because
 *     no more batches are in flight than the broker remembers.
 * D5. Until a first batch under the producer id is acknowledged, a partition has one batch in flight: a broker that knows
 *     nothing of the id yet takes whatever sequence number comes first, so a second batch could get in front of a lost first.
 * D6. Batches of a transaction after `wireTransaction` stay where they are.
 */
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Clock } from '../env/env.ts'
import { produce } from '../wire/apis/00-produce.ts'
import { errorCode, errorName, isRetriable, kafkaError } from '../wire/error-codes.ts'
import type { RequestInput, ResponseOf } from '../wire/schema.ts'
import { ZERO_UUID } from '../wire/uuid.ts'
import { insertByOrdinal, remove } from './accumulator.ts'
import type { Accumulator, Batch, PartitionQueue } from './accumulator.ts'
import { backoffMs } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import { groupByTopic } from './topic-groups.ts'
import { transactionError } from './transaction.ts'
import type { ProducerIdentity } from './transaction.ts'
import { WakeTimer } from './wake-timer.ts'

export interface SenderOptions {
  readonly acks: number
  readonly idempotent: boolean
  readonly transactionalId: string | undefined
  readonly lingerMs: number
  readonly deliveryTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly requestBytesMax: number
}

/** What the producer decides for the sender. */
export interface SenderHost {
  /** Who sends; `undefined` while not known, then nothing with idempotence is sent. */
  identity(): ProducerIdentity | undefined
  /** Highest transaction whose batches may go on the wire; 0 outside of transactions. */
  readonly wireTransaction: number
  /** 2, or 1 where partitions must be announced with `announce` first. */
  readonly transactionVersion: 1 | 2
  /** Whether the partition may be written to in the current transaction; if not the host announces it and wakes the sender. */
  announced(queue: PartitionQueue): boolean
  /** Batches of the transaction go out for the first time. */
  started(transaction: number): void
  acknowledged(batch: Batch, baseOffset: number): void
  /** The batch is given up; it counts against its transaction, or against the next `flush`. */
  failed(batch: Batch, error: Error): void
  /** The transaction is being aborted: what is not in flight of it is dropped. */
  abandons(transaction: number): boolean
  /** The epochs of the producer id have run out: nothing more can be sent with it. */
  exhausted(): void
}

type ProduceAnswer = ResponseOf<typeof produce>
type PartitionAnswer = ProduceAnswer['responses'][number]['partitionResponses'][number]

const REQUESTS_IN_FLIGHT_MAX = 5
const V1_TRANSACTIONAL_VERSION_MAX = 11
const NAMES_VERSION_MAX = 12
const EPOCH_MAX = 0x7fff
/** The end of the previous transaction is being written: soon over. */
const CONCURRENT_BACKOFF = { minMs: 2, maxMs: 100 }

const OUT_OF_ORDER = errorCode('OUT_OF_ORDER_SEQUENCE_NUMBER')
const DUPLICATE = errorCode('DUPLICATE_SEQUENCE_NUMBER')
const UNKNOWN_PRODUCER = errorCode('UNKNOWN_PRODUCER_ID')
const CONCURRENT = errorCode('CONCURRENT_TRANSACTIONS')
const STALE_METADATA = new Set([errorCode('NOT_LEADER_OR_FOLLOWER'), errorCode('UNKNOWN_TOPIC_OR_PARTITION'), errorCode('LEADER_NOT_AVAILABLE'),
  errorCode('FENCED_LEADER_EPOCH'), errorCode('UNKNOWN_LEADER_EPOCH'), errorCode('UNKNOWN_TOPIC_ID'), errorCode('KAFKA_STORAGE_ERROR')])

export class Sender {
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #accumulator: Accumulator
  readonly #options: SenderOptions
  readonly #host: SenderHost
  readonly #lane: string
  readonly #requestsInFlight = new Map<number, number>()
  #flushOrdinal = 0
  #scheduled = false
  readonly #wakeTimer: WakeTimer
  #closed = false
  readonly #stopMetadata: () => void

  constructor(cluster: Cluster, accumulator: Accumulator, options: SenderOptions, host: SenderHost) {
    this.#cluster = cluster
    this.#clock = cluster.env.clock
    this.#wakeTimer = new WakeTimer(this.#clock, 0, () => { if (!this.#closed) this.#run() })
    this.#accumulator = accumulator
    this.#options = options
    this.#host = host
    this.#lane = cluster.newLane('produce')
    this.#stopMetadata = cluster.onMetadata(() => this.wake())
  }

  /** Something may be sendable: looks in this turn's end. */
  wake(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    this.#clock.defer(() => {
      this.#scheduled = false
      if (!this.#closed) this.#run()
    })
  }

  /** Open batches up to this ordinal do not wait for more records. */
  flushUpTo(ordinal: number): void {
    this.#flushOrdinal = Math.max(this.#flushOrdinal, ordinal)
    this.wake()
  }

  close(): void {
    this.#closed = true
    this.#wakeTimer.cancel()
    this.#stopMetadata()
    this.#cluster.closeLane(this.#lane)
  }

  #run(): void {
    const now = this.#clock.monotonic()
    const byNode = new Map<number, Batch[]>()
    let wakeAt = Infinity
    for (const queue of this.#accumulator.active) {
      this.#expire(queue, now)
      const readyAt = this.#sendableAt(queue, now)
      if (readyAt > now) {
        wakeAt = Math.min(wakeAt, readyAt)
        continue
      }
      const node = this.#leaderOf(queue)
      if (node === undefined) {
        wakeAt = Math.min(wakeAt, now + 100)
        continue
      }
      if ((this.#requestsInFlight.get(node) ?? 0) >= REQUESTS_IN_FLIGHT_MAX || !this.#host.announced(queue)) continue
      const batch = this.#take(queue)
      const list = byNode.get(node)
      if (list === undefined) byNode.set(node, [batch])
      else list.push(batch)
    }
    let more = false
    for (const [node, batches] of byNode) more = this.#transmit(node, batches) || more
    // A queue gave one batch; where there are more and room for a request, go on in the next turn.
    if (more) this.wake()
    this.#wakeTimer.arm(wakeAt)
  }

  /** When the queue's next batch may go out: now or earlier, a later time, or Infinity where an event must come first. */
  #sendableAt(queue: PartitionQueue, now: number): number {
    if (queue.notBefore > now) return queue.notBefore
    if (this.#options.idempotent && this.#host.identity() === undefined) return Infinity
    if (queue.retry.length > 0) return queue.inFlight.length === 0 ? now : Infinity
    if (queue.broken) return Infinity
    const known = this.#options.idempotent && queue.acknowledgedId === queue.producerId
    const inFlightMax = known ? REQUESTS_IN_FLIGHT_MAX : 1
    if (queue.inFlight.length >= inFlightMax) return Infinity
    const ready = queue.ready[0]
    if (ready !== undefined) return ready.transaction > this.#host.wireTransaction ? Infinity : now
    const open = queue.open
    if (open === undefined || open.transaction > this.#host.wireTransaction) return Infinity
    return open.ordinal <= this.#flushOrdinal ? now : open.createdAt + this.#options.lingerMs
  }

  #leaderOf(queue: PartitionQueue): number | undefined {
    const meta = this.#cluster.partitionKnown(queue.topic, queue.partition)
    if (meta !== undefined && meta.leader >= 0) return meta.leader
    const known = this.#cluster.partitionsKnown(queue.topic)
    const code = this.#cluster.topicError(queue.topic)
    if (known !== undefined && meta === undefined) {
      this.#failQueue(queue, new MillraceError('USAGE', `Topic ${queue.topic} has ${known.length} partitions; there is no partition ${queue.partition}.`))
    } else if (code !== 0 && !isRetriable(code)) this.#failQueue(queue, kafkaError(code, `produce to topic ${queue.topic}`))
    else this.#cluster.refreshSoon(queue.topic)
    return undefined
  }

  /** Moves the queue's next batch to in flight, stamped. */
  #take(queue: PartitionQueue): Batch {
    let batch = queue.retry.shift() ?? queue.ready.shift()
    if (batch === undefined) {
      batch = queue.open
      queue.open = undefined
      if (batch !== undefined) queue.batchBytesLast = batch.builder.bytes
    }
    if (batch === undefined) throw new MillraceError('INTERNAL', 'an empty queue was taken from')
    if (batch.encoded === undefined) this.#stamp(batch)
    queue.inFlight.push(batch)
    batch.attempts++
    return batch
  }

  #stamp(batch: Batch): void {
    const identity = this.#host.identity()
    const transactional = this.#options.transactionalId !== undefined
    if (!this.#options.idempotent || identity === undefined) {
      batch.encoded = batch.builder.build()
      return
    }
    const { queue } = batch
    const stale = queue.producerId !== identity.producerId || (transactional && queue.producerEpoch !== identity.epoch)
    if (stale) queue.startSequence(identity.producerId, identity.epoch)
    batch.baseSequence = queue.takeSequence(batch.count)
    batch.encoded = batch.builder.build({ producerId: queue.producerId, producerEpoch: queue.producerEpoch, baseSequence: batch.baseSequence, transactional })
    if (transactional) this.#host.started(batch.transaction)
  }

  /** Sends the batches in as many requests as size and room allow; puts the rest back. Returns whether there may be more to send. */
  #transmit(node: number, batches: readonly Batch[]): boolean {
    let request: Batch[] = []
    let bytes = 0
    for (const batch of batches) {
      const size = batch.encoded?.length ?? 0
      if (request.length > 0 && bytes + size > this.#options.requestBytesMax) {
        this.#launch(node, request)
        request = []
        bytes = 0
      }
      request.push(batch)
      bytes += size
    }
    this.#launch(node, request)
    return (this.#requestsInFlight.get(node) ?? 0) < REQUESTS_IN_FLIGHT_MAX
      && batches.some(({ queue }) => queue.ready.length > 0 || (queue.open !== undefined && queue.retry.length === 0))
  }

  #launch(node: number, batches: readonly Batch[]): void {
    this.#requestsInFlight.set(node, (this.#requestsInFlight.get(node) ?? 0) + 1)
    this.#exchange(node, batches).catch((error: unknown) => this.#lost(batches, error)).finally(() => {
      this.#requestsInFlight.set(node, (this.#requestsInFlight.get(node) ?? 1) - 1)
      this.wake()
    })
  }

  async #exchange(node: number, batches: readonly Batch[]): Promise<void> {
    const broker = await this.#cluster.connection(node, this.#lane)
    const transactional = this.#options.transactionalId !== undefined
    const ids = new Map<string, string>()
    const topics = groupByTopic(batches.map(batch => ({ topic: batch.queue.topic, batch })), ({ batch }) => ({ index: batch.queue.partition, records: batch.encoded ?? null }))
    for (const { topic } of topics) ids.set(topic, this.#cluster.topicId(topic) ?? ZERO_UUID)
    const allIds = ![...ids.values()].includes(ZERO_UUID)
    const versionMax = transactional && this.#host.transactionVersion === 1 ? V1_TRANSACTIONAL_VERSION_MAX : allIds ? Infinity : NAMES_VERSION_MAX
    const version = broker.requiredVersion(produce, versionMax)
    const body: RequestInput<typeof produce> = {
      transactionalId: this.#options.transactionalId ?? null,
      acks: this.#options.acks,
      timeoutMs: this.#options.requestTimeoutMs,
      topicData: topics.map(({ topic, items }) => ({ name: topic, topicId: ids.get(topic) ?? ZERO_UUID, partitionData: items })),
    }
    for (const batch of batches) batch.maybeAppended = true
    if (this.#options.acks === 0) {
      await broker.post(produce, version, body)
      for (const batch of batches) this.#succeed(batch, -1)
      return
    }
    const answer = await broker.requestAt(produce, version, body, this.#options.requestTimeoutMs + 5_000)
    this.#answered(batches, answer, new Map([...ids].map(([topic, id]) => [id, topic])))
  }

  #answered(batches: readonly Batch[], answer: ProduceAnswer, names: ReadonlyMap<string, string>): void {
    const open = new Map(batches.map(batch => [`${batch.queue.partition}/${batch.queue.topic}`, batch]))
    for (const topic of answer.responses) {
      const name = topic.name !== '' ? topic.name : names.get(topic.topicId)
      for (const each of topic.partitionResponses) {
        const key = `${each.index}/${name ?? ''}`
        const batch = open.get(key)
        if (batch === undefined) continue
        open.delete(key)
        this.#settle(batch, each)
      }
    }
    if (open.size > 0) this.#lost([...open.values()], new MillraceError('FRAME_MALFORMED', 'a Produce answer lacks partitions that were asked for', { retriable: true }))
  }

  #settle(batch: Batch, answer: PartitionAnswer): void {
    const { queue } = batch
    const code = answer.errorCode
    if (code === 0) return this.#succeed(batch, answer.baseOffset)
    if (code === DUPLICATE) return this.#succeed(batch, -1)
    if (STALE_METADATA.has(code)) {
      const { currentLeader } = answer
      if (currentLeader !== null) this.#cluster.leaderMoved(queue.topic, queue.partition, currentLeader.leaderId, currentLeader.leaderEpoch)
      this.#cluster.refreshSoon(queue.topic)
    }
    if (code === OUT_OF_ORDER && queue.hasUndecidedBefore(batch)) return this.#requeue(batch, 0)
    if ((code === OUT_OF_ORDER || code === UNKNOWN_PRODUCER) && this.#options.transactionalId === undefined) return this.#refusedForGap(batch)
    if (isRetriable(code)) {
      queue.lastProblem = `${errorName(code)}${answer.errorMessage === null ? '' : ` (${answer.errorMessage})`}`
      return this.#requeue(batch, code)
    }
    this.#fail(batch, transactionError(code, `produce to ${queue.topic}-${queue.partition}${answer.errorMessage === null ? '' : ` (${answer.errorMessage})`}`))
  }

  #succeed(batch: Batch, baseOffset: number): void {
    const { queue } = batch
    remove(queue.inFlight, batch)
    queue.failures = 0
    queue.lastProblem = ''
    queue.acknowledgedId = queue.producerId
    this.#host.acknowledged(batch, baseOffset)
    this.#accumulator.settle(batch, undefined)
    this.#settleBroken(queue)
  }

  /** No answer: the batches may be in the log or not, so they are repeated as they are. */
  #lost(batches: readonly Batch[], error: unknown): void {
    const retriable = error instanceof MillraceError && error.retriable
    for (const batch of batches) {
      if (!batch.queue.inFlight.includes(batch)) continue
      this.#cluster.refreshSoon(batch.queue.topic)
      batch.queue.lastProblem = messageOf(error)
      if (retriable && !this.#closed && !this.#cluster.closed) this.#requeue(batch, 0)
      else this.#fail(batch, error instanceof Error ? error : new MillraceError('INTERNAL', String(error)))
    }
  }

  #requeue(batch: Batch, code: number): void {
    const { queue } = batch
    if (this.#host.abandons(batch.transaction)) {
      remove(queue.inFlight, batch)
      return this.#accumulator.settle(batch, undefined)
    }
    queue.requeue(batch)
    const backoff = code === CONCURRENT ? CONCURRENT_BACKOFF : this.#cluster.backoff
    queue.notBefore = this.#clock.monotonic() + backoffMs(queue.failures++, backoff, this.#cluster.env.random)
  }

  /** See D4: the batch is not in the log; it goes out again under a new epoch when everything before it is settled. */
  #refusedForGap(batch: Batch): void {
    const { queue } = batch
    remove(queue.inFlight, batch)
    insertByOrdinal(queue.restamp, batch)
    queue.broken = true
    this.#settleBroken(queue)
  }

  #fail(batch: Batch, error: Error): void {
    const { queue } = batch
    remove(queue.inFlight, batch)
    remove(queue.retry, batch)
    if (this.#options.idempotent && batch.baseSequence >= 0) queue.broken = true
    this.#host.failed(batch, error)
    this.#accumulator.settle(batch, error)
    this.#settleBroken(queue)
  }

  /**
   * A broken partition (D3) first settles every stamped batch under its old stamp: what is in the log is acknowledged as a
   * duplicate, what is not is refused for the gap. When none is left, the refused ones go back to the front, to be stamped
   * with the next epoch from sequence 0. In a transaction the failure already means an abort, and a new epoch.
   */
  #settleBroken(queue: PartitionQueue): void {
    if (!queue.broken || queue.inFlight.length > 0 || queue.retry.length > 0) return
    queue.broken = false
    const again = queue.restamp.splice(0)
    for (const batch of again) {
      batch.encoded = undefined
      batch.baseSequence = -1
    }
    queue.ready.unshift(...again)
    if (this.#options.transactionalId !== undefined) return
    // Per partition the broker takes a higher epoch of a known id as a new start.
    if (queue.producerEpoch >= EPOCH_MAX) return this.#host.exhausted()
    queue.startSequence(queue.producerId, queue.producerEpoch + 1)
    this.wake()
  }

  #expire(queue: PartitionQueue, now: number): void {
    const oldest = queue.retry[0] ?? queue.ready[0] ?? queue.open
    if (oldest === undefined || oldest.createdAt + this.#options.deliveryTimeoutMs > now || oldest.transaction > this.#host.wireTransaction) return
    if (oldest === queue.open) queue.open = undefined
    remove(queue.ready, oldest)
    const reason = this.#cluster.topicError(queue.topic)
    const why = reason !== 0 ? `; the topic's last error was ${kafkaError(reason, queue.topic).message}` : queue.lastProblem === '' ? '' : `; the last problem was ${queue.lastProblem}`
    this.#fail(oldest, new MillraceError('TIMEOUT', `A batch of ${oldest.count} records for ${queue.topic}-${queue.partition} was not acknowledged within ${this.#options.deliveryTimeoutMs} ms${why}.`, { retriable: true }))
  }

  #failQueue(queue: PartitionQueue, error: MillraceError): void {
    for (const batch of this.#accumulator.takeUnsent(each => each.queue === queue)) this.#fail(batch, error)
  }
}
