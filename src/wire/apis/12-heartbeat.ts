/**
 * Heartbeat (12): keeps a member of a classic group alive, and tells it of a rebalance.
 *
 * Version notes: v3 static members (KIP-345) · v4 flexible.
 */
import { defineApi, field, int16, int32, nullableString, string, struct } from '../schema.ts'

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: field(nullableString, { versions: '3+', default: null }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    errorCode: int16,
  }),
})
