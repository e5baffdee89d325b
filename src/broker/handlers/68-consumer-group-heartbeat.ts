/**
 * ConsumerGroupHeartbeat (68), versions 0–1: joins, keeps and leaves a consumer group (KIP-848); the state machine is
 * `groups/consumer-groups.ts`.
 *
 * Behaviour: the assignment is in the answer to a join, to a heartbeat that says everything, and where it has changed. A new epoch and
 * assignment are durable before the answer.
 * Version notes: v0 the broker may choose the member's id · v1 the member chooses it (KIP-1082), regular expressions.
 */
import { consumerGroupHeartbeat } from '../../wire/apis/68-consumer-group-heartbeat.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { newUuid } from '../../wire/uuid.ts'
import { assignmentOf, listsOf } from '../groups/consumer-records.ts'
import { EPOCH_JOIN } from '../groups/heartbeat-checks.ts'
import { Refusal } from '../groups/refusal.ts'
import { handler } from '../handler.ts'
import { unavailable } from '../unavailable.ts'

export const consumerGroupHeartbeatHandler = handler(consumerGroupHeartbeat, [0, 1], async (core, request, call) => {
  if (request.memberEpoch === EPOCH_JOIN) core.clients.uses(call.connectionId, 'groups', request.groupId)
  const isNamedHere = call.version === 0 && request.memberEpoch === EPOCH_JOIN && request.memberId === ''
  const { authorizer } = core
  const mayDescribe = authorizer === undefined ? undefined : (topic: string): boolean => authorizer.allows({ principal: call.principal, host: call.clientHost.slice(1) }, 'DESCRIBE', 'TOPIC', topic)
  try {
    const { assignment, ...answer } = await core.groups.heartbeatConsumer({
      ...request, memberId: isNamedHere ? newUuid(count => core.env.random.bytes(count)) : request.memberId,
      owned: request.topicPartitions === null ? null : assignmentOf(request.topicPartitions), clientId: call.clientId, clientHost: call.clientHost, mayDescribe,
    })
    return { errorCode: 0, ...answer, assignment: assignment === null ? null : { topicPartitions: listsOf(assignment) } }
  } catch (error) {
    const refused = error instanceof Refusal ? error : undefined
    return { errorCode: errorCode(refused?.error ?? unavailable(core, error)), errorMessage: refused?.message ?? null, memberEpoch: 0, heartbeatIntervalMs: 0 }
  }
})
