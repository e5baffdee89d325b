/** Rules of the APIs that describe, make, change and delete topics and configurations. */
import { metadata, OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { createTopics } from '../../wire/apis/19-create-topics.ts'
import { deleteTopics } from '../../wire/apis/20-delete-topics.ts'
import { describeConfigs } from '../../wire/apis/32-describe-configs.ts'
import { alterConfigs } from '../../wire/apis/33-alter-configs.ts'
import { createPartitions } from '../../wire/apis/37-create-partitions.ts'
import { incrementalAlterConfigs } from '../../wire/apis/44-incremental-alter-configs.ts'
import { describeTopicPartitions } from '../../wire/apis/75-describe-topic-partitions.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { RequestOf, ResponseInput } from '../../wire/schema.ts'
import { ZERO_UUID } from '../../wire/uuid.ts'
import { RESOURCE_GROUP, RESOURCE_TOPIC } from '../describe-configs.ts'
import type { Operation } from './acl.ts'
import { CLUSTER_NAME } from './acl.ts'
import { CLUSTER_DENIED, DENIED_MESSAGE, GROUP_DENIED, rule, split, TOPIC_DENIED } from './rule.ts'
import type { Rights } from './rule.ts'

const TOPIC = errorCode(TOPIC_DENIED)

type MetadataTopic = ResponseInput<typeof metadata>['topics'][number]
interface ConfigResource { readonly resourceType: number, readonly resourceName: string }

export const TOPIC_RULES = [
  rule(metadata, 'DESCRIBE topic; to create it CREATE topic or CREATE cluster', (rights, request, version) => {
    const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0)
    const visible = (topic: MetadataTopic): boolean => typeof topic.name !== 'string' || rights.topic('DESCRIBE', topic.name)
    const { allowed, denied } = split(wantsAll ? [] : request.topics ?? [], topic => metadataAllowed(rights, request, topic))
    return {
      request: wantsAll ? request : { ...request, topics: allowed },
      finish: response => {
        // An empty list means all topics in v0.
        const seen = wantsAll ? response.topics.filter(visible) : allowed.length === 0 ? [] : response.topics
        const refused = denied.map(({ name, topicId }) => ({ errorCode: TOPIC, name: topicId === ZERO_UUID ? name : null, topicId, partitions: [] }))
        return { ...response, topics: [...seen.map(topic => withOperations(rights, topic)), ...refused], clusterAuthorizedOperations: clusterOperations(rights, response.clusterAuthorizedOperations) }
      },
    }
  }),
  rule(createTopics, 'CREATE cluster or CREATE topic; to see its configuration DESCRIBE_CONFIGS topic', (rights, request) => {
    const ofAll = rights.cluster('CREATE')
    const { allowed, denied } = split(request.topics, ({ name }) => ofAll || rights.topic('CREATE', name))
    const refused = denied.map(({ name }) => ({ name, errorCode: TOPIC, errorMessage: DENIED_MESSAGE, topicId: ZERO_UUID }))
    return {
      request: { ...request, topics: allowed },
      finish: response => ({ ...response, topics: [...response.topics.map(topic => topic.errorCode !== 0 || rights.topic('DESCRIBE_CONFIGS', topic.name) ? topic
        : { ...topic, topicConfigErrorCode: TOPIC, numPartitions: -1, replicationFactor: -1, configs: null }), ...refused] }),
    }
  }),
  rule(deleteTopics, 'DELETE topic; to be told its name DESCRIBE topic', (rights, request) => {
    const nameOf = ({ name, topicId }: { readonly name: string | null, readonly topicId: string }): string | undefined => name ?? rights.core.topics.byId(topicId)?.name
    const names = split(request.topicNames, name => rights.topic('DELETE', name))
    const topics = split(request.topics, topic => {
      const name = nameOf(topic)
      return name === undefined || rights.topic('DELETE', name)
    })
    if (names.denied.length + topics.denied.length === 0) return 'pass'
    const shown = (topic: { readonly name: string | null, readonly topicId: string }): string | null => {
      const name = nameOf(topic)
      return topic.name ?? (name !== undefined && rights.topic('DESCRIBE', name) ? name : null)
    }
    const refused = [...names.denied.map(name => ({ name, topicId: ZERO_UUID })), ...topics.denied.map(topic => ({ name: shown(topic), topicId: topic.topicId }))]
    return {
      request: { ...request, topicNames: names.allowed, topics: topics.allowed },
      finish: response => ({ ...response, responses: [...response.responses, ...refused.map(each => ({ ...each, errorCode: TOPIC, errorMessage: DENIED_MESSAGE }))] }),
    }
  }),
  rule(createPartitions, 'ALTER topic', (rights, request) => {
    const { allowed, denied } = split(request.topics, ({ name }) => rights.topic('ALTER', name))
    if (denied.length === 0) return 'pass'
    return { request: { ...request, topics: allowed }, finish: response => ({ ...response, results: [...response.results, ...denied.map(({ name }) => ({ name, errorCode: TOPIC, errorMessage: DENIED_MESSAGE }))] }) }
  }),
  rule(describeTopicPartitions, 'DESCRIBE topic', (rights, request) => {
    const wantsAll = request.topics.length === 0
    const { allowed, denied } = split(request.topics, ({ name }) => rights.topic('DESCRIBE', name))
    const finish = (response: ResponseInput<typeof describeTopicPartitions>): ResponseInput<typeof describeTopicPartitions> => {
      const seen = wantsAll ? response.topics.filter(({ name }) => name === null || rights.topic('DESCRIBE', name)) : response.topics
      const refused = denied.map(({ name }) => ({ errorCode: TOPIC, name, topicId: ZERO_UUID, isInternal: false, partitions: [], topicAuthorizedOperations: OPERATIONS_UNKNOWN }))
      return { ...response, topics: [...seen.map(topic => withOperations(rights, topic)), ...refused] }
    }
    // With nothing left an empty list would mean all.
    return denied.length > 0 && allowed.length === 0 ? { answer: finish({ topics: [], nextCursor: null }) } : { request: { ...request, topics: allowed }, finish }
  }),
  rule(describeConfigs, 'DESCRIBE_CONFIGS topic, group or (for a broker) cluster', (rights, request) => {
    const { allowed, denied } = split(request.resources, resource => mayConfigure(rights, 'DESCRIBE_CONFIGS', resource))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ resourceType, resourceName }) => ({ errorCode: configError(resourceType), errorMessage: null, resourceType, resourceName, configs: [] }))
    return { request: { ...request, resources: allowed }, finish: response => ({ ...response, results: [...response.results, ...refused] }) }
  }),
  rule(alterConfigs, 'ALTER_CONFIGS topic, group or (for a broker) cluster', (rights, request) => {
    const { allowed, denied } = split(request.resources, resource => mayConfigure(rights, 'ALTER_CONFIGS', resource))
    if (denied.length === 0) return 'pass'
    return { request: { ...request, resources: allowed }, finish: response => ({ ...response, responses: [...response.responses, ...denied.map(refusedConfig)] }) }
  }),
  rule(incrementalAlterConfigs, 'ALTER_CONFIGS topic, group or (for a broker) cluster', (rights, request) => {
    const { allowed, denied } = split(request.resources, resource => mayConfigure(rights, 'ALTER_CONFIGS', resource))
    if (denied.length === 0) return 'pass'
    return { request: { ...request, resources: allowed }, finish: response => ({ ...response, responses: [...response.responses, ...denied.map(refusedConfig)] }) }
  }),
]

function metadataAllowed(rights: Rights, request: RequestOf<typeof metadata>, { name, topicId }: { readonly name: string | null, readonly topicId: string }): boolean {
  const { topics, options } = rights.core
  if (name === null || topicId !== ZERO_UUID) {
    const known = topics.byId(topicId)
    return known === undefined || rights.topic('DESCRIBE', known.name)
  }
  if (!rights.topic('DESCRIBE', name)) return false
  const wouldCreate = request.allowAutoTopicCreation && options.autoCreateTopics && topics.get(name) === undefined
  return !wouldCreate || rights.cluster('CREATE') || rights.topic('CREATE', name)
}

/** Where operations were asked for, those that the caller has. */
function withOperations<T extends { readonly name?: string | null | undefined, readonly topicAuthorizedOperations?: number | undefined }>(rights: Rights, topic: T): T {
  const { name, topicAuthorizedOperations: possible } = topic
  if (possible === undefined || possible === OPERATIONS_UNKNOWN || typeof name !== 'string') return topic
  return { ...topic, topicAuthorizedOperations: rights.operations(possible, 'TOPIC', name) }
}

export function clusterOperations(rights: Rights, possible: number | undefined): number {
  return possible === undefined || possible === OPERATIONS_UNKNOWN ? OPERATIONS_UNKNOWN : rights.operations(possible, 'CLUSTER', CLUSTER_NAME)
}

function mayConfigure(rights: Rights, operation: Operation, { resourceType, resourceName }: ConfigResource): boolean {
  switch (resourceType) {
    case RESOURCE_TOPIC: return rights.topic(operation, resourceName)
    case RESOURCE_GROUP: return rights.group(operation, resourceName)
    // Brokers, their loggers, client metrics; of what there is not the handler says so.
    default: return rights.cluster(operation)
  }
}

function configError(resourceType: number): number {
  return errorCode(resourceType === RESOURCE_TOPIC ? TOPIC_DENIED : resourceType === RESOURCE_GROUP ? GROUP_DENIED : CLUSTER_DENIED)
}

function refusedConfig({ resourceType, resourceName }: ConfigResource): { errorCode: number, errorMessage: string, resourceType: number, resourceName: string } {
  return { errorCode: configError(resourceType), errorMessage: DENIED_MESSAGE, resourceType, resourceName }
}
