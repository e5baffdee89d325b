/**
 * InitProducerId (22): a producer id and epoch; for a transactional id it fences earlier producers.
 *
 * Version notes: v2 flexible · v3 producer id and epoch to bump (KIP-360) · v4 PRODUCER_FENCED · v5 TRANSACTION_ABORTABLE.
 */
import { defineApi, field, int16, int32, int64, nullableString, struct } from '../schema.ts'

export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleFrom: 2,
  request: struct({
    transactionalId: nullableString,
    transactionTimeoutMs: int32,
    producerId: field(int64, { versions: '3+', default: -1 }),
    producerEpoch: field(int16, { versions: '3+', default: -1 }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { default: 0 }),
    errorCode: int16,
    producerId: field(int64, { default: -1 }),
    producerEpoch: int16,
  }),
})
