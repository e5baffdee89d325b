/**
 * ListGroups (16), versions 0–5: every group is of type `classic`.
 *
 * Version notes: v3 flexible · v4 filter by state · v5 filter by type. Filters ignore case, as in Kafka.
 */
import { listGroups } from '../../wire/apis/16-list-groups.ts'
import { groupStateName } from '../groups/coordinator.ts'
import { handler } from '../handler.ts'

export const listGroupsHandler = handler(listGroups, [0, 5], (core, request) => {
  const states = new Set(request.statesFilter.map(state => state.toLowerCase()))
  const types = new Set(request.typesFilter.map(type => type.toLowerCase()))
  return {
    errorCode: 0,
    groups: core.groups.list()
      .filter(group => (states.size === 0 || states.has(groupStateName(group).toLowerCase())) && (types.size === 0 || types.has('classic')))
      .map(group => ({ groupId: group.groupId, protocolType: group.protocolType ?? '', groupState: groupStateName(group), groupType: 'classic' })),
  }
})
