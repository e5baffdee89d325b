/**
 * CreatePartitions (37): raises the number of partitions; `count` is the new total.
 *
 * Version notes: v2 flexible · v3 throttling error.
 */
import { array, bool, defineApi, field, int16, int32, nullableArray, nullableString, string, struct } from '../schema.ts'

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: struct({
    topics: array(struct({
      name: string,
      count: int32,
      assignments: field(nullableArray(struct({ brokerIds: array(int32) })), { default: null }),
    })),
    timeoutMs: int32,
    validateOnly: field(bool, { default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    results: array(struct({ name: string, errorCode: int16, errorMessage: field(nullableString, { default: null }) })),
  }),
})
