/**
 * DescribeLogDirs (35): sizes on disk; null topics ask for all.
 *
 * Version notes: v2 flexible · v3 an error code for the whole answer · v4 total and usable bytes of the volume (KIP-827).
 */
import { array, bool, defineApi, field, int16, int32, int64, nullableArray, string, struct } from '../schema.ts'

export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 4],
  flexibleFrom: 2,
  request: struct({
    topics: nullableArray(struct({ topic: string, partitions: array(int32) })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: field(int16, { versions: '3+' }),
    results: array(struct({
      errorCode: int16,
      logDir: string,
      topics: array(struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: bool })),
      })),
      totalBytes: field(int64, { versions: '4+', default: -1 }),
      usableBytes: field(int64, { versions: '4+', default: -1 }),
    })),
  }),
})
