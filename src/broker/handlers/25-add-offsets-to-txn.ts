/**
 * AddOffsetsToTxn (25), versions 0–4: the group's offsets join the transaction, that is its partition of `__consumer_offsets`.
 *
 * Version notes: v2 PRODUCER_FENCED · v3 flexible · v4 TRANSACTION_ABORTABLE.
 */
import { addOffsetsToTxn } from '../../wire/apis/25-add-offsets-to-txn.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { GROUPS_TOPIC } from '../topics.ts'

export const addOffsetsToTxnHandler = handler(addOffsetsToTxn, [0, 4], async (core, request, call) => {
  const { coordinator } = core.transactions
  await coordinator.settled(request.transactionalId)
  const added = coordinator.addPartitions({ ...request, partitions: [{ topic: GROUPS_TOPIC, partition: 0 }], version: 0 })
  await added.durable
  return { errorCode: errorCode(added.error === 'PRODUCER_FENCED' && call.version < 2 ? 'INVALID_PRODUCER_EPOCH' : added.error) }
})
