/**
 * OffsetFetch (9): reads what groups have committed; null topics ask for all.
 *
 * Version notes: v2 an error code for the group · v5 leader epoch · v6 flexible · v7 requireStable (KIP-447)
 * · v8 several groups at once · v9 member id and epoch (KIP-848).
 */
import { array, bool, defineApi, field, int16, int32, int64, nullableArray, nullableString, string, struct } from '../schema.ts'

const committedPartitions = array(struct({
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: field(int32, { versions: '5+', default: -1 }),
  metadata: nullableString,
  errorCode: int16,
}))

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexibleFrom: 6,
  request: struct({
    groupId: field(string, { versions: '0-7' }),
    topics: field(nullableArray(struct({ name: string, partitionIndexes: array(int32) })), { versions: '0-7' }),
    groups: field(array(struct({
      groupId: string,
      memberId: field(nullableString, { versions: '9+', default: null }),
      memberEpoch: field(int32, { versions: '9+', default: -1 }),
      topics: nullableArray(struct({ name: string, partitionIndexes: array(int32) })),
    })), { versions: '8+' }),
    requireStable: field(bool, { versions: '7+', default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '3+' }),
    topics: field(array(struct({ name: string, partitions: committedPartitions })), { versions: '0-7' }),
    errorCode: field(int16, { versions: '2-7', default: 0 }),
    groups: field(array(struct({
      groupId: string,
      topics: array(struct({ name: string, partitions: committedPartitions })),
      errorCode: field(int16, { default: 0 }),
    })), { versions: '8+' }),
  }),
})
