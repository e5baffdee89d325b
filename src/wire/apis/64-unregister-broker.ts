/** UnregisterBroker (64): takes a broker that is gone out of the cluster's metadata (KIP-500). Flexible from v0 on. */
import { defineApi, field, int16, int32, nullableString, struct } from '../schema.ts'

export const unregisterBroker = defineApi({
  key: 64,
  name: 'UnregisterBroker',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({ brokerId: int32 }),
  response: struct({ throttleTimeMs: field(int32, {}), errorCode: int16, errorMessage: nullableString }),
})
