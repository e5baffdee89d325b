/**
 * Administration of transactions: what is open, who holds it, and how to end one that nobody will. The part of
 * `Admin` (admin.ts) about transactions.
 */
import { MillraceError } from '../base/errors.ts'
import { writeTxnMarkers } from '../wire/apis/27-write-txn-markers.ts'
import { describeProducers } from '../wire/apis/61-describe-producers.ts'
import { describeTransactions } from '../wire/apis/65-describe-transactions.ts'
import { listTransactions } from '../wire/apis/66-list-transactions.ts'
import { kafkaError } from '../wire/error-codes.ts'
import { AdminGroups } from './admin-groups.ts'
import { askLeaders } from './leader-requests.ts'
import { groupByTopic } from './topic-groups.ts'
import type { TopicPartition } from './types.ts'

export interface ActiveProducer {
  readonly producerId: number
  readonly epoch: number
  readonly lastSequence: number
  /** Epoch milliseconds. */
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  /** -1 where no transaction is open. */
  readonly transactionStartOffset: number
}

export interface PartitionProducers extends TopicPartition {
  readonly errorCode: number
  readonly producers: readonly ActiveProducer[]
}

export interface TransactionListing {
  readonly transactionalId: string
  readonly producerId: number
  /** `Ongoing`, `PrepareCommit`, `CompleteCommit`, `Empty` … */
  readonly state: string
}

export interface TransactionDescription extends TransactionListing {
  readonly epoch: number
  readonly timeoutMs: number
  /** Epoch milliseconds; -1 where none is open. */
  readonly startedAt: number
  readonly partitions: readonly TopicPartition[]
}

export class AdminTransactions extends AdminGroups {
  /** Of all coordinators, sorted. */
  async listTransactions(filter: { readonly states?: readonly string[] | undefined, readonly producerIds?: readonly number[] | undefined } = {}): Promise<TransactionListing[]> {
    const body = { stateFilters: filter.states ?? [], producerIdFilters: filter.producerIds ?? [] }
    const answers = await Promise.all(this.cluster.nodes.map(node => this.cluster.request({ node: node.id }, listTransactions, body, { retry: true })))
    return answers.flatMap(answer => {
      if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, 'list the transactions')
      return answer.transactionStates.map(({ transactionalId, producerId, transactionState }) => ({ transactionalId, producerId, state: transactionState }))
    }).sort((a, b) => a.transactionalId < b.transactionalId ? -1 : 1)
  }

  /** In the order of `transactionalIds`. */
  describeTransactions(transactionalIds: readonly string[]): Promise<TransactionDescription[]> {
    return Promise.all(transactionalIds.map(transactionalId => this.#describe(transactionalId)))
  }

  async #describe(transactionalId: string): Promise<TransactionDescription> {
    const answer = await this.cluster.request({ transactionalId }, describeTransactions, { transactionalIds: [transactionalId] }, { errorOf: response => response.transactionStates[0]?.errorCode ?? 0 })
    const found = answer.transactionStates[0]
    if (found === undefined || found.errorCode !== 0) throw kafkaError(found?.errorCode ?? -1, `describe transactional id ${transactionalId}`)
    return {
      transactionalId, producerId: found.producerId, epoch: found.producerEpoch, state: found.transactionState, timeoutMs: found.transactionTimeoutMs,
      startedAt: found.transactionStartTimeMs, partitions: found.topics.flatMap(({ topic, partitions }) => partitions.map(partition => ({ topic, partition }))),
    }
  }

  /** Who has written to the partitions lately, and who holds a transaction open there. */
  async describeProducers(partitions: readonly TopicPartition[]): Promise<PartitionProducers[]> {
    return askLeaders(this.cluster, partitions, 'describe producers', async (node, entries) => {
      const topics = groupByTopic(entries, each => each.partition).map(({ topic, items }) => ({ name: topic, partitionIndexes: items }))
      const answer = await this.cluster.request({ node }, describeProducers, { topics })
      return answer.topics.flatMap(({ name, partitions: list }) => list.map(each => ({
        topic: name, partition: each.partitionIndex, errorCode: each.errorCode,
        producers: each.activeProducers.map(producer => ({
          producerId: producer.producerId, epoch: producer.producerEpoch, lastSequence: producer.lastSequence, lastTimestamp: producer.lastTimestamp,
          coordinatorEpoch: producer.coordinatorEpoch, transactionStartOffset: producer.currentTxnStartOffset,
        })),
      })))
    })
  }

  /**
   * Writes an abort marker for the open transaction that starts at the partition's `transactionStartOffset`: for one that
   * hangs, because its coordinator knows nothing of it. Rejects with `USAGE` where no transaction starts there.
   */
  async abortTransaction(at: TopicPartition, transactionStartOffset: number): Promise<void> {
    const [found] = await this.describeProducers([at])
    const producer = found?.producers.find(each => each.transactionStartOffset === transactionStartOffset)
    if (producer === undefined) throw new MillraceError('USAGE', `No open transaction of ${at.topic}-${at.partition} starts at offset ${transactionStartOffset}.`)
    await askLeaders(this.cluster, [at], 'abort a transaction', async node => {
      const answer = await this.cluster.request({ node }, writeTxnMarkers, {
        markers: [{
          producerId: producer.producerId, producerEpoch: producer.epoch, transactionResult: false,
          topics: [{ name: at.topic, partitionIndexes: [at.partition] }],
          // A marker of coordinator epoch 0 is let through for a transaction begun under none.
          coordinatorEpoch: Math.max(0, producer.coordinatorEpoch),
        }],
      })
      const topics = answer.markers.flatMap(marker => marker.topics)
      return topics.flatMap(({ name, partitions }) => partitions.map(each => ({ topic: name, partition: each.partitionIndex, errorCode: each.errorCode })))
    })
  }
}
