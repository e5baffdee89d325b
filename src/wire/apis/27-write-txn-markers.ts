/**
 * WriteTxnMarkers (27): writes the control batches that end a transaction. Of brokers, and of the tool that aborts a hanging one.
 *
 * Version notes: v1 flexible. v0 is gone from Kafka.
 */
import { array, bool, defineApi, int16, int32, int64, string, struct } from '../schema.ts'

export const writeTxnMarkers = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1, 1],
  flexibleFrom: 1,
  request: struct({
    markers: array(struct({
      producerId: int64,
      producerEpoch: int16,
      transactionResult: bool,
      topics: array(struct({ name: string, partitionIndexes: array(int32) })),
      coordinatorEpoch: int32,
    })),
  }),
  response: struct({
    markers: array(struct({
      producerId: int64,
      topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) })),
    })),
  }),
})
