/**
 * CreateAcls (30).
 *
 * Version notes: v1 pattern types (KIP-290) · v2 flexible · v3 user resources.
 */
import { array, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const createAcls = defineApi({
  key: 30,
  name: 'CreateAcls',
  versions: [1, 3],
  flexibleFrom: 2,
  request: struct({
    creations: array(struct({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: field(int8, { versions: '1+', default: 3 }),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    results: array(struct({ errorCode: int16, errorMessage: nullableString })),
  }),
})
