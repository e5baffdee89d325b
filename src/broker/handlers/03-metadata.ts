/**
 * Metadata (3), versions 0–13.
 *
 * Behaviour: null topics are all (v0: an empty list), an empty list none. A topic that is missing is created here where both the
 * request and the broker allow it, and is complete in this very answer.
 * Version notes: v4 may forbid creation · v8 authorized operations · v9 flexible · v10 topic ids · v13 top-level error.
 */
import { metadata, OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf, ResponseInput } from '../../wire/schema.ts'
import { ZERO_UUID } from '../../wire/uuid.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { CLUSTER_OPERATIONS, TOPIC_OPERATIONS } from '../operations.ts'
import { onceEach } from '../once-each.ts'
import { NODE_ID } from '../options.ts'
import { isInternalName, nameProblem } from '../topics.ts'
import type { Topic } from '../topics.ts'

type MetadataRequest = RequestOf<typeof metadata>
type TopicResponse = ResponseInput<typeof metadata>['topics'][number]

export const metadataHandler = handler(metadata, [0, 13], async (core, request, call) => {
  const wantsAll = request.topics === null || (call.version === 0 && request.topics.length === 0)
  const topics: TopicResponse[] = []
  if (wantsAll) for (const topic of core.topics.all()) topics.push(described(topic, request))
  else for (const { item } of onceEach(request.topics ?? [], ({ topicId, name }) => `${topicId} ${name ?? ''}`)) topics.push(await answer(core, request, item))
  return {
    brokers: [{ nodeId: NODE_ID, host: call.address.host, port: call.address.port }],
    clusterId: core.clusterId, controllerId: NODE_ID, topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_UNKNOWN,
  }
})

async function answer(core: Core, request: MetadataRequest, wanted: { readonly name: string | null; readonly topicId: string }): Promise<TopicResponse> {
  const { name, topicId } = wanted
  if (name === null || topicId !== ZERO_UUID) {
    const topic = core.topics.byId(topicId)
    return topic === undefined ? failed('UNKNOWN_TOPIC_ID', null, topicId) : described(topic, request)
  }
  const topic = core.topics.get(name)
  if (topic !== undefined) return described(topic, request)
  if (nameProblem(name) !== undefined) return failed('INVALID_TOPIC_EXCEPTION', name, ZERO_UUID)
  if (!request.allowAutoTopicCreation || !core.options.autoCreateTopics || isInternalName(name)) return failed('UNKNOWN_TOPIC_OR_PARTITION', name, ZERO_UUID)
  const [created] = await core.topics.create([{ name, partitions: core.options.partitionsDefault, configs: new Map() }])
  // Somebody else may have created it at the same time.
  const there = created !== undefined && 'topicId' in created ? created : core.topics.get(name)
  if (there !== undefined) return described(there, request)
  return failed(created !== undefined && 'error' in created ? created.error : 'UNKNOWN_TOPIC_OR_PARTITION', name, ZERO_UUID)
}

function described(topic: Topic, request: MetadataRequest): TopicResponse {
  return {
    errorCode: 0, name: topic.name, topicId: topic.topicId, isInternal: topic.isInternal,
    partitions: topic.partitions.map((log, partitionIndex) => ({
      errorCode: 0, partitionIndex, leaderId: NODE_ID, leaderEpoch: log.leaderEpoch, replicaNodes: [NODE_ID], isrNodes: [NODE_ID], offlineReplicas: [],
    })),
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : OPERATIONS_UNKNOWN,
  }
}

function failed(error: KafkaErrorName, name: string | null, topicId: string): TopicResponse {
  return { errorCode: errorCode(error), name, topicId, partitions: [] }
}
