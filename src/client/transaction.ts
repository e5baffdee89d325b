/**
 * The protocol of idempotence and transactions: producer id, partitions, offsets, end. Knows nothing of batches.
 *
 * X1. `version` 2 (KIP-890) is used where the cluster has finalized `transaction.version` 2 and its coordinator serves
 *     EndTxn v5: partitions and groups join a transaction by being written to, and each EndTxn answers the id and epoch for
 *     the next transaction. Else version 1: partitions and groups are announced first.
 * X2. EndTxn is repeated at the same epoch until it is answered: the coordinator knows a repetition and answers it alike.
 *     When the deadline passes without an answer the outcome is unknown, and the error says so (`detail.outcome`).
 * X3. Whatever says that somebody newer owns the transactional id becomes `FENCED`.
 */
import { MillraceError } from '../base/errors.ts'
import { initProducerId } from '../wire/apis/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../wire/apis/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../wire/apis/25-add-offsets-to-txn.ts'
import { endTxn } from '../wire/apis/26-end-txn.ts'
import { txnOffsetCommit } from '../wire/apis/28-txn-offset-commit.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import type { Cluster } from './cluster.ts'
import { groupByTopic } from './topic-groups.ts'
import type { GroupIdentity, OffsetEntry, TopicPartition } from './types.ts'

export interface ProducerIdentity {
  readonly producerId: number
  readonly epoch: number
}

export interface TransactionSessionOptions {
  readonly transactionalId: string | undefined
  readonly transactionTimeoutMs: number
}

const FENCING = new Set([errorCode('PRODUCER_FENCED'), errorCode('INVALID_PRODUCER_EPOCH'), errorCode('INVALID_PRODUCER_ID_MAPPING')])
const GENERATION_OVER = new Set([errorCode('ILLEGAL_GENERATION'), errorCode('UNKNOWN_MEMBER_ID'), errorCode('FENCED_INSTANCE_ID')])
const UNKNOWN_TOPIC = errorCode('UNKNOWN_TOPIC_OR_PARTITION')
const NOT_ATTEMPTED = errorCode('OPERATION_NOT_ATTEMPTED')
const CONCURRENT = errorCode('CONCURRENT_TRANSACTIONS')
const INVALID_STATE = errorCode('INVALID_TXN_STATE')
const EPOCH_NONE = -1
/** AddPartitionsToTxn from 4 on is for brokers among themselves. */
const ADD_PARTITIONS_VERSION_MAX = 3
const V1_END_VERSION_MAX = 4
const V1_OFFSET_COMMIT_VERSION_MAX = 4

export class TransactionSession {
  producerId = -1
  epoch = -1
  version: 1 | 2 = 1
  readonly #cluster: Cluster
  readonly #options: TransactionSessionOptions

  constructor(cluster: Cluster, options: TransactionSessionOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** A new id, or with a transactional id the next epoch of the known one: what others left open under it is aborted first. */
  async init(): Promise<void> {
    const { transactionalId } = this.#options
    const target = transactionalId === undefined ? 'any' : { transactionalId }
    const answer = await this.#cluster.request(target, initProducerId, {
      transactionalId: transactionalId ?? null,
      transactionTimeoutMs: this.#options.transactionTimeoutMs,
      producerId: -1,
      producerEpoch: EPOCH_NONE,
    })
    this.#check(answer.errorCode, 'InitProducerId')
    this.producerId = answer.producerId
    this.epoch = answer.producerEpoch
    this.version = transactionalId !== undefined && this.#cluster.features.transactionVersion >= 2 ? 2 : 1
  }

  /** The next epoch of the same id, where the broker allows it: after a failure left sequence numbers unknown (KIP-360). */
  async bumpEpoch(): Promise<void> {
    const transactionalId = this.#transactionalId()
    const answer = await this.#cluster.request({ transactionalId }, initProducerId, {
      transactionalId,
      transactionTimeoutMs: this.#options.transactionTimeoutMs,
      producerId: this.producerId,
      producerEpoch: this.epoch,
    })
    this.#check(answer.errorCode, 'InitProducerId')
    this.producerId = answer.producerId
    this.epoch = answer.producerEpoch
  }

  /** Version 1 only: the partitions belong to the transaction when this resolves. */
  async addPartitions(partitions: readonly TopicPartition[]): Promise<void> {
    const transactionalId = this.#transactionalId()
    const topics = groupByTopic(partitions, each => each.partition).map(({ topic, items }) => ({ name: topic, partitions: items }))
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#cluster.request({ transactionalId }, addPartitionsToTxn, {
        v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: this.producerId, v3AndBelowProducerEpoch: this.epoch, v3AndBelowTopics: topics,
      }, { versionMax: ADD_PARTITIONS_VERSION_MAX, errorOf: response => worst(partitionCodes(response)) })
      const code = worst(partitionCodes(answer))
      if (code === 0) return
      if (code !== UNKNOWN_TOPIC || attempt > 20) return this.#check(code, 'AddPartitionsToTxn')
      await this.#cluster.pause(attempt)
    }
  }

  /** The group's offsets become part of the transaction. */
  async commitOffsets(group: GroupIdentity, offsets: readonly OffsetEntry[]): Promise<void> {
    const transactionalId = this.#transactionalId()
    if (this.version === 1) {
      const added = await this.#cluster.request({ transactionalId }, addOffsetsToTxn, {
        transactionalId, producerId: this.producerId, producerEpoch: this.epoch, groupId: group.groupId,
      })
      this.#check(added.errorCode, `AddOffsetsToTxn for group ${group.groupId}`)
    }
    const topics = groupByTopic(offsets, each => ({
      partitionIndex: each.partition, committedOffset: each.offset, committedLeaderEpoch: each.leaderEpoch ?? -1, committedMetadata: each.metadata ?? '',
    })).map(({ topic, items }) => ({ name: topic, partitions: items }))
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#cluster.request({ group: group.groupId }, txnOffsetCommit, {
        transactionalId, groupId: group.groupId, producerId: this.producerId, producerEpoch: this.epoch,
        generationId: group.generation, memberId: group.memberId, groupInstanceId: group.groupInstanceId ?? null, topics,
      }, {
        ...(this.version === 1 ? { versionMax: V1_OFFSET_COMMIT_VERSION_MAX } : {}),
        errorOf: response => worst(response.topics.flatMap(topic => topic.partitions.map(each => each.errorCode))),
      })
      const code = worst(answer.topics.flatMap(topic => topic.partitions.map(each => each.errorCode)))
      if (code === 0) return
      if (GENERATION_OVER.has(code)) {
        const { message, detail } = kafkaError(code, `TxnOffsetCommit of group ${group.groupId} in generation ${group.generation}`)
        throw new MillraceError('GROUP_ERROR', message, { detail })
      }
      if (code !== UNKNOWN_TOPIC || attempt > 20) return this.#check(code, `TxnOffsetCommit of group ${group.groupId}`)
      await this.#cluster.pause(attempt)
    }
  }

  /** See X2. `mayBeAbsent`: it is fine if the coordinator knows of no open transaction (its first request failed). */
  async end(how: 'commit' | 'abort', options: { readonly mayBeAbsent?: boolean } = {}): Promise<void> {
    const transactionalId = this.#transactionalId()
    let answer
    try {
      answer = await this.#cluster.request({ transactionalId }, endTxn, {
        transactionalId, producerId: this.producerId, producerEpoch: this.epoch, committed: how === 'commit',
      }, this.version === 1 ? { versionMax: V1_END_VERSION_MAX } : {})
    } catch (error) {
      if (!(error instanceof MillraceError && error.retriable)) throw error
      throw new MillraceError(error.code, `EndTxn of ${transactionalId}: the outcome is unknown; ${error.message}`, { retriable: true, cause: error, detail: { ...error.detail, outcome: 'unknown' } })
    }
    if (answer.errorCode === CONCURRENT) throw new MillraceError('TIMEOUT', `EndTxn of ${transactionalId}: the transaction is still being ended`, { retriable: true, detail: { outcome: 'unknown' } })
    if (answer.errorCode === INVALID_STATE && how === 'abort' && options.mayBeAbsent === true) return
    this.#check(answer.errorCode, `EndTxn of ${transactionalId}`)
    if (this.version === 2 && answer.producerId >= 0) {
      this.producerId = answer.producerId
      this.epoch = answer.producerEpoch
    }
  }

  #transactionalId(): string {
    const { transactionalId } = this.#options
    if (transactionalId === undefined) throw new MillraceError('USAGE', 'This producer has no transactionalId: it cannot run transactions.')
    return transactionalId
  }

  #check(code: number, what: string): void {
    if (code === 0) return
    throw transactionError(code, this.#options.transactionalId === undefined ? what : `${what} (transactional id ${this.#options.transactionalId})`)
  }
}

/** The error of a code answered in a transaction; see X3. */
export function transactionError(code: number, what: string): MillraceError {
  const error = kafkaError(code, what)
  if (!FENCING.has(code)) return error
  return new MillraceError('FENCED', `${error.message}. A newer producer uses the same transactional id, or the transaction timed out.`, { detail: error.detail })
}

interface AddPartitionsResults {
  readonly resultsByTopicV3AndBelow: readonly { readonly resultsByPartition: readonly { readonly partitionErrorCode: number }[] }[]
}

function partitionCodes(answer: AddPartitionsResults): number[] {
  return answer.resultsByTopicV3AndBelow.flatMap(topic => topic.resultsByPartition.map(each => each.partitionErrorCode))
}

/** The code that decides: one that is more than "the others failed, so this was not tried". */
function worst(codes: readonly number[]): number {
  return codes.find(code => code !== 0 && code !== NOT_ATTEMPTED) ?? codes.find(code => code !== 0) ?? 0
}
