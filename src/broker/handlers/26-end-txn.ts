/**
 * EndTxn (26), versions 0–5: answered when the decision is durable; the markers follow at once (`transactions/coordinator.ts`).
 *
 * Version notes: v2 PRODUCER_FENCED · v3 flexible · v5 transactions v2: gives the bumped epoch, a retry gets it again (KIP-890).
 */
import { endTxn } from '../../wire/apis/26-end-txn.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const endTxnHandler = handler(endTxn, [0, 5], async (core, request, call) => {
  const answer = await core.transactions.coordinator.end({
    transactionalId: request.transactionalId, producerId: request.producerId, producerEpoch: request.producerEpoch,
    committed: request.committed, version: call.version >= 5 ? 2 : 0,
  })
  const error = answer.error === 'PRODUCER_FENCED' && call.version < 2 ? 'INVALID_PRODUCER_EPOCH' : answer.error
  return { errorCode: errorCode(error), producerId: answer.producerId, producerEpoch: answer.producerEpoch }
})
