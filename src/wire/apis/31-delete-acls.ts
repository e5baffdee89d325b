/**
 * DeleteAcls (31).
 *
 * Version notes: v1 pattern types (KIP-290) · v2 flexible · v3 user resources.
 */
import { array, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const deleteAcls = defineApi({
  key: 31,
  name: 'DeleteAcls',
  versions: [1, 3],
  flexibleFrom: 2,
  request: struct({
    filters: array(struct({
      resourceTypeFilter: int8,
      resourceNameFilter: nullableString,
      patternTypeFilter: field(int8, { versions: '1+', default: 3 }),
      principalFilter: nullableString,
      hostFilter: nullableString,
      operation: int8,
      permissionType: int8,
    })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    filterResults: array(struct({
      errorCode: int16,
      errorMessage: nullableString,
      matchingAcls: array(struct({
        errorCode: int16,
        errorMessage: nullableString,
        resourceType: int8,
        resourceName: string,
        patternType: field(int8, { versions: '1+', default: 3 }),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      })),
    })),
  }),
})
