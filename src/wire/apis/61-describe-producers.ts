/**
 * DescribeProducers (61): what a partition's leader knows of its producers (KIP-664). v0 is flexible.
 */
import { array, defineApi, field, int16, int32, int64, nullableString, string, struct } from '../schema.ts'

export const describeProducers = defineApi({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    topics: array(struct({ name: string, partitionIndexes: array(int32) })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    topics: array(struct({
      name: string,
      partitions: array(struct({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: field(nullableString, { default: null }),
        activeProducers: array(struct({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: field(int32, { default: -1 }),
          lastTimestamp: field(int64, { default: -1 }),
          coordinatorEpoch: int32,
          currentTxnStartOffset: field(int64, { default: -1 }),
        })),
      })),
    })),
  }),
})
