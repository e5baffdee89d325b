/**
 * SyncGroup (14): the leader hands in the assignment of a generation, every member gets its own.
 *
 * Version notes: v3 static members (KIP-345) · v4 flexible · v5 protocol type and name are checked.
 */
import { array, bytes, defineApi, field, int16, int32, nullableString, string, struct } from '../schema.ts'

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: field(nullableString, { versions: '3+', default: null }),
    protocolType: field(nullableString, { versions: '5+', default: null }),
    protocolName: field(nullableString, { versions: '5+', default: null }),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    errorCode: int16,
    protocolType: field(nullableString, { versions: '5+', default: null }),
    protocolName: field(nullableString, { versions: '5+', default: null }),
    assignment: bytes,
  }),
})
