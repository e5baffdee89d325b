/**
 * LeaveGroup (13): takes members out of a classic group.
 *
 * Version notes: v3 several members at once, static ones by instance id (KIP-345) · v4 flexible · v5 reason.
 */
import { array, defineApi, field, int16, int32, nullableString, string, struct } from '../schema.ts'

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    memberId: field(string, { versions: '0-2' }),
    members: field(array(struct({
      memberId: string,
      groupInstanceId: field(nullableString, { versions: '3+', default: null }),
      reason: field(nullableString, { versions: '5+', default: null }),
    })), { versions: '3+' }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    errorCode: int16,
    members: field(array(struct({
      memberId: string,
      groupInstanceId: nullableString,
      errorCode: int16,
    })), { versions: '3+' }),
  }),
})
