/**
 * IncrementalAlterConfigs (44). Operations: 0 set, 1 delete, 2 append, 3 subtract.
 *
 * Version notes: v1 flexible.
 */
import { array, bool, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: struct({
    resources: array(struct({
      resourceType: int8,
      resourceName: string,
      configs: array(struct({ name: string, configOperation: int8, value: nullableString })),
    })),
    validateOnly: field(bool, { default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    responses: array(struct({ errorCode: int16, errorMessage: nullableString, resourceType: int8, resourceName: string })),
  }),
})
