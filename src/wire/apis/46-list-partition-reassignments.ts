/**
 * ListPartitionReassignments (46): moves of replicas under way (KIP-455); null topics ask for all. v0 is flexible.
 */
import { array, defineApi, field, int16, int32, nullableArray, nullableString, string, struct } from '../schema.ts'

export const listPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    timeoutMs: field(int32, { default: 60_000 }),
    topics: field(nullableArray(struct({ name: string, partitionIndexes: array(int32) })), { default: null }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    errorMessage: nullableString,
    topics: array(struct({
      name: string,
      partitions: array(struct({
        partitionIndex: int32,
        replicas: array(int32),
        addingReplicas: array(int32),
        removingReplicas: array(int32),
      })),
    })),
  }),
})
