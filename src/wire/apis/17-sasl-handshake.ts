/**
 * SaslHandshake (17): chooses the SASL mechanism. Never flexible.
 *
 * Version notes: v1 the exchange that follows is wrapped in SaslAuthenticate.
 */
import { array, defineApi, int16, string, struct } from '../schema.ts'

export const saslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleFrom: Infinity,
  request: struct({ mechanism: string }),
  response: struct({ errorCode: int16, mechanisms: array(string) }),
})
