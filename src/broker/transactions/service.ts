/**
 * Joins the transaction coordinator to the logs: its state in `__transaction_state`, markers in the partitions, offsets of
 * transactions in the groups.
 *
 * D1. A marker goes into every partition of the transaction that still exists, and is counted as written where the partition
 *     already has it (a repeat after a crash).
 * D2. After a start no partition is left with a transaction that nobody will end: what the coordinator does not know as open
 *     (its record was lost by a power cut before anything of it was acknowledged) is aborted there.
 */
import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Clock } from '../../env/env.ts'
import type { PartitionLog } from '../../log/partition-log.ts'
import { controlBatch, endTxnMarkerOf } from '../../wire/batch-builder.ts'
import { errorCode, kafkaCodeOf } from '../../wire/error-codes.ts'
import { appendRecords, replay } from '../coordinator-log.ts'
import type { GroupOffsets } from '../groups/offsets.ts'
import { GROUPS_TOPIC, TRANSACTIONS_TOPIC } from '../topics.ts'
import type { Topics } from '../topics.ts'
import { TransactionCoordinator } from './coordinator.ts'
import type { MarkerWrite } from './coordinator.ts'
import type { ProducerIds } from './producer-ids.ts'
import { readTransactionKey, readTransactionValue, transactionKey, transactionValue } from './records.ts'
import type { Transaction } from './transaction.ts'

export interface TransactionServiceOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly topics: Topics
  readonly offsets: GroupOffsets
  readonly producerIds: ProducerIds
}

export class TransactionService {
  readonly coordinator: TransactionCoordinator
  readonly #options: TransactionServiceOptions

  constructor(options: TransactionServiceOptions) {
    this.#options = options
    this.coordinator = new TransactionCoordinator({
      clock: options.clock, logger: options.logger,
      newProducerId: () => options.producerIds.next(),
      store: (transaction, options) => this.#append(transaction.transactionalId, transaction, options),
      forget: transactionalId => this.#append(transactionalId, undefined),
      writeMarkers: write => this.writeMarkers(write),
    })
  }

  /** Reads the state back, closes what hangs (D2), finishes what was decided. */
  async start(): Promise<void> {
    const log = this.#stateLog()
    replay(log, {
      record: (key, value) => {
        const transactionalId = readTransactionKey(key)
        if (transactionalId === undefined) return
        if (value === null) return this.coordinator.restoreTombstone(transactionalId)
        const transaction = readTransactionValue(transactionalId, value)
        this.coordinator.restore(transaction)
        this.#options.producerIds.skipPast(Math.max(transaction.producerId, transaction.nextProducerId))
      },
      control: () => { /* The coordinator's own log holds no transactions. */ },
    })
    this.#takeDecisionsFromMarkers()
    await this.#abortHanging()
    await this.coordinator.start()
  }

  /** The epoch markers carry: it grows with every unclean start. */
  get coordinatorEpoch(): number {
    return this.#stateLog().leaderEpoch
  }

  /** Writes the markers now; resolves when all are durable. */
  async writeMarkers(write: MarkerWrite): Promise<void> {
    const durable: Promise<void>[] = []
    for (const { topic, partition } of write.partitions) {
      const log = this.#options.topics.log(topic, partition)
      if (log === undefined) continue
      const flushed = this.#writeMarker(log, write)
      if (flushed !== undefined) {
        // Where the next marker cannot be written nobody waits for this one any more.
        flushed.catch(() => {})
        durable.push(flushed)
      }
      if (topic === GROUPS_TOPIC) this.#options.offsets.endTransaction(write.producerId, write.committed)
    }
    await Promise.all(durable)
  }

  /** WriteTxnMarkers: one marker, the error code instead of an exception. */
  async writeMarkerOf(write: MarkerWrite): Promise<number> {
    try {
      await this.writeMarkers(write)
      return 0
    } catch (error) {
      return kafkaCodeOf(error) ?? errorCode('KAFKA_STORAGE_ERROR')
    }
  }

  #writeMarker(log: PartitionLog, write: MarkerWrite): Promise<void> | undefined {
    const marker = controlBatch({
      producerId: write.producerId, producerEpoch: write.producerEpoch, type: write.committed ? 'commit' : 'abort',
      coordinatorEpoch: this.coordinatorEpoch, timestamp: this.#options.clock.now(), baseOffset: 0,
    })
    try {
      const { lastOffset } = log.append(marker, { origin: 'coordinator', transactionVersion: write.transactionVersion })
      return log.flushed(lastOffset + 1)
    } catch (error) {
      // An epoch that the partition has already: this marker was written before a restart.
      if (kafkaCodeOf(error) !== errorCode('INVALID_PRODUCER_EPOCH')) throw error
      this.#options.logger.info('a transaction marker was there already', { producerId: write.producerId, error: messageOf(error) })
      return undefined
    }
  }

  /** An end of version 2 whose markers outlived its record: what any of them says was decided (T2 of the coordinator). */
  #takeDecisionsFromMarkers(): void {
    for (const transaction of this.coordinator.list()) {
      if (transaction.state !== 'ongoing') continue
      for (const { topic, partition } of transaction.partitions()) {
        const log = this.#options.topics.log(topic, partition)
        const here = log?.producers().find(producer => producer.producerId === transaction.producerId)
        if (log === undefined || here === undefined || here.producerEpoch !== transaction.producerEpoch + 1) continue
        const committed = lastMarker(log, transaction.producerId, here.producerEpoch)
        if (committed === undefined) continue
        this.#options.logger.info('a transaction was decided and its decision lost; taking it from a marker', { transactionalId: transaction.transactionalId, topic, partition, committed })
        this.coordinator.restoreDecision(transaction, committed)
        break
      }
    }
  }

  async #abortHanging(): Promise<void> {
    const durable: Promise<void>[] = []
    for (const topic of this.#options.topics.all()) {
      for (const [partition, log] of topic.partitions.entries()) {
        for (const producer of log.producers()) {
          if (producer.currentTransactionStartOffset < 0) continue
          const owner = this.coordinator.ofProducer(producer.producerId)
          if (owner !== undefined && (owner.state === 'ongoing' || owner.isPreparing) && owner.has(topic.name, partition)) continue
          this.#options.logger.warn('aborting a transaction that no coordinator knows', { topic: topic.name, partition, producerId: producer.producerId })
          durable.push(this.writeMarkers({
            producerId: producer.producerId, producerEpoch: producer.producerEpoch, committed: false, transactionVersion: 1, partitions: [{ topic: topic.name, partition }],
          }))
        }
      }
    }
    await Promise.all(durable)
  }

  #append(transactionalId: string, transaction: Transaction | undefined, options: { readonly lazy?: boolean } = {}): Promise<void> {
    const record = { key: transactionKey(transactionalId), value: transaction === undefined ? null : transactionValue(transaction) }
    return appendRecords(this.#stateLog(), [record], this.#options.clock.now(), options).durable
  }

  #stateLog(): PartitionLog {
    const log = this.#options.topics.log(TRANSACTIONS_TOPIC, 0)
    if (log === undefined) throw new TypeError(`${TRANSACTIONS_TOPIC} is made at start and never deleted`)
    return log
  }
}

/** Whether the last marker of this producer and epoch says committed; `undefined` where there is none. */
function lastMarker(log: PartitionLog, producerId: number, producerEpoch: number): boolean | undefined {
  let committed: boolean | undefined
  replay(log, {
    record: () => { /* Only markers are looked for. */ },
    control: view => {
      if (view.producerId === producerId && view.producerEpoch === producerEpoch) committed = endTxnMarkerOf(view)?.type === 'commit'
    },
  })
  return committed
}
