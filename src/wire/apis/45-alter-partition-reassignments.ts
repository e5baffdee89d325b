/**
 * AlterPartitionReassignments (45): moves replicas; null replicas cancel a move (KIP-455).
 *
 * Version notes: v0 is flexible already · v1 the replication factor may be held fixed.
 */
import { array, bool, defineApi, field, int16, int32, nullableArray, nullableString, string, struct } from '../schema.ts'

export const alterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    timeoutMs: field(int32, { default: 60_000 }),
    allowReplicationFactorChange: field(bool, { versions: '1+', default: true }),
    topics: array(struct({
      name: string,
      partitions: array(struct({ partitionIndex: int32, replicas: field(nullableArray(int32), { default: null }) })),
    })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    allowReplicationFactorChange: field(bool, { versions: '1+', default: true }),
    errorCode: int16,
    errorMessage: nullableString,
    responses: array(struct({
      name: string,
      partitions: array(struct({ partitionIndex: int32, errorCode: int16, errorMessage: nullableString })),
    })),
  }),
})
