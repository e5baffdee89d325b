/**
 * DeleteGroups (42).
 *
 * Version notes: v2 flexible.
 */
import { array, defineApi, field, int16, int32, string, struct } from '../schema.ts'

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({ groupsNames: array(string) }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    results: array(struct({ groupId: string, errorCode: int16 })),
  }),
})
