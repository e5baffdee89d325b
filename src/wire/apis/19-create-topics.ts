/**
 * CreateTopics (19).
 *
 * Version notes: v4 partitions and replication factor may be −1, the broker's defaults · v5 flexible, the answer has the
 * configuration · v6 throttling error · v7 topic ids.
 */
import { array, bool, defineApi, field, int16, int32, int8, nullableArray, nullableString, string, struct, tagged, uuid } from '../schema.ts'

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleFrom: 5,
  request: struct({
    topics: array(struct({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: field(array(struct({ partitionIndex: int32, brokerIds: array(int32) })), {}),
      configs: field(array(struct({ name: string, value: nullableString })), {}),
    })),
    timeoutMs: field(int32, { default: 60_000 }),
    validateOnly: field(bool, { versions: '1+', default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '2+' }),
    topics: array(struct({
      name: string,
      topicId: field(uuid, { versions: '7+' }),
      errorCode: int16,
      errorMessage: field(nullableString, { versions: '1+', default: null }),
      topicConfigErrorCode: tagged(0, int16, { versions: '5+', default: 0 }),
      numPartitions: field(int32, { versions: '5+', default: -1 }),
      replicationFactor: field(int16, { versions: '5+', default: -1 }),
      configs: field(nullableArray(struct({
        name: string,
        value: nullableString,
        readOnly: bool,
        configSource: field(int8, { default: -1 }),
        isSensitive: bool,
      })), { versions: '5+' }),
    })),
  }),
})
