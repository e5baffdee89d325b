/** ElectLeaders (43), versions 0–2: the one node leads every partition, so no election is ever needed. */
import { electLeaders } from '../../wire/apis/43-elect-leaders.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

const ELECTION_TYPES = [0, 1]

export const electLeadersHandler = handler(electLeaders, [0, 2], (core, request) => {
  if (!ELECTION_TYPES.includes(request.electionType)) return { errorCode: errorCode('INVALID_REQUEST'), replicaElectionResults: [] }
  // Asked for all, Kafka names every topic, and of its partitions those that it elected a leader of.
  if (request.topicPartitions === null) return { errorCode: 0, replicaElectionResults: core.topics.all().map(({ name }) => ({ topic: name, partitionResult: [] })) }
  return {
    errorCode: 0,
    replicaElectionResults: request.topicPartitions.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map(partitionId => core.topics.log(topic, partitionId) === undefined
        ? { partitionId, errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION'), errorMessage: core.topics.get(topic) === undefined ? `No such topic as ${topic}` : `No such partition as ${topic}-${partitionId}` }
        : { partitionId, errorCode: errorCode('ELECTION_NOT_NEEDED'), errorMessage: 'Leader election not needed for topic partition.' }),
    })),
  }
})
