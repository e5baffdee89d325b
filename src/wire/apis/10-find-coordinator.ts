/**
 * FindCoordinator (10): which broker coordinates a group (key type 0) or a transactional id (key type 1).
 *
 * Version notes: v1 key type · v3 flexible · v4 several keys at once (KIP-699) · v5 TRANSACTION_ABORTABLE · v6 share groups.
 */
import { array, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: struct({
    key: field(string, { versions: '0-3' }),
    keyType: field(int8, { versions: '1+', default: 0 }),
    coordinatorKeys: field(array(string), { versions: '4+' }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    errorCode: field(int16, { versions: '0-3' }),
    errorMessage: field(nullableString, { versions: '1-3', default: null }),
    nodeId: field(int32, { versions: '0-3' }),
    host: field(string, { versions: '0-3' }),
    port: field(int32, { versions: '0-3' }),
    coordinators: field(array(struct({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: field(nullableString, { default: null }),
    })), { versions: '4+' }),
  }),
})
