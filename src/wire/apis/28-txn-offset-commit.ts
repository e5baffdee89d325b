/**
 * TxnOffsetCommit (28): a group's offsets as part of a transaction.
 *
 * Version notes: v2 leader epoch · v3 flexible, fenced by generation and member (KIP-447) · v4 TRANSACTION_ABORTABLE
 * · v5 adds the group to the transaction (KIP-890).
 */
import { array, defineApi, field, int16, int32, int64, nullableString, string, struct } from '../schema.ts'

export const txnOffsetCommit = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 5],
  flexibleFrom: 3,
  request: struct({
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: field(int32, { versions: '3+', default: -1 }),
    memberId: field(string, { versions: '3+', default: '' }),
    groupInstanceId: field(nullableString, { versions: '3+', default: null }),
    topics: array(struct({
      name: string,
      partitions: array(struct({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: field(int32, { versions: '2+', default: -1 }),
        committedMetadata: nullableString,
      })),
    })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    topics: array(struct({
      name: string,
      partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
    })),
  }),
})
