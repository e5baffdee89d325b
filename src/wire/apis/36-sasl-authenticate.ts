/**
 * SaslAuthenticate (36): one step of a SASL exchange.
 *
 * Version notes: v1 session lifetime (KIP-368) · v2 flexible.
 */
import { bytes, defineApi, field, int16, int64, nullableString, struct } from '../schema.ts'

export const saslAuthenticate = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({ authBytes: bytes }),
  response: struct({
    errorCode: int16,
    errorMessage: nullableString,
    authBytes: bytes,
    sessionLifetimeMs: field(int64, { versions: '1+', default: 0 }),
  }),
})
