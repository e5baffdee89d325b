/**
 * DeleteRecords (21): moves the log start offset; −1 means up to the high watermark.
 *
 * Version notes: v2 flexible.
 */
import { array, defineApi, field, int16, int32, int64, string, struct } from '../schema.ts'

export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, offset: int64 })) })),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    topics: array(struct({
      name: string,
      partitions: array(struct({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 })),
    })),
  }),
})
