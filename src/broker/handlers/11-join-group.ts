/**
 * JoinGroup (11), versions 0–9: the state machine is `groups/rebalance.ts`.
 *
 * Version notes: v0 has no rebalance timeout (the session timeout serves) · v4 MEMBER_ID_REQUIRED (KIP-394) · v5 static members
 * (KIP-345) · v6 flexible · v7 protocol type · v8 reason · v9 skipAssignment (KIP-814).
 */
import { joinGroup } from '../../wire/apis/11-join-group.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const joinGroupHandler = handler(joinGroup, [0, 9], async (core, request, call) => {
  core.clients.uses(call.connectionId, 'groups', request.groupId)
  const result = await core.groups.join(request.groupId, {
    memberId: request.memberId, groupInstanceId: request.groupInstanceId, clientId: call.clientId, clientHost: call.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs, rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    protocolType: request.protocolType, protocols: request.protocols,
    requireKnownMemberId: call.version >= 4 && request.groupInstanceId === null, supportsSkippingAssignment: call.version >= 9,
  })
  return {
    errorCode: errorCode(result.error), generationId: result.generationId, protocolType: result.protocolType,
    // Before v7 an absent protocol is the empty string.
    protocolName: result.protocolName ?? (call.version >= 7 ? null : ''),
    leader: result.leaderId, skipAssignment: result.skipAssignment, memberId: result.memberId, members: result.members,
  }
})
