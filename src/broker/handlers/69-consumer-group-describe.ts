/**
 * ConsumerGroupDescribe (69), versions 0–1: state, epochs and members of consumer groups (KIP-848).
 *
 * Behaviour: GROUP_ID_NOT_FOUND for a classic group makes Java's admin client ask DescribeGroups next. Topics that are gone are left out of
 * assignments.
 * Version notes: v1 member type, always consumer: classic members do not join these groups here.
 */
import { OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { consumerGroupDescribe } from '../../wire/apis/69-consumer-group-describe.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { Assignment } from '../groups/assignors.ts'
import { CONSUMER_GROUP_STATE_NAMES } from '../groups/consumer-group.ts'
import { preferredAssignor } from '../groups/consumer-groups.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { GROUP_OPERATIONS } from '../operations.ts'

const MEMBER_TYPE_CONSUMER = 1

export const consumerGroupDescribeHandler = handler(consumerGroupDescribe, [0, 1], (core, request) => ({
  groups: request.groupIds.map(groupId => {
    const group = core.groups.consumerGroups.get(groupId)
    if (group === undefined) {
      return {
        errorCode: errorCode('GROUP_ID_NOT_FOUND'),
        errorMessage: core.groups.get(groupId) === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a consumer group.`,
        groupId, groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [], authorizedOperations: OPERATIONS_UNKNOWN,
      }
    }
    return {
      errorCode: 0, groupId, groupState: CONSUMER_GROUP_STATE_NAMES[group.state], groupEpoch: group.epoch, assignmentEpoch: group.targetEpoch, assignorName: preferredAssignor(group),
      members: [...group.members.values()].map(({ memberId, facts, current }) => ({
        memberId, instanceId: facts.instanceId, rackId: facts.rackId, memberEpoch: current.memberEpoch, clientId: facts.clientId, clientHost: facts.clientHost,
        subscribedTopicNames: facts.subscribedNames, subscribedTopicRegex: facts.subscribedRegex ?? '',
        assignment: described(core, current.assigned), targetAssignment: described(core, group.targets.get(memberId)), memberType: MEMBER_TYPE_CONSUMER,
      })),
      authorizedOperations: request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_UNKNOWN,
    }
  }),
}))

function described(core: Core, assignment: Assignment | undefined): { topicPartitions: { topicId: string; topicName: string; partitions: readonly number[] }[] } {
  const topicPartitions = [...assignment ?? []].flatMap(([topicId, partitions]) => {
    const topicName = core.topics.byId(topicId)?.name
    return topicName === undefined ? [] : [{ topicId, topicName, partitions }]
  })
  return { topicPartitions }
}
