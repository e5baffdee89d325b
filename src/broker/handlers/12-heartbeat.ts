/**
 * Heartbeat (12), versions 0–4: keeps the member's session, and tells it of a rebalance (REBALANCE_IN_PROGRESS).
 *
 * Version notes: v3 static members · v4 flexible.
 */
import { heartbeat } from '../../wire/apis/12-heartbeat.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const heartbeatHandler = handler(heartbeat, [0, 4], (core, request) => ({
  errorCode: errorCode(core.groups.heartbeat(request.groupId, request.memberId, request.groupInstanceId, request.generationId)),
}))
