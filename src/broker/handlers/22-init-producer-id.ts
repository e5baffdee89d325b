/**
 * InitProducerId (22), versions 0–5: fences whoever had the transactional id before.
 *
 * Version notes: v2 flexible · v3 says what the producer has, for a bump without a new id (KIP-360) · v4 PRODUCER_FENCED instead of
 * INVALID_PRODUCER_EPOCH · v5 TRANSACTION_ABORTABLE is known. v6 (two-phase commit) is not stable and not served.
 */
import { initProducerId } from '../../wire/apis/22-init-producer-id.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { unavailable } from '../unavailable.ts'

export const initProducerIdHandler = handler(initProducerId, [0, 5], async (core, request, call) => {
  const { producerId, producerEpoch } = request
  // Both or none.
  if ((producerId < 0) !== (producerEpoch < 0)) return { errorCode: errorCode('INVALID_REQUEST'), producerId: -1, producerEpoch: -1 }
  try {
    const answer = await core.transactions.coordinator.initProducerId({
      transactionalId: request.transactionalId, timeoutMs: request.transactionTimeoutMs, expected: producerId < 0 ? undefined : { producerId, producerEpoch },
    })
    const error = answer.error === 'PRODUCER_FENCED' && call.version < 4 ? 'INVALID_PRODUCER_EPOCH' : answer.error
    return { errorCode: errorCode(error), producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  } catch (error) {
    return { errorCode: errorCode(unavailable(core, error)), producerId: -1, producerEpoch: -1 }
  }
})
