/**
 * ConsumerGroupHeartbeat (68): joins, keeps and leaves a consumer group of the new protocol (KIP-848). A null field means
 * "as before". Member epochs: 0 joins, −1 leaves, −2 leaves for a while (static member).
 *
 * Version notes: v0 is flexible already · v1 regular expression, the member chooses its own id (KIP-1082).
 */
import { array, defineApi, field, int16, int32, nullableArray, nullableString, nullableStruct, string, struct, uuid } from '../schema.ts'

export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: field(nullableString, { default: null }),
    rackId: field(nullableString, { default: null }),
    rebalanceTimeoutMs: field(int32, { default: -1 }),
    subscribedTopicNames: field(nullableArray(string), { default: null }),
    subscribedTopicRegex: field(nullableString, { versions: '1+', default: null }),
    serverAssignor: field(nullableString, { default: null }),
    topicPartitions: field(nullableArray(struct({ topicId: uuid, partitions: array(int32) })), { default: null }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    errorMessage: field(nullableString, { default: null }),
    memberId: field(nullableString, { default: null }),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: field(nullableStruct({
      topicPartitions: array(struct({ topicId: uuid, partitions: array(int32) })),
    }), { default: null }),
  }),
})
