/** Rules of the APIs of transactions: who writes in one holds WRITE on its transactional id (CVE-2018-17196). */
import { initProducerId } from '../../wire/apis/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../../wire/apis/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../../wire/apis/25-add-offsets-to-txn.ts'
import { endTxn } from '../../wire/apis/26-end-txn.ts'
import { writeTxnMarkers } from '../../wire/apis/27-write-txn-markers.ts'
import { txnOffsetCommit } from '../../wire/apis/28-txn-offset-commit.ts'
import { describeTransactions } from '../../wire/apis/65-describe-transactions.ts'
import { listTransactions } from '../../wire/apis/66-list-transactions.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { CLUSTER_DENIED, GROUP_DENIED, rule, split, TOPIC_DENIED, TRANSACTIONAL_ID_DENIED } from './rule.ts'
import type { Rights } from './rule.ts'

const TOPIC = errorCode(TOPIC_DENIED)
const GROUP = errorCode(GROUP_DENIED)
const CLUSTER = errorCode(CLUSTER_DENIED)
const TRANSACTIONAL_ID = errorCode(TRANSACTIONAL_ID_DENIED)
const NOT_ATTEMPTED = errorCode('OPERATION_NOT_ATTEMPTED')
const MANY_TRANSACTIONS_SINCE = 4

interface AddedTopic { readonly name: string, readonly partitions: readonly number[] }

export const TRANSACTION_RULES = [
  rule(initProducerId, 'WRITE transactional id; without one WRITE any topic or IDEMPOTENT_WRITE cluster', (rights, { transactionalId }) => {
    const refused = (code: number): { readonly answer: { errorCode: number, producerId: number, producerEpoch: number } } => ({ answer: { errorCode: code, producerId: -1, producerEpoch: -1 } })
    if (transactionalId !== null) return rights.transactionalId('WRITE', transactionalId) ? 'pass' : refused(TRANSACTIONAL_ID)
    return rights.cluster('IDEMPOTENT_WRITE') || rights.anyTopic('WRITE') ? 'pass' : refused(CLUSTER)
  }),
  rule(addPartitionsToTxn, 'WRITE transactional id, WRITE topic', (rights, request, version) => {
    if (version < MANY_TRANSACTIONS_SINCE) {
      const { v3AndBelowTransactionalId: transactionalId, v3AndBelowTopics: topics } = request
      const results = refusedPartitions(rights, transactionalId, topics)
      return results === undefined ? 'pass' : { answer: { errorCode: 0, resultsByTopicV3AndBelow: results } }
    }
    // Clients send it too, though Kafka keeps the form with many transactions to brokers.
    const results = new Map(request.transactions.map(({ transactionalId, topics }) => [transactionalId, refusedPartitions(rights, transactionalId, topics)]))
    return {
      request: { ...request, transactions: request.transactions.filter(({ transactionalId }) => results.get(transactionalId) === undefined) },
      finish: response => ({
        ...response,
        resultsByTransaction: [...response.resultsByTransaction ?? [], ...[...results].flatMap(([transactionalId, topicResults]) => topicResults === undefined ? [] : [{ transactionalId, topicResults }])],
      }),
    }
  }),
  rule(addOffsetsToTxn, 'WRITE transactional id, READ group', (rights, { transactionalId, groupId }) =>
    !rights.transactionalId('WRITE', transactionalId) ? { answer: { errorCode: TRANSACTIONAL_ID } } : rights.group('READ', groupId) ? 'pass' : { answer: { errorCode: GROUP } }),
  rule(endTxn, 'WRITE transactional id', (rights, { transactionalId }) => rights.transactionalId('WRITE', transactionalId) ? 'pass' : { answer: { errorCode: TRANSACTIONAL_ID } }),
  rule(writeTxnMarkers, 'CLUSTER_ACTION or ALTER cluster', (rights, { markers }) => rights.cluster('CLUSTER_ACTION') || rights.cluster('ALTER') ? 'pass' : {
    answer: { markers: markers.map(({ producerId, topics }) => ({ producerId, topics: topics.map(({ name, partitionIndexes }) => ({ name, partitions: partitionIndexes.map(partitionIndex => ({ partitionIndex, errorCode: CLUSTER })) })) })) },
  }),
  rule(txnOffsetCommit, 'WRITE transactional id, READ group, READ topic', (rights, request) => {
    const code = !rights.transactionalId('WRITE', request.transactionalId) ? TRANSACTIONAL_ID : rights.group('READ', request.groupId) ? 0 : GROUP
    const { allowed, denied } = split(request.topics, ({ name }) => code === 0 && rights.topic('READ', name))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ name, partitions }) => ({ name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code === 0 ? TOPIC : code })) }))
    return code === 0 ? { request: { ...request, topics: allowed }, finish: response => ({ ...response, topics: [...response.topics, ...refused] }) } : { answer: { topics: refused } }
  }),
  rule(describeTransactions, 'DESCRIBE transactional id; its topics with DESCRIBE topic', (rights, request) => {
    const { allowed, denied } = split(request.transactionalIds, transactionalId => rights.transactionalId('DESCRIBE', transactionalId))
    const refused = denied.map(transactionalId => ({ errorCode: TRANSACTIONAL_ID, transactionalId, transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: -1, producerId: -1, producerEpoch: -1, topics: [] }))
    return {
      request: { ...request, transactionalIds: allowed },
      finish: response => ({ ...response, transactionStates: [...response.transactionStates.map(state => ({ ...state, topics: state.topics.filter(({ topic }) => rights.topic('DESCRIBE', topic)) })), ...refused] }),
    }
  }),
  rule(listTransactions, 'those with DESCRIBE transactional id', rights => ({
    finish: response => ({ ...response, transactionStates: response.transactionStates.filter(({ transactionalId }) => rights.transactionalId('DESCRIBE', transactionalId)) }),
  })),
]

/** All or nothing: where one is refused, the others are not tried. `undefined`: none is refused. */
function refusedPartitions(rights: Rights, transactionalId: string, topics: readonly AddedTopic[]): { name: string, resultsByPartition: { partitionIndex: number, partitionErrorCode: number }[] }[] | undefined {
  const ofId = rights.transactionalId('WRITE', transactionalId)
  if (ofId && topics.every(({ name }) => rights.topic('WRITE', name))) return undefined
  return topics.map(({ name, partitions }) => {
    const partitionErrorCode = !ofId ? TRANSACTIONAL_ID : rights.topic('WRITE', name) ? NOT_ATTEMPTED : TOPIC
    return { name, resultsByPartition: partitions.map(partitionIndex => ({ partitionIndex, partitionErrorCode })) }
  })
}
