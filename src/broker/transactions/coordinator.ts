/**
 * The transaction coordinator: transactions v1 and v2 (KIP-98, 360, 447, 890) at the same time, by what each request says.
 *
 * T1. A state is appended to `__transaction_state` before it is acted on, and is durable before a client is told of it.
 * T2. complete* is appended after the last marker is durable. prepare* is durable before the first marker is written, except at an
 *     end of version 2: there both are written at once and share a flush round, and any one marker that survived a power cut is
 *     the decision, because its epoch is this end's and no other's (`restoreDecision`). Everything the transaction wrote was
 *     durable before its owner could ask for the end. So a power cut at any point leaves a log from which the same end is
 *     reached again (X3).
 * T3. Whoever starts something new on a transactional id whose end is still being written waits for it (`settled`), so a
 *     client that follows its answer at once does not run into CONCURRENT_TRANSACTIONS.
 * T4. A transaction that outlives its timeout is aborted under a higher epoch: its owner is fenced (PRODUCER_FENCED).
 * T5. All decisions are made synchronously on memory; the log only follows. A write that fails stops the broker (fail-stop),
 *     so nothing is ever taken back.
 */
import type { Clock, Timer } from '../../env/env.ts'
import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { TopicPartition } from '../groups/offsets.ts'
import { EPOCH_LAST, NO_EPOCH, NO_PRODUCER_ID, Transaction } from './transaction.ts'
import type { TransactionVersion } from './transaction.ts'

export const TRANSACTION_TIMEOUT_MAX_MS = 15 * 60_000
const TRANSACTIONAL_ID_EXPIRATION_MS = 7 * 86_400_000
const EXPIRY_SCAN_MS = 3_600_000

export interface MarkerWrite {
  readonly producerId: number
  readonly producerEpoch: number
  readonly committed: boolean
  /** 2 asks the log for an epoch above the producer's current one. */
  readonly transactionVersion: 1 | 2
  readonly partitions: readonly TopicPartition[]
}

/** Each lives on for `transactional.id.expiration.ms`, a week: who makes up names is stopped somewhere. */
const TRANSACTIONAL_IDS_MAX = 100_000

export interface TransactionHost {
  readonly clock: Clock
  readonly logger: Logger
  /** How many transactional ids are kept. Default 100,000. */
  readonly transactionalIdsMax?: number | undefined
  newProducerId(): Promise<number>
  /** Appends the state now; the promise resolves when it is durable, which `lazy` is in no hurry for. */
  store(transaction: Transaction, options?: { readonly lazy: boolean }): Promise<void>
  /** Appends a tombstone. */
  forget(transactionalId: string): Promise<void>
  /** Appends the marker to each partition that still exists; the promise resolves when all are durable. */
  writeMarkers(write: MarkerWrite): Promise<void>
}

export interface ProducerIdAndEpoch {
  readonly producerId: number
  readonly producerEpoch: number
}

export type ProducerAnswer = { readonly error: KafkaErrorName } & ProducerIdAndEpoch

export interface InitRequest {
  /** `null`: an idempotent producer without transactions. */
  readonly transactionalId: string | null
  readonly timeoutMs: number
  /** What the producer believes it has (KIP-360), or `undefined`. */
  readonly expected: ProducerIdAndEpoch | undefined
}

export interface EndRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly committed: boolean
  readonly version: TransactionVersion
}

export interface AddRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly partitions: readonly TopicPartition[]
  readonly version: TransactionVersion
}

export class TransactionCoordinator {
  readonly #host: TransactionHost
  readonly #transactions = new Map<string, Transaction>()
  readonly #byProducerId = new Map<number, Transaction>()
  readonly #timers = new Map<Transaction, Timer>()
  #expiryTimer: Timer | undefined = undefined
  #closed = false

  constructor(host: TransactionHost) {
    this.#host = host
  }

  /** Takes a transaction read back from the log; the last one given for an id counts. */
  restore(transaction: Transaction): void {
    const before = this.#transactions.get(transaction.transactionalId)
    if (before !== undefined) this.#byProducerId.delete(before.producerId)
    this.#transactions.set(transaction.transactionalId, transaction)
    this.#byProducerId.set(transaction.producerId, transaction)
  }

  /** Markers of this open transaction's end are in the logs, its decision is not (T2): it is taken from them. Call before `start`. */
  restoreDecision(transaction: Transaction, committed: boolean): void {
    transaction.lastProducerEpoch = transaction.producerEpoch
    transaction.producerEpoch += 1
    transaction.version = 2
    transaction.state = committed ? 'prepareCommit' : 'prepareAbort'
  }

  restoreTombstone(transactionalId: string): void {
    const before = this.#transactions.get(transactionalId)
    if (before !== undefined) this.#byProducerId.delete(before.producerId)
    this.#transactions.delete(transactionalId)
  }

  /** After the log was read: finishes what was prepared, starts the timeouts of what is open. */
  async start(): Promise<void> {
    const finishing: Promise<void>[] = []
    for (const transaction of this.#transactions.values()) {
      if (transaction.isPreparing) finishing.push(this.#complete(transaction, this.#host.store(transaction), { atOnce: false }))
      else if (transaction.state === 'ongoing') this.#startTimeout(transaction)
    }
    await Promise.all(finishing)
    this.#scanForExpiry()
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    this.#expiryTimer?.cancel()
  }

  get(transactionalId: string): Transaction | undefined {
    return this.#transactions.get(transactionalId)
  }

  list(): Transaction[] {
    return [...this.#transactions.values()]
  }

  ofProducer(producerId: number): Transaction | undefined {
    return this.#byProducerId.get(producerId)
  }

  /** Resolves once no end of the transaction is being written (T3). */
  async settled(transactionalId: string | null): Promise<void> {
    if (transactionalId !== null) await this.#transactions.get(transactionalId)?.completion
  }

  async initProducerId(request: InitRequest): Promise<ProducerAnswer> {
    const { transactionalId } = request
    if (transactionalId === null) return { error: 'NONE', producerId: await this.#host.newProducerId(), producerEpoch: 0 }
    if (transactionalId === '') return refused('INVALID_REQUEST')
    if (request.timeoutMs <= 0 || request.timeoutMs > TRANSACTION_TIMEOUT_MAX_MS) return refused('INVALID_TRANSACTION_TIMEOUT')
    await this.settled(transactionalId)
    const known = this.#transactions.get(transactionalId)
    if (known === undefined && this.#transactions.size >= (this.#host.transactionalIdsMax ?? TRANSACTIONAL_IDS_MAX)) return refused('POLICY_VIOLATION')
    // An id in reserve for the two cases that need one: a new transactional id, and the end of the epochs.
    const spareProducerId = known === undefined || known.isEpochExhausted ? await this.#host.newProducerId() : NO_PRODUCER_ID
    const transaction = this.#transactions.get(transactionalId) ?? this.#create(transactionalId, spareProducerId, request.timeoutMs)
    if (transaction.isPreparing) return refused('CONCURRENT_TRANSACTIONS')
    if (!mayContinue(transaction, request.expected)) return refused('PRODUCER_FENCED')
    if (transaction.state === 'ongoing') {
      // Fence and abort; the client comes again and then gets an epoch that is one higher still.
      await this.#fence(transaction)
      return refused('CONCURRENT_TRANSACTIONS')
    }
    const error = this.#nextEpoch(transaction, request, spareProducerId)
    if (error !== 'NONE') return refused(error)
    const answer = { producerId: transaction.producerId, producerEpoch: transaction.producerEpoch }
    await this.#host.store(transaction)
    return { error: 'NONE', ...answer }
  }

  /** Adds partitions to the transaction, opening it. Synchronous: what it decided holds at once; `durable` says when it is stored. */
  addPartitions(request: AddRequest): { readonly error: KafkaErrorName; readonly durable: Promise<void> } {
    const error = this.#addError(request)
    if (error !== 'NONE') return { error, durable: Promise.resolve() }
    const transaction = this.#transactions.get(request.transactionalId)
    if (transaction === undefined) return { error: 'INVALID_PRODUCER_ID_MAPPING', durable: Promise.resolve() }
    let changed = false
    for (const { topic, partition } of request.partitions) changed = transaction.add(topic, partition) || changed
    const opens = transaction.state !== 'ongoing'
    if (!changed && !opens) return { error: 'NONE', durable: Promise.resolve() }
    const now = this.#host.clock.now()
    transaction.updatedAtMs = now
    if (opens) {
      transaction.state = 'ongoing'
      transaction.startedAtMs = now
      transaction.version = request.version
      this.#startTimeout(transaction)
    }
    return { error: 'NONE', durable: this.#host.store(transaction) }
  }

  /** Whether the partition is in the transaction of this producer now: KIP-890's check, for batches and for AddPartitionsToTxn's verifyOnly. */
  verifyError(producer: ProducerIdAndEpoch, partition: TopicPartition): KafkaErrorName {
    const transaction = this.#byProducerId.get(producer.producerId)
    if (transaction === undefined) return 'INVALID_PRODUCER_ID_MAPPING'
    if (transaction.producerEpoch !== producer.producerEpoch) return 'PRODUCER_FENCED'
    if (transaction.isPreparing) return 'CONCURRENT_TRANSACTIONS'
    return transaction.state === 'ongoing' && transaction.has(partition.topic, partition.partition) ? 'NONE' : 'TRANSACTION_ABORTABLE'
  }

  async end(request: EndRequest): Promise<ProducerAnswer> {
    if (request.transactionalId === '') return refused('INVALID_REQUEST')
    const transaction = this.#transactions.get(request.transactionalId)
    if (transaction === undefined) return refused('INVALID_PRODUCER_ID_MAPPING')
    // Under version 2 the epoch that the last end gave out names the next transaction, which begins behind that end (T3).
    if (request.version >= 2 && transaction.isPreparing && transaction.producerEpoch === request.producerEpoch) await transaction.completion
    const verdict = request.version >= 2 ? endVerdictV2(transaction, request) : endVerdictV1(transaction, request)
    if (verdict === 'done') return { error: 'NONE', producerId: transaction.producerId, producerEpoch: transaction.producerEpoch }
    if (verdict !== 'end') return refused(verdict)
    const nextProducerId = request.version >= 2 && transaction.isEpochExhausted ? await this.#host.newProducerId() : NO_PRODUCER_ID
    // The wait for an id let others in: what held before is looked at again.
    if (nextProducerId !== NO_PRODUCER_ID && endVerdictV2(transaction, request) !== 'end') return refused('CONCURRENT_TRANSACTIONS')
    const now = this.#host.clock.now()
    if (transaction.state !== 'ongoing') transaction.startedAtMs = now
    transaction.version = request.version
    if (request.version >= 2) {
      transaction.lastProducerEpoch = transaction.producerEpoch
      transaction.producerEpoch += 1
      transaction.nextProducerId = nextProducerId
    }
    const answer = nextProducerId === NO_PRODUCER_ID
      ? { producerId: transaction.producerId, producerEpoch: transaction.producerEpoch }
      : { producerId: nextProducerId, producerEpoch: 0 }
    await this.#prepare(transaction, request.committed, { atOnce: request.version >= 2 && nextProducerId === NO_PRODUCER_ID })
    return { error: 'NONE', ...answer }
  }

  /** The topic is gone: no marker can be written there any more. */
  topicDeleted(topic: string): void {
    for (const transaction of this.#transactions.values()) {
      if (transaction.removeTopic(topic) && transaction.state === 'ongoing') void this.#host.store(transaction).catch(() => { /* T5: the broker is stopping. */ })
    }
  }

  #create(transactionalId: string, producerId: number, timeoutMs: number): Transaction {
    const transaction = new Transaction(transactionalId, producerId, timeoutMs, this.#host.clock.now())
    this.#transactions.set(transactionalId, transaction)
    this.#byProducerId.set(producerId, transaction)
    return transaction
  }

  #nextEpoch(transaction: Transaction, request: InitRequest, spareProducerId: number): KafkaErrorName {
    const { expected } = request
    if (transaction.isEpochExhausted && (expected === undefined || expected.producerEpoch === transaction.producerEpoch)) {
      if (spareProducerId === NO_PRODUCER_ID) return 'CONCURRENT_TRANSACTIONS'
      const lastEpoch = expected === undefined ? NO_EPOCH : transaction.producerEpoch
      this.#rotate(transaction, spareProducerId)
      transaction.lastProducerEpoch = lastEpoch
    } else if (expected === undefined) {
      transaction.producerEpoch += 1
      transaction.lastProducerEpoch = NO_EPOCH
    } else if (transaction.producerEpoch === NO_EPOCH || expected.producerEpoch === transaction.producerEpoch) {
      transaction.lastProducerEpoch = transaction.producerEpoch
      transaction.producerEpoch += 1
    } else if (expected.producerEpoch !== transaction.lastProducerEpoch) {
      return 'PRODUCER_FENCED'
    } // Else the retry of a bump that was done: the same answer again.
    transaction.state = 'empty'
    transaction.timeoutMs = request.timeoutMs
    transaction.startedAtMs = -1
    transaction.updatedAtMs = this.#host.clock.now()
    return 'NONE'
  }

  #rotate(transaction: Transaction, producerId: number): void {
    this.#byProducerId.delete(transaction.producerId)
    transaction.previousProducerId = transaction.producerId
    transaction.producerId = producerId
    transaction.nextProducerId = NO_PRODUCER_ID
    transaction.producerEpoch = 0
    this.#byProducerId.set(producerId, transaction)
  }

  #addError(request: AddRequest): KafkaErrorName {
    if (request.transactionalId === '') return 'INVALID_REQUEST'
    const transaction = this.#transactions.get(request.transactionalId)
    if (transaction === undefined || transaction.producerId !== request.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
    if (transaction.producerEpoch !== request.producerEpoch) return 'PRODUCER_FENCED'
    return transaction.isPreparing ? 'CONCURRENT_TRANSACTIONS' : 'NONE'
  }

  /** Aborts under a bumped epoch that no client is ever given. */
  async #fence(transaction: Transaction): Promise<void> {
    transaction.producerEpoch += 1
    transaction.lastProducerEpoch = NO_EPOCH
    transaction.version = 0
    await this.#prepare(transaction, false, { atOnce: false })
  }

  /** Decides the end. Resolves when the decision is durable; markers and complete* follow (`completion`), or are done too (`atOnce`). */
  #prepare(transaction: Transaction, committed: boolean, options: { readonly atOnce: boolean }): Promise<void> {
    this.#stopTimeout(transaction)
    transaction.state = committed ? 'prepareCommit' : 'prepareAbort'
    transaction.updatedAtMs = this.#host.clock.now()
    const durable = this.#host.store(transaction)
    const completed = this.#complete(transaction, durable, options)
    return options.atOnce ? Promise.all([durable, completed]).then(() => undefined) : durable
  }

  /** Writes markers and complete*. Does not reject: a write that failed is the disk's, and whoever waits for it is told by it. */
  #complete(transaction: Transaction, prepared: Promise<void>, options: { readonly atOnce: boolean }): Promise<void> {
    const finish = async (): Promise<void> => {
      if (!options.atOnce) await prepared
      const committed = transaction.state === 'prepareCommit'
      const marked = this.#host.writeMarkers({
        producerId: transaction.producerId, producerEpoch: transaction.producerEpoch, committed,
        transactionVersion: transaction.version >= 2 ? 2 : 1, partitions: transaction.partitions(),
      })
      await Promise.all([prepared, marked])
      transaction.clearPartitions()
      transaction.state = committed ? 'completeCommit' : 'completeAbort'
      transaction.updatedAtMs = this.#host.clock.now()
      if (transaction.nextProducerId !== NO_PRODUCER_ID) this.#rotate(transaction, transaction.nextProducerId)
      // Not waited for: if it is lost, prepare* is found again and the same markers are written again.
      this.#host.store(transaction, { lazy: true }).catch(() => { /* T5: the broker is stopping. */ })
    }
    const completion = finish().catch(error => {
      if (!this.#closed) this.#host.logger.error('the end of a transaction could not be written', { transactionalId: transaction.transactionalId, error: messageOf(error) })
    }).finally(() => {
      if (transaction.completion === completion) transaction.completion = undefined
    })
    transaction.completion = completion
    return completion
  }

  #startTimeout(transaction: Transaction): void {
    this.#stopTimeout(transaction)
    const left = transaction.startedAtMs + transaction.timeoutMs - this.#host.clock.now()
    this.#timers.set(transaction, this.#host.clock.setTimer(() => {
      this.#timers.delete(transaction)
      if (this.#closed || transaction.state !== 'ongoing') return
      this.#host.logger.info('aborting a transaction that outlived its timeout', { transactionalId: transaction.transactionalId, timeoutMs: transaction.timeoutMs })
      void this.#fence(transaction).catch(() => { /* T5: the broker is stopping. */ })
    }, Math.max(0, left), { background: true }))
  }

  #stopTimeout(transaction: Transaction): void {
    this.#timers.get(transaction)?.cancel()
    this.#timers.delete(transaction)
  }

  /** Transactional ids that have been idle for seven days are forgotten. */
  #scanForExpiry(): void {
    const bound = this.#host.clock.now() - TRANSACTIONAL_ID_EXPIRATION_MS
    for (const transaction of this.list()) {
      if (transaction.state === 'ongoing' || transaction.isPreparing || transaction.updatedAtMs > bound) continue
      this.restoreTombstone(transaction.transactionalId)
      this.#host.forget(transaction.transactionalId).catch(() => { /* T5: the broker is stopping. */ })
    }
    this.#expiryTimer = this.#host.clock.setTimer(() => this.#scanForExpiry(), EXPIRY_SCAN_MS, { background: true })
  }
}

function refused(error: KafkaErrorName): ProducerAnswer {
  return { error, producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH }
}

/** Whether a producer that says it has `expected` is the one known, or may retry what made it another. */
function mayContinue(transaction: Transaction, expected: ProducerIdAndEpoch | undefined): boolean {
  return expected === undefined || transaction.producerEpoch === NO_EPOCH || expected.producerId === transaction.producerId
    || (expected.producerId === transaction.previousProducerId && expected.producerEpoch >= EPOCH_LAST)
}

/** `end`: do it; `done`: the retry of an end that is complete; else the error. */
type EndVerdict = 'end' | 'done' | KafkaErrorName

function endVerdictV1(transaction: Transaction, request: EndRequest): EndVerdict {
  if (transaction.producerId !== request.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
  if (transaction.producerEpoch !== request.producerEpoch) return 'PRODUCER_FENCED'
  switch (transaction.state) {
    case 'ongoing':
      return 'end'
    case 'completeCommit':
      return request.committed ? 'done' : 'INVALID_TXN_STATE'
    case 'completeAbort':
      return request.committed ? 'INVALID_TXN_STATE' : 'done'
    case 'prepareCommit':
      return request.committed ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE'
    case 'prepareAbort':
      return request.committed ? 'INVALID_TXN_STATE' : 'CONCURRENT_TRANSACTIONS'
    case 'empty':
      return 'INVALID_TXN_STATE'
  }
}

function endVerdictV2(transaction: Transaction, request: EndRequest): EndVerdict {
  const retryOfBump = transaction.producerId === request.producerId && transaction.producerEpoch === request.producerEpoch + 1
  const retryOfRotation = transaction.previousProducerId === request.producerId && request.producerEpoch === EPOCH_LAST && transaction.producerEpoch === 0
  if (transaction.producerId !== request.producerId && !retryOfRotation) return 'INVALID_PRODUCER_ID_MAPPING'
  const sameEpoch = transaction.producerEpoch === request.producerEpoch && !retryOfRotation
  const isRetry = retryOfBump || retryOfRotation
  switch (transaction.state) {
    case 'ongoing':
      return sameEpoch ? 'end' : 'PRODUCER_FENCED'
    case 'empty':
      if (!sameEpoch) return 'PRODUCER_FENCED'
      return request.committed ? 'INVALID_TXN_STATE' : 'end'
    case 'prepareCommit':
    case 'prepareAbort':
      if (!retryOfBump) return 'PRODUCER_FENCED'
      if (request.committed === (transaction.state === 'prepareCommit')) return 'CONCURRENT_TRANSACTIONS'
      return otherEnd(transaction)
    case 'completeCommit':
    case 'completeAbort':
      if (isRetry) return request.committed === (transaction.state === 'completeCommit') ? 'done' : otherEnd(transaction)
      if (!sameEpoch) return 'PRODUCER_FENCED'
      // An abort of a transaction in which nothing was sent: it bumps the epoch all the same.
      return request.committed ? 'INVALID_TXN_STATE' : 'end'
  }
}

/** The transaction ended the other way: by its producer's own word, or by ours (then the producer is fenced, not wrong). */
function otherEnd(transaction: Transaction): KafkaErrorName {
  return transaction.version >= 2 ? 'INVALID_TXN_STATE' : 'PRODUCER_FENCED'
}
