/**
 * DescribeTransactions (65): the coordinator's view of transactional ids (KIP-664). v0 is flexible.
 */
import { array, defineApi, field, int16, int32, int64, string, struct } from '../schema.ts'

export const describeTransactions = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({ transactionalIds: array(string) }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    transactionStates: array(struct({
      errorCode: int16,
      transactionalId: string,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: int64,
      producerId: int64,
      producerEpoch: int16,
      topics: array(struct({ topic: string, partitions: array(int32) })),
    })),
  }),
})
