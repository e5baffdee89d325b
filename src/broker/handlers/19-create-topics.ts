/**
 * CreateTopics (19), versions 2–7.
 *
 * Behaviour: replication factor −1 or 1, or assignments to this one node; an unknown or invalid configuration is INVALID_CONFIG; a
 * topic named twice in the request is INVALID_REQUEST. The answer comes when the topics are durable.
 * Version notes: v4 −1 for partitions and replication factor · v5 flexible, effective configurations · v7 topic id.
 */
import { createTopics } from '../../wire/apis/19-create-topics.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf, ResponseInput } from '../../wire/schema.ts'
import { ZERO_UUID } from '../../wire/uuid.ts'
import { effectiveConfigs } from '../describe-configs.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { NODE_ID } from '../options.ts'
import { configProblem } from '../topic-configs.ts'
import type { Topic, TopicProblem, TopicSpec } from '../topics.ts'

type CreatableTopic = RequestOf<typeof createTopics>['topics'][number]
type TopicResult = ResponseInput<typeof createTopics>['topics'][number]

export const createTopicsHandler = handler(createTopics, [2, 7], async (core, request) => {
  const seen = new Map<string, number>()
  for (const { name } of request.topics) seen.set(name, (seen.get(name) ?? 0) + 1)
  const planned = request.topics.map(topic => ({ topic, spec: specOf(core, topic, seen.get(topic.name) ?? 1) }))
  const specs = planned.flatMap(({ spec }) => 'error' in spec ? [] : [spec])
  const created = request.validateOnly ? specs.map(spec => core.topics.creationProblem(spec) ?? spec) : await core.topics.create(specs)
  const outcome = new Map(specs.map((spec, index) => [spec.name, created[index]]))
  // A topic named twice is answered once.
  const answered = new Map(planned.map(({ topic, spec }) => [topic.name, result(topic, 'error' in spec ? spec : outcome.get(topic.name))]))
  return { topics: [...answered.values()] }
})

function specOf(core: Core, topic: CreatableTopic, times: number): TopicSpec | TopicProblem {
  const problem = (error: KafkaErrorName, message: string): TopicProblem => ({ error, message })
  if (times > 1) return problem('INVALID_REQUEST', `Duplicate topic in request: ${topic.name}`)
  // The name is looked at before anything else, as Kafka does.
  const named = core.topics.namingProblem(topic.name)
  if (named !== undefined) return named
  let partitions = topic.numPartitions === -1 ? core.options.partitionsDefault : topic.numPartitions
  if (topic.assignments.length > 0) {
    if (topic.numPartitions !== -1 || topic.replicationFactor !== -1) {
      return problem('INVALID_REQUEST', 'A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.')
    }
    const inOrder = [...topic.assignments].sort((a, b) => a.partitionIndex - b.partitionIndex)
    const isSound = inOrder.every(({ partitionIndex, brokerIds }, index) => partitionIndex === index && brokerIds.length === 1 && brokerIds[0] === NODE_ID)
    if (!isSound) return problem('INVALID_REPLICA_ASSIGNMENT', `Partitions must be numbered from 0 and each be assigned to the one broker there is (${NODE_ID}).`)
    partitions = topic.assignments.length
  } else if (topic.replicationFactor !== -1 && topic.replicationFactor !== 1) {
    return problem('INVALID_REPLICATION_FACTOR', topic.replicationFactor < 1
      ? 'Replication factor must be larger than 0, or -1 to use the default value.'
      : `Unable to replicate the partition ${topic.replicationFactor} time(s): The target replication factor of ${topic.replicationFactor} cannot be reached because only 1 broker(s) are registered.`)
  }
  const configs = new Map<string, string>()
  for (const { name, value } of topic.configs) {
    const invalid = configProblem(name, value)
    if (invalid !== undefined || value === null) return problem('INVALID_CONFIG', invalid ?? `Null value not supported for topic configs: ${name}`)
    configs.set(name, value)
  }
  if (topic.numPartitions === 0 || topic.numPartitions < -1) return problem('INVALID_PARTITIONS', 'Number of partitions was set to an invalid non-positive value.')
  return { name: topic.name, partitions, configs }
}

/** A topic (created), a spec (only validated), or a problem. */
function result(asked: CreatableTopic, outcome: Topic | TopicSpec | TopicProblem | undefined): TopicResult {
  if (outcome === undefined || 'error' in outcome) {
    return { name: asked.name, topicId: ZERO_UUID, errorCode: errorCode(outcome?.error ?? 'UNKNOWN_SERVER_ERROR'), errorMessage: outcome?.message ?? null, configs: [] }
  }
  const partitions = typeof outcome.partitions === 'number' ? outcome.partitions : outcome.partitions.length
  return {
    name: asked.name, topicId: 'topicId' in outcome ? outcome.topicId : ZERO_UUID, errorCode: 0, numPartitions: partitions, replicationFactor: 1,
    configs: effectiveConfigs(outcome.configs).map(({ name, value, source }) => ({ name, value, readOnly: false, configSource: source, isSensitive: false })),
  }
}
