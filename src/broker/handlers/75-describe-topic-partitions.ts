/** DescribeTopicPartitions (75), version 0: what Java's describeTopics asks first; pages by topic and partition. */
import { OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { describeTopicPartitions } from '../../wire/apis/75-describe-topic-partitions.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { ResponseInput } from '../../wire/schema.ts'
import { ZERO_UUID } from '../../wire/uuid.ts'
import { handler } from '../handler.ts'
import { TOPIC_OPERATIONS } from '../operations.ts'
import { NODE_ID } from '../options.ts'
import { nameProblem } from '../topics.ts'

type Response = ResponseInput<typeof describeTopicPartitions>
type TopicResponse = Response['topics'][number]

const PARTITIONS_MAX = 2000

export const describeTopicPartitionsHandler = handler(describeTopicPartitions, [0, 0], (core, request): Response => {
  const names = [...new Set(request.topics.length === 0 ? core.topics.all().map(topic => topic.name) : request.topics.map(topic => topic.name))].sort()
  const { cursor } = request
  // A page that cannot begin there: Kafka answers with the first topic alone, refused.
  const first = names.find(name => cursor === null || name >= cursor.topicName)
  const isAstray = cursor !== null && (cursor.partitionIndex < 0 || core.topics.get(cursor.topicName) === undefined)
  if (isAstray && first !== undefined) return { topics: [{ errorCode: errorCode('INVALID_REQUEST'), name: first, topicId: ZERO_UUID, partitions: [], topicAuthorizedOperations: OPERATIONS_UNKNOWN }], nextCursor: null }
  let left = Math.min(PARTITIONS_MAX, Math.max(1, request.responsePartitionLimit))
  const topics: TopicResponse[] = []
  for (const name of names) {
    if (cursor !== null && name < cursor.topicName) continue
    const topic = core.topics.get(name)
    if (topic === undefined) {
      const error = nameProblem(name) === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION'
      topics.push({ errorCode: errorCode(error), name, topicId: ZERO_UUID, partitions: [], topicAuthorizedOperations: TOPIC_OPERATIONS })
      continue
    }
    const from = cursor !== null && name === cursor.topicName ? cursor.partitionIndex : 0
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: from } }
    const to = Math.min(topic.partitions.length, from + left)
    const partitions = topic.partitions.slice(from, to).map((log, index) => ({
      errorCode: 0, partitionIndex: from + index, leaderId: NODE_ID, leaderEpoch: log.leaderEpoch, replicaNodes: [NODE_ID], isrNodes: [NODE_ID],
      eligibleLeaderReplicas: [], lastKnownElr: [], offlineReplicas: [],
    }))
    topics.push({ errorCode: 0, name, topicId: topic.topicId, isInternal: topic.isInternal, partitions, topicAuthorizedOperations: TOPIC_OPERATIONS })
    left -= partitions.length
    if (to < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: to } }
  }
  return { topics, nextCursor: null }
})
