/**
 * DescribeGroups (15): state and members of classic groups.
 *
 * Version notes: v3 authorized operations · v4 static members (KIP-345) · v5 flexible · v6 error text, GROUP_ID_NOT_FOUND.
 */
import { OPERATIONS_UNKNOWN } from './03-metadata.ts'
import { array, bool, bytes, defineApi, field, int16, int32, nullableString, string, struct } from '../schema.ts'

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: struct({
    groups: array(string),
    includeAuthorizedOperations: field(bool, { versions: '3+', default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    groups: array(struct({
      errorCode: int16,
      errorMessage: field(nullableString, { versions: '6+', default: null }),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array(struct({
        memberId: string,
        groupInstanceId: field(nullableString, { versions: '4+', default: null }),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      })),
      authorizedOperations: field(int32, { versions: '3+', default: OPERATIONS_UNKNOWN }),
    })),
  }),
})
