/**
 * ListGroups (16).
 *
 * Version notes: v3 flexible · v4 state filter (KIP-518) · v5 type filter (KIP-848).
 */
import { array, defineApi, field, int16, int32, string, struct } from '../schema.ts'

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: struct({
    statesFilter: field(array(string), { versions: '4+' }),
    typesFilter: field(array(string), { versions: '5+' }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    errorCode: int16,
    groups: array(struct({
      groupId: string,
      protocolType: string,
      groupState: field(string, { versions: '4+', default: '' }),
      groupType: field(string, { versions: '5+', default: '' }),
    })),
  }),
})
