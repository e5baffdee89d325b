/**
 * EndTxn (26): commits or aborts.
 *
 * Version notes: v3 flexible · v4 TRANSACTION_ABORTABLE · v5 the answer has the bumped epoch (KIP-890).
 */
import { bool, defineApi, field, int16, int32, int64, string, struct } from '../schema.ts'

export const endTxn = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: struct({ transactionalId: string, producerId: int64, producerEpoch: int16, committed: bool }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    producerId: field(int64, { versions: '5+', default: -1 }),
    producerEpoch: field(int16, { versions: '5+', default: -1 }),
  }),
})
