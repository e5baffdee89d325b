/**
 * AddOffsetsToTxn (25): announces that a group's offsets belong to the transaction.
 *
 * Version notes: v3 flexible · v4 TRANSACTION_ABORTABLE (KIP-890).
 */
import { defineApi, field, int16, int32, int64, string, struct } from '../schema.ts'

export const addOffsetsToTxn = defineApi({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({ transactionalId: string, producerId: int64, producerEpoch: int16, groupId: string }),
  response: struct({ throttleTimeMs: field(int32, {}), errorCode: int16 }),
})
