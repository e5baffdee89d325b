/**
 * AddPartitionsToTxn (24).
 *
 * Version notes: v3 flexible · v4 several transactions at once, verification without adding (KIP-890) · v5 TRANSACTION_ABORTABLE.
 */
import { array, bool, defineApi, field, int16, int32, int64, string, struct } from '../schema.ts'

export const addPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: struct({
    transactions: field(array(struct({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      verifyOnly: field(bool, { default: false }),
      topics: array(struct({ name: string, partitions: array(int32) })),
    })), { versions: '4+' }),
    v3AndBelowTransactionalId: field(string, { versions: '0-3' }),
    v3AndBelowProducerId: field(int64, { versions: '0-3' }),
    v3AndBelowProducerEpoch: field(int16, { versions: '0-3' }),
    v3AndBelowTopics: field(array(struct({ name: string, partitions: array(int32) })), { versions: '0-3' }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: field(int16, { versions: '4+' }),
    resultsByTransaction: field(array(struct({
      transactionalId: string,
      topicResults: array(struct({
        name: string,
        resultsByPartition: array(struct({ partitionIndex: int32, partitionErrorCode: int16 })),
      })),
    })), { versions: '4+' }),
    resultsByTopicV3AndBelow: field(array(struct({
      name: string,
      resultsByPartition: array(struct({ partitionIndex: int32, partitionErrorCode: int16 })),
    })), { versions: '0-3' }),
  }),
})
