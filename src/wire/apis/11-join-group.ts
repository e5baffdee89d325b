/**
 * JoinGroup (11): enters a classic group, or takes part in its next generation.
 *
 * Version notes: v1 rebalance timeout · v4 MEMBER_ID_REQUIRED · v5 static members (KIP-345) · v6 flexible · v7 protocol type in the
 * answer · v8 reason · v9 the leader may skip the assignment.
 */
import { array, bool, bytes, defineApi, field, int16, int32, nullableString, string, struct } from '../schema.ts'

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: struct({
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: field(int32, { versions: '1+', default: -1 }),
    memberId: string,
    groupInstanceId: field(nullableString, { versions: '5+', default: null }),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
    reason: field(nullableString, { versions: '8+', default: null }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '2+' }),
    errorCode: int16,
    generationId: field(int32, { default: -1 }),
    protocolType: field(nullableString, { versions: '7+', default: null }),
    protocolName: field(nullableString, { nullableFrom: 7, default: null }),
    leader: string,
    skipAssignment: field(bool, { versions: '9+', default: false }),
    memberId: string,
    members: array(struct({
      memberId: string,
      groupInstanceId: field(nullableString, { versions: '5+', default: null }),
      metadata: bytes,
    })),
  }),
})
