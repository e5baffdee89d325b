/** What a ConsumerGroupHeartbeat must say, and which epochs a member may come with (KIP-848). Each check throws a `Refusal`. */
import { ASSIGNOR_NAMES, isAssignorName } from './assignors.ts'
import type { Assignment } from './assignors.ts'
import type { ConsumerMember } from './consumer-group.ts'
import { EPOCH_LEFT_FOR_A_WHILE } from './consumer-group.ts'
import { isWithin } from './reconcile.ts'
import { Refusal } from './refusal.ts'

export const EPOCH_JOIN = 0
export const EPOCH_LEAVE = -1

export interface ConsumerHeartbeat {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  /** −1, here and `null` below: as before. */
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  /** The empty string: no expression any more. */
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  /** What the member owns. */
  readonly owned: Assignment | null
  readonly clientId: string
  readonly clientHost: string
  /** Expressions find no topics but those that the member's client may know of. */
  readonly mayDescribe?: ((topic: string) => boolean) | undefined
}

export function checkHeartbeat(request: ConsumerHeartbeat): void {
  const { memberEpoch } = request
  notEmpty('GroupId', request.groupId.trim())
  notEmpty('MemberId', request.memberId)
  notEmpty('InstanceId', request.instanceId)
  notEmpty('RackId', request.rackId)
  if (memberEpoch < EPOCH_LEFT_FOR_A_WHILE) throw new Refusal('INVALID_REQUEST', 'MemberEpoch is invalid.')
  if (memberEpoch === EPOCH_LEFT_FOR_A_WHILE && request.instanceId === null) throw new Refusal('INVALID_REQUEST', "InstanceId can't be null.")
  if (memberEpoch === EPOCH_JOIN) {
    if (request.rebalanceTimeoutMs === -1) throw new Refusal('INVALID_REQUEST', 'RebalanceTimeoutMs must be provided in first request.')
    if (request.owned === null || request.owned.size > 0) throw new Refusal('INVALID_REQUEST', 'TopicPartitions must be empty when (re-)joining.')
    const subscribes = (request.subscribedTopicNames ?? []).length > 0 || (request.subscribedTopicRegex ?? '') !== ''
    if (!subscribes) throw new Refusal('INVALID_REQUEST', 'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.')
  }
  if (request.serverAssignor !== null && !isAssignorName(request.serverAssignor)) {
    throw new Refusal('UNSUPPORTED_ASSIGNOR', `ServerAssignor ${request.serverAssignor} is not supported. Supported assignors: ${ASSIGNOR_NAMES.join(', ')}.`)
  }
}

/** A member may come with its epoch, or with the one before if the answer that told it the newer one was lost. */
export function checkMemberEpoch(member: ConsumerMember, { memberEpoch, owned }: ConsumerHeartbeat): void {
  const { current } = member
  if (memberEpoch === current.memberEpoch || memberEpoch === EPOCH_JOIN) return
  if (memberEpoch > current.memberEpoch) {
    throw new Refusal('FENCED_MEMBER_EPOCH', `The consumer group member has a greater member epoch (${memberEpoch}) than the one known by the group coordinator (${current.memberEpoch}). The member must abandon all its partitions and rejoin.`)
  }
  if (memberEpoch === current.previousMemberEpoch && owned !== null && isWithin(owned, current.assigned)) return
  throw new Refusal('FENCED_MEMBER_EPOCH', `The consumer group member has a smaller member epoch (${memberEpoch}) than the one known by the group coordinator (${current.memberEpoch}). The member must abandon all its partitions and rejoin.`)
}

function notEmpty(name: string, value: string | null): void {
  if (value === '') throw new Refusal('INVALID_REQUEST', `${name} can't be empty.`)
}
