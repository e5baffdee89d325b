/** The filter by which DescribeAcls (29) and DeleteAcls (31) choose access control entries. */
import { field, int8, nullableString } from '../schema.ts'

/** Matches any resource pattern literally: what version 0 meant. */
export const PATTERN_LITERAL = 3

export const aclFilterFields = {
  resourceTypeFilter: int8,
  resourceNameFilter: nullableString,
  patternTypeFilter: field(int8, { versions: '1+', default: PATTERN_LITERAL }),
  principalFilter: nullableString,
  hostFilter: nullableString,
  operation: int8,
  permissionType: int8,
}
