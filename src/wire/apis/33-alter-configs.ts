/**
 * AlterConfigs (33): replaces a resource's whole configuration; IncrementalAlterConfigs is what clients should use.
 *
 * Version notes: v2 flexible.
 */
import { array, bool, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    resources: array(struct({ resourceType: int8, resourceName: string, configs: array(struct({ name: string, value: nullableString })) })),
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    responses: array(struct({ errorCode: int16, errorMessage: nullableString, resourceType: int8, resourceName: string })),
  }),
})
