/**
 * ListTransactions (66) (KIP-664).
 *
 * Version notes: v0 is flexible already · v1 duration filter (KIP-994) · v2 pattern of transactional ids.
 */
import { array, defineApi, field, int16, int32, int64, nullableString, string, struct } from '../schema.ts'

export const listTransactions = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleFrom: 0,
  request: struct({
    stateFilters: field(array(string), {}),
    producerIdFilters: field(array(int64), {}),
    durationFilter: field(int64, { versions: '1+', default: -1 }),
    transactionalIdPattern: field(nullableString, { versions: '2+', default: null }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    unknownStateFilters: field(array(string), {}),
    transactionStates: array(struct({ transactionalId: string, producerId: int64, transactionState: string })),
  }),
})
