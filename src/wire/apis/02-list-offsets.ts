/**
 * ListOffsets (2): offsets by time, and the first, last and other special ones.
 *
 * Version notes: v2 isolation level · v4 leader epoch · v6 flexible · v7 timestamp −3, the record with the greatest timestamp
 * · v8 −4, the local log's start · v9 −5, the last tiered offset · v10 timeout.
 */
import { array, defineApi, field, int16, int32, int64, int8, string, struct } from '../schema.ts'

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 10],
  flexibleFrom: 6,
  request: struct({
    replicaId: field(int32, { default: -1 }),
    isolationLevel: field(int8, { versions: '2+', default: 0 }),
    topics: array(struct({
      name: string,
      partitions: array(struct({
        partitionIndex: int32,
        currentLeaderEpoch: field(int32, { versions: '4+', default: -1 }),
        timestamp: int64,
      })),
    })),
    timeoutMs: field(int32, { versions: '10+' }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '2+' }),
    topics: array(struct({
      name: string,
      partitions: array(struct({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: field(int64, { versions: '1+', default: -1 }),
        offset: field(int64, { versions: '1+', default: -1 }),
        leaderEpoch: field(int32, { versions: '4+', default: -1 }),
      })),
    })),
  }),
})
