/**
 * FindCoordinator (10), versions 0–6: this one node coordinates every group (type 0) and every transactional id (type 1).
 *
 * Version notes: v1 key type · v3 flexible · v4 many keys · v6 share groups (type 2), which are not served: INVALID_REQUEST.
 */
import { findCoordinator } from '../../wire/apis/10-find-coordinator.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { NODE_ID } from '../options.ts'

const KEY_TYPE_TRANSACTION = 1

export const findCoordinatorHandler = handler(findCoordinator, [0, 6], (_core, request, call) => {
  const error: KafkaErrorName = request.keyType > KEY_TYPE_TRANSACTION || request.keyType < 0 ? 'INVALID_REQUEST' : 'NONE'
  const place = error === 'NONE' ? { nodeId: NODE_ID, host: call.address.host, port: call.address.port } : { nodeId: -1, host: '', port: -1 }
  if (call.version >= 4) return { coordinators: request.coordinatorKeys.map(key => ({ key, ...place, errorCode: errorCode(error), errorMessage: error === 'NONE' ? '' : error })), errorCode: 0, nodeId: -1, host: '', port: -1 }
  return { errorCode: errorCode(error), errorMessage: error, ...place }
})
