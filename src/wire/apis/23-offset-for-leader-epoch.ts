/**
 * OffsetForLeaderEpoch (23): where the records of a leader epoch end, by which a reader notices truncation (KIP-320).
 *
 * Version notes: v2 current leader epoch · v3 replica id · v4 flexible.
 */
import { array, defineApi, field, int16, int32, int64, string, struct } from '../schema.ts'

export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleFrom: 4,
  request: struct({
    replicaId: field(int32, { versions: '3+', default: -2 }),
    topics: array(struct({
      topic: string,
      partitions: array(struct({
        partition: int32,
        currentLeaderEpoch: field(int32, { versions: '2+', default: -1 }),
        leaderEpoch: int32,
      })),
    })),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '2+' }),
    topics: array(struct({
      topic: string,
      partitions: array(struct({
        errorCode: int16,
        partition: int32,
        leaderEpoch: field(int32, { versions: '1+', default: -1 }),
        endOffset: field(int64, { default: -1 }),
      })),
    })),
  }),
})
