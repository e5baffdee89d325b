/**
 * ListConfigResources (74), before Kafka 4.1 ListClientMetricsResources: names of what has configurations (KIP-1142).
 *
 * Version notes: v0 is flexible already and knows client metrics only · v1 asks by type.
 */
import { array, defineApi, field, int16, int32, int8, string, struct } from '../schema.ts'

export const listConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({ resourceTypes: field(array(int8), { versions: '1+' }) }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    configResources: array(struct({ resourceName: string, resourceType: field(int8, { versions: '1+', default: 16 }) })),
  }),
})
