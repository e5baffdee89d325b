/**
 * DescribeGroups (15), versions 0–6.
 *
 * Behaviour: a group nobody knows, or one of the new protocol (API 69 describes it), is `Dead` without an error up to v5, GROUP_ID_NOT_FOUND with a text from v6 on (KIP-1043).
 * Metadata and assignments are shown in a stable group only, as in Kafka.
 * Version notes: v3 authorized operations · v4 static members · v5 flexible · v6 error text.
 */
import { OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { describeGroups } from '../../wire/apis/15-describe-groups.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { groupStateName } from '../groups/coordinator.ts'
import { EMPTY_BYTES } from '../groups/member.ts'
import { handler } from '../handler.ts'
import { GROUP_OPERATIONS } from '../operations.ts'

export const describeGroupsHandler = handler(describeGroups, [0, 6], (core, request, call) => ({
  groups: request.groups.map(groupId => {
    const group = core.groups.get(groupId)
    const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_UNKNOWN
    if (group === undefined) {
      const known = call.version >= 6 ? { errorCode: errorCode('GROUP_ID_NOT_FOUND'), errorMessage: core.groups.consumerGroups.get(groupId) === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.` } : { errorCode: 0 }
      return { ...known, groupId, groupState: groupStateName(undefined), protocolType: '', protocolData: '', members: [], authorizedOperations: call.version >= 6 ? OPERATIONS_UNKNOWN : authorizedOperations }
    }
    const isStable = group.state === 'stable'
    return {
      errorCode: 0, groupId, groupState: groupStateName(group), protocolType: group.protocolType ?? '', protocolData: isStable ? group.protocolName ?? '' : '',
      members: [...group.members.values()].map(member => ({
        memberId: member.memberId, groupInstanceId: member.groupInstanceId, clientId: member.clientId, clientHost: member.clientHost,
        memberMetadata: isStable ? member.metadataOf(group.protocolName) : EMPTY_BYTES, memberAssignment: isStable ? member.assignment : EMPTY_BYTES,
      })),
      authorizedOperations,
    }
  }),
}))
