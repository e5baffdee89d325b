/**
 * ConsumerGroupDescribe (69): state and members of consumer groups of the new protocol (KIP-848).
 *
 * Version notes: v0 is flexible already · v1 member type (0 classic, 1 consumer).
 */
import { OPERATIONS_UNKNOWN } from './03-metadata.ts'
import { array, bool, defineApi, field, int16, int32, int8, nullableString, string, struct, uuid } from '../schema.ts'

const assignment = struct({
  topicPartitions: array(struct({ topicId: uuid, topicName: string, partitions: array(int32) })),
})

export const consumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    groupIds: array(string),
    includeAuthorizedOperations: field(bool, { default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    groups: array(struct({
      errorCode: int16,
      errorMessage: field(nullableString, { default: null }),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array(struct({
        memberId: string,
        instanceId: field(nullableString, { default: null }),
        rackId: field(nullableString, { default: null }),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        subscribedTopicRegex: field(nullableString, { default: null }),
        assignment,
        targetAssignment: assignment,
        memberType: field(int8, { versions: '1+', default: -1 }),
      })),
      authorizedOperations: field(int32, { default: OPERATIONS_UNKNOWN }),
    })),
  }),
})
