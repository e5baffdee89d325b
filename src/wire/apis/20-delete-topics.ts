/**
 * DeleteTopics (20).
 *
 * Version notes: v4 flexible · v5 error text · v6 by name or topic id.
 */
import { array, defineApi, field, int16, int32, nullableString, string, struct, uuid } from '../schema.ts'

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleFrom: 4,
  request: struct({
    topics: field(array(struct({ name: field(nullableString, { default: null }), topicId: field(uuid, {}) })), { versions: '6+' }),
    topicNames: field(array(string), { versions: '0-5' }),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    responses: array(struct({
      name: field(nullableString, { nullableFrom: 6, default: null }),
      topicId: field(uuid, { versions: '6+' }),
      errorCode: int16,
      errorMessage: field(nullableString, { versions: '5+', default: null }),
    })),
  }),
})
