/**
 * DeleteAcls (31).
 *
 * Version notes: v1 pattern types (KIP-290) · v2 flexible · v3 user resources.
 */
import { array, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'
import { aclFilterFields, PATTERN_LITERAL } from './acl-filter.ts'

export const deleteAcls = defineApi({
  key: 31,
  name: 'DeleteAcls',
  versions: [1, 3],
  flexibleFrom: 2,
  request: struct({
    filters: array(struct(aclFilterFields)),
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
        patternType: field(int8, { versions: '1+', default: PATTERN_LITERAL }),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      })),
    })),
  }),
})
