/**
 * DescribeClientQuotas (48): quotas of users, client ids and addresses (KIP-546). Match types: 0 this name, 1 the default, 2 any.
 *
 * Version notes: v1 flexible.
 */
import { array, bool, defineApi, field, float64, int16, int32, int8, nullableArray, nullableString, string, struct } from '../schema.ts'

export const describeClientQuotas = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexibleFrom: 1,
  request: struct({
    components: array(struct({ entityType: string, matchType: int8, match: nullableString })),
    strict: bool,
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    errorMessage: nullableString,
    entries: nullableArray(struct({
      entity: array(struct({ entityType: string, entityName: nullableString })),
      values: array(struct({ key: string, value: float64 })),
    })),
  }),
})
