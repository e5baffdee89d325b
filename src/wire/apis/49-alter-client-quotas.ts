/**
 * AlterClientQuotas (49): sets and removes quotas (KIP-546). A null name is the default of its type.
 *
 * Version notes: v1 flexible.
 */
import { array, bool, defineApi, field, float64, int16, int32, nullableString, string, struct } from '../schema.ts'

export const alterClientQuotas = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexibleFrom: 1,
  request: struct({
    entries: array(struct({
      entity: array(struct({ entityType: string, entityName: nullableString })),
      ops: array(struct({ key: string, value: float64, remove: bool })),
    })),
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    entries: array(struct({
      errorCode: int16,
      errorMessage: nullableString,
      entity: array(struct({ entityType: string, entityName: nullableString })),
    })),
  }),
})
