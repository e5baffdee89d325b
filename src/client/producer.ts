/**
 * Producer: accumulates records in batches per partition, sends them with idempotence, and runs transactions.
 *
 * P1. Records of one partition are appended in the order of `send`, once each: sequence numbers are given when a batch
 *     first goes on the wire and stay with it over retries, reconnects and leader changes.
 * P2. `send` copies the bytes into a batch and never waits. The caller looks at `full` between slices of work and awaits `drained()`.
 * P3. A batch's buffer belongs to the socket from the first write until its answer: it is never pooled or written again.
 * P4. Transactions: after `freeze()`, sends belong to the next transaction (k+1). They stay in memory until the frozen
 *     one (k) was answered by EndTxn, so that they carry the epoch it returned. At most one transaction is frozen.
 * P5. After an error of code `FENCED` the producer is dead: make a new one. After `TXN_ABORTABLE` or any other failure of
 *     a transaction, `abort()` drops k and k+1, and `begin()` starts anew. An error whose `detail.outcome` is `unknown`
 *     comes from `commit()` alone: call it again, or give the producer up and let a new one's `init()` decide.
 */
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import { codecPending, CODECS } from '../wire/compression.ts'
import { Accumulator } from './accumulator.ts'
import type { Batch, BatchWaiter, PartitionQueue } from './accumulator.ts'
import type { Cluster } from './cluster.ts'
import { Sender } from './sender.ts'
import type { SenderHost } from './sender.ts'
import { TransactionSession } from './transaction.ts'
import type { ProducerIdentity } from './transaction.ts'
import type { GroupIdentity, OffsetEntry, RecordHeader } from './types.ts'

export interface ProducerOptions {
  /** Default -1 (all in-sync replicas). 0 and 1 are refused with idempotence. */
  readonly acks?: -1 | 0 | 1 | undefined
  readonly codec?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' | undefined
  /** How long a batch that is not full waits for more. Default 0: until the current turn's work is done. */
  readonly lingerMs?: number | undefined
  /** Default 256 KiB, before compression. */
  readonly batchBytesMax?: number | undefined
  /** Bytes accumulated and unacknowledged from which on `full` is true; at twice as much (and 64 MiB more) `send` throws. Default 32 MiB. */
  readonly bytesInFlightMax?: number | undefined
  /** Default true, but false where `acks` is 0 or 1. */
  readonly idempotent?: boolean | undefined
  readonly transactionalId?: string | undefined
  /** The broker aborts a transaction open for longer. Default 60,000. */
  readonly transactionTimeoutMs?: number | undefined
  /** A record not acknowledged this long after `send` fails. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined
  /** How long the broker may take for one request. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** Called for each batch acknowledged, in order per partition; `baseOffset` is -1 where the broker did not tell. */
  readonly onAck?: ((topic: string, partition: number, baseOffset: number, count: number) => void) | undefined
}

/** A frozen transaction (k). Its methods are called in the order flush, sendOffsets, then commit; any may be left out but the last. */
export interface FrozenTransaction {
  /** Resolves when every record of it is acknowledged; rejects with its first failure. */
  flush(): Promise<void>
  /**
   * Offsets become part of the transaction. Rejects with `GROUP_ERROR` where the identity's generation is over: then `abort()`, or send them
   * again under the identity that came after it, if nothing was lost in between.
   */
  sendOffsets(group: GroupIdentity, offsets: readonly OffsetEntry[]): Promise<void>
  /** Flushes, then EndTxn(commit); resolves when it was answered, and the next transaction's records go on the wire. */
  commit(): Promise<void>
}

/** One transaction as it goes on: `started` once the broker knows of it. */
interface Transaction {
  readonly ordinal: number
  started: boolean
  /** EndTxn(commit) has been sent, whatever came back. */
  committing: boolean
  failure: Error | undefined
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'open', readonly open: Transaction, readonly frozen: Transaction | undefined }
  | { readonly kind: 'aborting', readonly upTo: number, readonly transaction: Transaction }

const BATCH_BYTES_MAX = 256 * 1024
const BYTES_IN_FLIGHT_MAX = 32 * 1024 * 1024
const REQUEST_BYTES_MAX = 16 * 1024 * 1024
const EMPTY = Buffer.alloc(0)

export class Producer {
  readonly #cluster: Cluster
  readonly #options: ProducerOptions
  readonly #accumulator: Accumulator
  readonly #sender: Sender
  readonly #session: TransactionSession
  readonly #transactional: boolean
  readonly #bytesMax: number
  readonly #drainWaiters: (() => void)[] = []
  #initialized = false
  /** Nothing is sent before: batches are compressed when they are. */
  #codecReady: boolean
  #fatal: Error | undefined
  /** First failure since the last flush, outside of transactions. */
  #failure: Error | undefined
  #state: State = { kind: 'idle' }
  #transactionOrdinal = 0
  /** Stamped batches of the present epoch were failed or dropped: its sequence numbers are no longer known. */
  #sequenceUnknown = false
  /** Partitions of the current transaction that the coordinator knows of (version 1), and those on their way. */
  readonly #announced = new Set<PartitionQueue>()
  readonly #announcing = new Set<PartitionQueue>()
  #announcement: Promise<void> | undefined
  #offsetsSending: Promise<void> | undefined
  #closed = false

  constructor(cluster: Cluster, options: ProducerOptions = {}) {
    const acks = options.acks ?? -1
    const idempotent = options.idempotent ?? acks === -1
    if (idempotent && acks !== -1) throw new MillraceError('CONFIG_INVALID', `acks ${acks} with idempotence would lose records without notice. Leave acks out, or set idempotent: false.`)
    if (options.transactionalId !== undefined && !idempotent) throw new MillraceError('CONFIG_INVALID', 'A transactional producer is idempotent. Leave idempotent and acks out.')
    if (options.codec !== undefined && CODECS[options.codec] === undefined) throw new MillraceError('CONFIG_INVALID', `codec '${options.codec}' is not known. Use none, gzip, snappy, lz4 or zstd.`)
    this.#cluster = cluster
    this.#options = options
    this.#transactional = options.transactionalId !== undefined
    this.#bytesMax = options.bytesInFlightMax ?? BYTES_IN_FLIGHT_MAX
    this.#initialized = !idempotent
    this.#session = new TransactionSession(cluster, { transactionalId: options.transactionalId, transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000 })
    this.#accumulator = new Accumulator({
      codec: options.codec ?? 'none',
      batchBytesMax: options.batchBytesMax ?? BATCH_BYTES_MAX,
      bytesHardMax: this.#bytesMax * 2 + 64 * 1024 * 1024,
      now: () => cluster.env.clock.monotonic(),
    })
    const codec = codecPending(CODECS[options.codec ?? 'none'])
    this.#codecReady = codec === undefined
    codec?.then(() => { this.#codecReady = true; this.#sender.wake() }, (error: unknown) => this.#die(new MillraceError('INTERNAL', `codec '${options.codec}' cannot be loaded`, { cause: error })))
    this.#sender = new Sender(cluster, this.#accumulator, {
      acks,
      idempotent,
      transactionalId: options.transactionalId,
      lingerMs: options.lingerMs ?? 0,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      requestBytesMax: REQUEST_BYTES_MAX,
    }, this.#host(idempotent))
  }

  /** InitProducerId: fences others with the transactional id and finishes what they left. Required first with idempotence. */
  async init(): Promise<void> {
    this.#check()
    if (this.#initialized) return
    await this.#session.init()
    this.#initialized = true
    this.#sender.wake()
  }

  /** What the broker knows this producer by. */
  get identity(): ProducerIdentity {
    return { producerId: this.#session.producerId, epoch: this.#session.epoch }
  }

  /** `timestamp` in epoch milliseconds. Throws `FENCED`, or `USAGE` where no transaction was begun or the limit is passed. */
  send(topic: string, partition: number, timestamp: number, key: Buffer | null, value: Buffer | null, headers?: readonly RecordHeader[]): void {
    this.sendSlices(topic, partition, timestamp, key ?? EMPTY, key === null ? -1 : 0, key === null ? -1 : key.length,
      value ?? EMPTY, value === null ? -1 : 0, value === null ? -1 : value.length, headers)
  }

  /** The same with ranges of buffers; a start of -1 is null. */
  sendSlices(topic: string, partition: number, timestamp: number, keyBuffer: Buffer, keyStart: number, keyEnd: number,
    valueBuffer: Buffer, valueStart: number, valueEnd: number, headers?: readonly RecordHeader[]): void {
    if (this.#fatal !== undefined) throw this.#fatal
    const transaction = this.#transactional ? this.#openTransaction().ordinal : 0
    if (this.#accumulator.append(topic, partition, transaction, timestamp,
      keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, headers)) this.#sender.wake()
  }

  /** Bytes accumulated and not yet acknowledged, of k and k+1. */
  get bytesBuffered(): number {
    return this.#accumulator.bytes
  }

  get full(): boolean {
    return this.#accumulator.bytes >= this.#bytesMax
  }

  /**
   * Resolves when less than half of `bytesInFlightMax` is buffered, or the producer has failed. What is buffered is sent
   * without linger; records after a `freeze` only when the frozen transaction was committed, so let that go on meanwhile.
   */
  drained(): Promise<void> {
    if (this.#accumulator.bytes < this.#bytesMax / 2 || this.#fatal !== undefined) return Promise.resolve()
    this.#sender.flushUpTo(this.#accumulator.ordinal)
    return new Promise(resolve => this.#drainWaiters.push(resolve))
  }

  /** Sends everything now; resolves when all sent before the call is acknowledged, rejects with the first failure since the last flush. */
  async flush(): Promise<void> {
    this.#check()
    if (this.#transactional) return this.#state.kind === 'open' ? this.#flushTransaction(this.#state.frozen ?? this.#state.open) : undefined
    await this.#settled(() => true)
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** Starts a transaction (local; the broker learns of it with the first batch). */
  begin(): void {
    this.#check()
    if (!this.#transactional) throw new MillraceError('USAGE', 'This producer has no transactionalId: it cannot run transactions.')
    if (this.#state.kind !== 'idle') throw new MillraceError('USAGE', `begin() while a transaction is ${this.#state.kind === 'open' ? 'open: commit() or abort() it first' : 'being aborted'}.`)
    this.#state = { kind: 'open', open: this.#newTransaction(), frozen: undefined }
  }

  /** Ends the open transaction's intake and starts the next one's; see P4. */
  freeze(): FrozenTransaction {
    this.#check()
    const open = this.#openTransaction()
    assert(this.#state.kind === 'open' && this.#state.frozen === undefined, 'the frozen transaction must be answered before the next freeze')
    this.#accumulator.closeOpen()
    this.#state = { kind: 'open', open: this.#newTransaction(), frozen: open }
    return {
      flush: () => this.#flushTransaction(open),
      sendOffsets: (group, offsets) => this.#sendOffsets(open, group, offsets),
      commit: () => this.#commitFrozen(open),
    }
  }

  /** For callers that do not overlap: of the open transaction. */
  sendOffsets(group: GroupIdentity, offsets: readonly OffsetEntry[]): Promise<void> {
    return this.#sendOffsets(this.#openTransaction(), group, offsets)
  }

  /** Flushes, then ends the open transaction; `begin()` starts the next. */
  async commit(): Promise<void> {
    const open = this.#openTransaction()
    await this.#end(open)
    if (this.#state.kind === 'open' && this.#state.open === open) this.#state = { kind: 'idle' }
  }

  /** Drops what was not sent, of k and k+1, and aborts at the broker what was. Then `begin()` again. */
  async abort(): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal
    if (this.#state.kind === 'idle') return
    const transaction = this.#state.kind === 'aborting' ? this.#state.transaction : this.#state.frozen ?? this.#state.open
    this.#state = { kind: 'aborting', upTo: this.#transactionOrdinal, transaction }
    for (const batch of this.#accumulator.takeUnsent(() => true)) {
      if (batch.baseSequence >= 0) this.#sequenceUnknown = true
      this.#accumulator.settle(batch, undefined)
    }
    this.#releaseDrained()
    // What is in flight is waited for, so that it cannot arrive after the abort and open a transaction that nobody ends.
    await this.#settled(() => true)
    await this.#announcement
    await this.#offsetsSending
    if (transaction.started) await this.#guard(() => this.#session.end('abort', { mayBeAbsent: !transaction.committing }))
    if (this.#sequenceUnknown && this.#session.version === 1) await this.#guard(() => this.#session.bumpEpoch())
    this.#sequenceUnknown = false
    this.#announced.clear()
    this.#state = { kind: 'idle' }
  }

  /** True while nothing of the open (or frozen) transaction was sent, buffered or offset-committed: a commit would do nothing. */
  get transactionEmpty(): boolean {
    if (this.#state.kind !== 'open') return true
    const current = this.#state.frozen ?? this.#state.open
    return !current.started && this.#accumulator.outstanding.size === 0
  }

  /** Flushes unless in a transaction (that is left to be aborted), then stops. Records not acknowledged after that are lost. */
  async close(): Promise<void> {
    if (this.#closed) return
    try {
      if (this.#fatal === undefined && !this.#transactional && this.#initialized) await this.flush()
      else if (this.#fatal === undefined && this.#state.kind === 'open') await this.abort()
    } finally {
      this.#closed = true
      this.#fatal ??= new MillraceError('USAGE', 'The producer is closed.')
      this.#sender.close()
      for (const batch of this.#accumulator.takeUnsent(() => true)) this.#accumulator.settle(batch, this.#fatal)
      this.#releaseDrained()
    }
  }

  async #flushTransaction(transaction: Transaction): Promise<void> {
    if (transaction.failure === undefined) await this.#settled(batch => batch.transaction <= transaction.ordinal)
    if (this.#fatal !== undefined) throw this.#fatal
    if (transaction.failure !== undefined) throw transaction.failure
  }

  async #sendOffsets(transaction: Transaction, group: GroupIdentity, offsets: readonly OffsetEntry[]): Promise<void> {
    this.#check()
    if (offsets.length === 0) return
    transaction.started = true
    const sending = this.#guard(() => this.#session.commitOffsets(group, offsets), transaction)
    // For `abort`, which must not be overtaken by offsets; whoever called this hears of the failure.
    const settled = sending.catch(() => {})
    this.#offsetsSending = settled
    await sending.finally(() => { if (this.#offsetsSending === settled) this.#offsetsSending = undefined })
  }

  async #commitFrozen(transaction: Transaction): Promise<void> {
    assert(this.#state.kind === 'open' && this.#state.frozen === transaction, 'only the frozen transaction is committed, once')
    await this.#end(transaction)
    if (this.#state.kind === 'open') this.#state = { kind: 'open', open: this.#state.open, frozen: undefined }
    this.#sender.wake()
  }

  async #end(transaction: Transaction): Promise<void> {
    this.#check()
    await this.#flushTransaction(transaction)
    if (!transaction.started) return
    transaction.committing = true
    await this.#guard(() => this.#session.end('commit'), transaction)
    this.#announced.clear()
  }

  /** Runs a step of the protocol; what fails it for good also fails the transaction, or the producer. */
  async #guard(step: () => Promise<void>, transaction?: Transaction): Promise<void> {
    try {
      await step()
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'FENCED') this.#die(error)
      else if (transaction !== undefined && error instanceof Error && !leavesOpen(error)) transaction.failure ??= error
      throw error
    }
  }

  /** Resolves when all batches present that match are acknowledged, failed or dropped. */
  #settled(matches: (batch: Batch) => boolean): Promise<void> {
    return new Promise(resolve => {
      const waiter: BatchWaiter = { remaining: 0, failure: undefined, done: resolve }
      for (const batch of this.#accumulator.outstanding) {
        if (!matches(batch)) continue
        batch.waiters.push(waiter)
        waiter.remaining++
      }
      if (waiter.remaining === 0) return resolve()
      this.#sender.flushUpTo(this.#accumulator.ordinal)
    })
  }

  #newTransaction(): Transaction {
    return { ordinal: ++this.#transactionOrdinal, started: false, committing: false, failure: undefined }
  }

  #openTransaction(): Transaction {
    if (this.#state.kind === 'open') return this.#state.open
    throw new MillraceError('USAGE', this.#transactional ? 'No transaction is open: call begin() first.' : 'This producer has no transactionalId: it cannot run transactions.')
  }

  #host(idempotent: boolean): SenderHost {
    const producer = this
    return {
      identity: () => idempotent && producer.#initialized ? producer.identity : undefined,
      get wireTransaction() { return producer.#wireTransaction() },
      get transactionVersion() { return producer.#session.version },
      announced: queue => producer.#isAnnounced(queue),
      started: ordinal => producer.#started(ordinal),
      acknowledged: (batch, baseOffset) => producer.#acknowledged(batch, baseOffset),
      failed: (batch, error) => producer.#failed(batch, error),
      abandons: ordinal => producer.#fatal !== undefined || (producer.#state.kind === 'aborting' && ordinal <= producer.#state.upTo),
      exhausted: () => producer.#die(new MillraceError('FENCED', 'The epochs of the producer id have run out. Make a new producer.')),
    }
  }

  #wireTransaction(): number {
    if (this.#state.kind === 'open') return (this.#state.frozen ?? this.#state.open).ordinal
    return 0
  }

  #started(ordinal: number): void {
    if (this.#state.kind !== 'open') return
    const transaction = this.#state.frozen ?? this.#state.open
    assert(transaction.ordinal === ordinal, 'only batches of the current transaction go on the wire')
    transaction.started = true
  }

  #isAnnounced(queue: PartitionQueue): boolean {
    if (!this.#codecReady) return false
    if (!this.#transactional || this.#session.version === 2 || this.#announced.has(queue)) return true
    this.#announcing.add(queue)
    this.#announcement ??= this.#announce().finally(() => {
      this.#announcement = undefined
      this.#sender.wake()
    })
    return false
  }

  /** Tells the coordinator of new partitions (version 1), all that came up in this turn at once. */
  async #announce(): Promise<void> {
    await new Promise<void>(resolve => this.#cluster.env.clock.defer(resolve))
    if (this.#state.kind !== 'open') return
    const transaction = this.#state.frozen ?? this.#state.open
    const queues = [...this.#announcing]
    this.#announcing.clear()
    transaction.started = true
    try {
      await this.#guard(() => this.#session.addPartitions(queues), transaction)
      for (const queue of queues) this.#announced.add(queue)
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      for (const batch of this.#accumulator.takeUnsent(each => each.transaction <= transaction.ordinal)) this.#accumulator.settle(batch, failure)
    }
  }

  #acknowledged(batch: Batch, baseOffset: number): void {
    this.#options.onAck?.(batch.queue.topic, batch.queue.partition, baseOffset, batch.count)
    // The bytes are given back right after this call.
    if (this.#drainWaiters.length > 0 && this.#accumulator.bytes - batch.bytesCharged < this.#bytesMax / 2) this.#releaseDrained()
  }

  #failed(batch: Batch, error: Error): void {
    if (batch.baseSequence >= 0) this.#sequenceUnknown = true
    if (error instanceof MillraceError && error.code === 'FENCED') this.#die(error)
    if (!this.#transactional) this.#failure ??= error
    else if (this.#state.kind === 'open') {
      const { open, frozen } = this.#state
      const transaction = frozen !== undefined && batch.transaction <= frozen.ordinal ? frozen : open
      transaction.failure ??= error
    }
    if (this.#drainWaiters.length > 0) this.#releaseDrained()
  }

  /** Nothing more can be sent: everything that waits is told. */
  #die(error: Error): void {
    if (this.#fatal !== undefined) return
    this.#fatal = error
    for (const batch of this.#accumulator.takeUnsent(() => true)) this.#accumulator.settle(batch, error)
    this.#releaseDrained()
  }

  #releaseDrained(): void {
    for (const resolve of this.#drainWaiters.splice(0)) resolve()
  }

  #check(): void {
    if (this.#fatal !== undefined) throw this.#fatal
  }
}

/** An unknown outcome may be asked for again; offsets refused for their generation may be sent again under a newer identity. */
function leavesOpen(error: Error): boolean {
  return error instanceof MillraceError && (error.detail['outcome'] === 'unknown' || error.code === 'GROUP_ERROR')
}
