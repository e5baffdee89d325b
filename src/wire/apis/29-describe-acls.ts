/**
 * DescribeAcls (29).
 *
 * Version notes: v1 pattern types (KIP-290) · v2 flexible · v3 user resources.
 */
import { array, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'
import { aclFilterFields, PATTERN_LITERAL } from './acl-filter.ts'

export const describeAcls = defineApi({
  key: 29,
  name: 'DescribeAcls',
  versions: [1, 3],
  flexibleFrom: 2,
  request: struct(aclFilterFields),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    errorMessage: nullableString,
    resources: array(struct({
      resourceType: int8,
      resourceName: string,
      patternType: field(int8, { versions: '1+', default: PATTERN_LITERAL }),
      acls: array(struct({ principal: string, host: string, operation: int8, permissionType: int8 })),
    })),
  }),
})
