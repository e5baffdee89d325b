/** Rules of the APIs that read and write records and ask about offsets. */
import { produce } from '../../wire/apis/00-produce.ts'
import { fetch } from '../../wire/apis/01-fetch.ts'
import { listOffsets } from '../../wire/apis/02-list-offsets.ts'
import { deleteRecords } from '../../wire/apis/21-delete-records.ts'
import { offsetForLeaderEpoch } from '../../wire/apis/23-offset-for-leader-epoch.ts'
import { describeProducers } from '../../wire/apis/61-describe-producers.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { BATCH_HEADER_BYTES, BatchView } from '../../wire/record-batch.ts'
import type { RequestOf, ResponseInput } from '../../wire/schema.ts'
import { DENIED_MESSAGE, rule, split, TOPIC_DENIED, TRANSACTIONAL_ID_DENIED } from './rule.ts'
import type { Rights } from './rule.ts'

const TOPIC = errorCode(TOPIC_DENIED)
const TOPIC_IDS_SINCE_PRODUCE = 13
const TOPIC_IDS_SINCE_FETCH = 13
const SESSIONLESS = { sessionId: 0, sessionEpoch: -1 }
const UNKNOWN_SESSION = errorCode('FETCH_SESSION_ID_NOT_FOUND')

type FetchRequest = RequestOf<typeof fetch>
type FetchTopic = ResponseInput<typeof fetch>['responses'][number]

export const RECORD_RULES = [
  rule(produce, 'WRITE topic; for transactional records WRITE transactional id', (rights, request, version) => {
    const mayTransact = !hasTransactional(request) || (request.transactionalId !== null && rights.transactionalId('WRITE', request.transactionalId))
    const nameOf = (topic: RequestOf<typeof produce>['topicData'][number]): string | undefined => version >= TOPIC_IDS_SINCE_PRODUCE ? rights.core.topics.byId(topic.topicId)?.name : topic.name
    const { allowed, denied } = split(request.topicData, topic => {
      const name = nameOf(topic)
      return mayTransact && (name === undefined || rights.topic('WRITE', name))
    })
    if (denied.length === 0) return 'pass'
    if (request.acks === 0) return { close: 'it produced with acks=0 to a topic that it may not write' }
    const code = mayTransact ? TOPIC : errorCode(TRANSACTIONAL_ID_DENIED)
    const refused = denied.map(({ name, topicId, partitionData }) => ({ name, topicId, partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: code, baseOffset: -1 })) }))
    return { request: { ...request, topicData: allowed }, finish: response => ({ ...response, responses: [...response.responses, ...refused] }) }
  }),
  rule(fetch, 'READ topic; as a replica CLUSTER_ACTION cluster', fetchVerdict),
  rule(listOffsets, 'DESCRIBE topic', (rights, request) => {
    const { allowed, denied } = split(request.topics, ({ name }) => rights.topic('DESCRIBE', name))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ name, partitions }) => ({ name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: TOPIC, timestamp: -1, offset: -1 })) }))
    return { request: { ...request, topics: allowed }, finish: response => ({ ...response, topics: [...response.topics, ...refused] }) }
  }),
  rule(deleteRecords, 'DELETE topic', (rights, request) => {
    const { allowed, denied } = split(request.topics, ({ name }) => rights.topic('DELETE', name))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ name, partitions }) => ({ name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: -1, errorCode: TOPIC })) }))
    return { request: { ...request, topics: allowed }, finish: response => ({ ...response, topics: [...response.topics, ...refused] }) }
  }),
  rule(offsetForLeaderEpoch, 'DESCRIBE topic', (rights, request) => {
    const { allowed, denied } = split(request.topics, ({ topic }) => rights.topic('DESCRIBE', topic))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ topic, partitions }) => ({ topic, partitions: partitions.map(({ partition }) => ({ errorCode: TOPIC, partition, leaderEpoch: -1, endOffset: -1 })) }))
    return { request: { ...request, topics: allowed }, finish: response => ({ ...response, topics: [...response.topics, ...refused] }) }
  }),
  rule(describeProducers, 'READ topic', (rights, request) => {
    const { allowed, denied } = split(request.topics, ({ name }) => rights.topic('READ', name))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ name, partitionIndexes }) => ({ name, partitions: partitionIndexes.map(partitionIndex => ({ partitionIndex, errorCode: TOPIC, errorMessage: DENIED_MESSAGE, activeProducers: [] })) }))
    return { request: { ...request, topics: allowed }, finish: response => ({ ...response, topics: [...response.topics, ...refused] }) }
  }),
]

function hasTransactional({ topicData }: RequestOf<typeof produce>): boolean {
  return topicData.some(({ partitionData }) => partitionData.some(({ records }) => records !== null && records.length >= BATCH_HEADER_BYTES && new BatchView(records).isTransactional))
}

/**
 * A session (KIP-227) never holds a partition that its caller may not read: a request that names one is answered without a session, so that
 * the client names all of them again each time and is told each time. A right that is taken away later shows in the answer.
 */
function fetchVerdict(rights: Rights, request: FetchRequest, version: number): 'pass' | { answer: ResponseInput<typeof fetch> } | { request: FetchRequest, finish: (response: ResponseInput<typeof fetch>) => ResponseInput<typeof fetch> } {
  const byId = version >= TOPIC_IDS_SINCE_FETCH
  const mayRead = (topic: string | undefined, topicId: string | undefined): boolean => {
    const name = byId ? rights.core.topics.byId(topicId ?? '')?.name : topic
    return name === undefined || (isReplica(request) ? rights.cluster('CLUSTER_ACTION') : rights.topic('READ', name))
  }
  const { allowed, denied } = split(request.topics, ({ topic, topicId }) => mayRead(topic, topicId))
  const finish = (response: ResponseInput<typeof fetch>): ResponseInput<typeof fetch> => {
    const refused = denied.map(({ topic, topicId, partitions }) => unread(topic, topicId, partitions.map(({ partition }) => partition)))
    const seen = response.responses.map(each => mayRead(each.topic, each.topicId) ? each : unread(each.topic ?? '', each.topicId ?? '', each.partitions.map(({ partitionIndex }) => partitionIndex)))
    return { ...response, responses: [...seen, ...refused] }
  }
  if (denied.length === 0) return { request, finish }
  if (request.sessionId !== 0) return { answer: { errorCode: UNKNOWN_SESSION, sessionId: 0, responses: [] } }
  return { request: { ...request, ...SESSIONLESS, topics: allowed }, finish }
}

/** Clients say −1 (CVE-2018-1288). */
function isReplica({ replicaId, replicaState }: FetchRequest): boolean {
  return replicaId >= 0 || (replicaState !== null && replicaState.replicaId >= 0)
}

function unread(topic: string, topicId: string, partitions: readonly number[]): FetchTopic {
  return { topic, topicId, partitions: partitions.map(partitionIndex => ({ partitionIndex, errorCode: TOPIC, highWatermark: -1, abortedTransactions: [], records: Buffer.alloc(0) })) }
}
