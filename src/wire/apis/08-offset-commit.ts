/**
 * OffsetCommit (8): stores how far a group has read.
 *
 * Version notes: v5 retention time is gone · v6 leader epoch · v7 static members (KIP-345) · v8 flexible
 * · v9 also for consumer groups with an epoch (KIP-848): the generation is then the member's epoch.
 */
import { array, defineApi, field, int16, int32, int64, nullableString, string, struct } from '../schema.ts'

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexibleFrom: 8,
  request: struct({
    groupId: string,
    generationIdOrMemberEpoch: field(int32, { versions: '1+', default: -1 }),
    memberId: field(string, { versions: '1+', default: '' }),
    groupInstanceId: field(nullableString, { versions: '7+', default: null }),
    retentionTimeMs: field(int64, { versions: '2-4', default: -1 }),
    topics: array(struct({
      name: string,
      partitions: array(struct({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: field(int32, { versions: '6+', default: -1 }),
        committedMetadata: nullableString,
      })),
    })),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '3+' }),
    topics: array(struct({
      name: string,
      partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
    })),
  }),
})
