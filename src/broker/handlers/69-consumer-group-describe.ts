/**
 * ConsumerGroupDescribe (69), versions 0–1: no group here uses the consumer protocol (KIP-848), and GROUP_ID_NOT_FOUND makes Java's
 * admin client ask DescribeGroups next.
 */
import { OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { consumerGroupDescribe } from '../../wire/apis/69-consumer-group-describe.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const consumerGroupDescribeHandler = handler(consumerGroupDescribe, [0, 1], (core, request) => ({
  groups: request.groupIds.map(groupId => ({
    errorCode: errorCode('GROUP_ID_NOT_FOUND'),
    errorMessage: core.groups.get(groupId) === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a consumer group.`,
    groupId, groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [], authorizedOperations: OPERATIONS_UNKNOWN,
  })),
}))
