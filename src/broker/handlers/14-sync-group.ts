/**
 * SyncGroup (14), versions 0–5: the leader gives the assignment, everybody gets its own once it is stored.
 *
 * Version notes: v3 static members · v4 flexible · v5 protocol type and name, which must be the group's.
 */
import { syncGroup } from '../../wire/apis/14-sync-group.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const syncGroupHandler = handler(syncGroup, [0, 5], async (core, request, call) => {
  if (call.version >= 5 && (request.protocolType === null || request.protocolName === null)) return { errorCode: errorCode('INCONSISTENT_GROUP_PROTOCOL'), assignment: Buffer.alloc(0) }
  const result = await core.groups.sync(request.groupId, request)
  return { errorCode: errorCode(result.error), protocolType: result.protocolType, protocolName: result.protocolName, assignment: result.assignment }
})
