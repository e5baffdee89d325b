/**
 * DescribeTopicPartitions (75): Metadata's topics in pages (KIP-966). v0 is flexible.
 */
import { OPERATIONS_UNKNOWN } from './03-metadata.ts'
import { array, bool, defineApi, field, int16, int32, nullableArray, nullableString, nullableStruct, string, struct, uuid } from '../schema.ts'

export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    topics: array(struct({ name: string })),
    responsePartitionLimit: field(int32, { default: 2_000 }),
    cursor: field(nullableStruct({ topicName: string, partitionIndex: int32 }), { default: null }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    topics: array(struct({
      errorCode: int16,
      name: nullableString,
      topicId: uuid,
      isInternal: field(bool, { default: false }),
      partitions: array(struct({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: field(int32, { default: -1 }),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        eligibleLeaderReplicas: field(nullableArray(int32), { default: null }),
        lastKnownElr: field(nullableArray(int32), { default: null }),
        offlineReplicas: array(int32),
      })),
      topicAuthorizedOperations: field(int32, { default: OPERATIONS_UNKNOWN }),
    })),
    nextCursor: field(nullableStruct({ topicName: string, partitionIndex: int32 }), { default: null }),
  }),
})
