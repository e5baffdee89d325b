/** AlterPartitionReassignments (45), versions 0–1: a partition may be "moved" to the one node it is on; there is no other. */
import { alterPartitionReassignments } from '../../wire/apis/45-alter-partition-reassignments.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { NODE_ID } from '../options.ts'

export const alterPartitionReassignmentsHandler = handler(alterPartitionReassignments, [0, 1], (core, request) => ({
  allowReplicationFactorChange: request.allowReplicationFactorChange, errorCode: 0, errorMessage: null,
  responses: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }) => {
      const [error, errorMessage] = problem(core, name, partitionIndex, replicas)
      return { partitionIndex, errorCode: errorCode(error), errorMessage }
    }),
  })),
}))

function problem(core: Core, topic: string, partition: number, replicas: readonly number[] | null): readonly [KafkaErrorName, string | null] {
  if (core.topics.get(topic) === undefined) return ['UNKNOWN_TOPIC_OR_PARTITION', `Unable to find a topic named ${topic}.`]
  if (core.topics.log(topic, partition) === undefined) return ['UNKNOWN_TOPIC_OR_PARTITION', `Unable to find partition ${topic}:${partition}.`]
  if (replicas === null) return ['NO_REASSIGNMENT_IN_PROGRESS', 'No partition reassignment is in progress.']
  if (replicas.length === 0) return ['INVALID_REPLICA_ASSIGNMENT', 'The manual partition assignment includes an empty replica list.']
  if (new Set(replicas).size < replicas.length) return ['INVALID_REPLICA_ASSIGNMENT', 'The manual partition assignment includes a broker twice.']
  return replicas.every(id => id === NODE_ID) ? ['NONE', null] : ['INVALID_REPLICA_ASSIGNMENT', `The one broker there is has the id ${NODE_ID}.`]
}
