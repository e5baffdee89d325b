/**
 * LeaveGroup (13), versions 0–5.
 *
 * Behaviour: a static member leaves only when it is named by its instance id (an admin's doing): its client never sends this.
 * From a consumer group (KIP-848) an admin removes members so, too.
 * Version notes: v3 many members, each with its own error · v4 flexible · v5 reason.
 */
import { leaveGroup } from '../../wire/apis/13-leave-group.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const leaveGroupHandler = handler(leaveGroup, [0, 5], async (core, request, call) => {
  const leaving = call.version >= 3 ? request.members : [{ memberId: request.memberId, groupInstanceId: null }]
  const consumerGroup = core.groups.consumerGroups.get(request.groupId)
  const result = consumerGroup === undefined ? core.groups.leave(request.groupId, leaving) : { error: 'NONE' as const, members: await core.groups.leaveConsumer(consumerGroup, leaving) }
  if (call.version < 3) return { errorCode: errorCode(result.error === 'NONE' ? result.members[0] ?? 'NONE' : result.error) }
  return {
    errorCode: errorCode(result.error),
    members: leaving.flatMap(({ memberId, groupInstanceId }, index) => {
      const error = result.members[index]
      return error === undefined ? [] : [{ memberId, groupInstanceId, errorCode: errorCode(error) }]
    }),
  }
})
