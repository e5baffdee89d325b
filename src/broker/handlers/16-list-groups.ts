/**
 * ListGroups (16), versions 0–5: classic groups and those of the new protocol.
 *
 * Version notes: v3 flexible · v4 filter by state · v5 type, and filter by it. Filters ignore case, as in Kafka.
 */
import { listGroups } from '../../wire/apis/16-list-groups.ts'
import { CONSUMER_PROTOCOL_TYPE } from '../../wire/consumer-protocol.ts'
import { CONSUMER_GROUP_STATE_NAMES } from '../groups/consumer-group.ts'
import { groupStateName } from '../groups/coordinator.ts'
import { handler } from '../handler.ts'

export const listGroupsHandler = handler(listGroups, [0, 5], (core, request) => {
  const states = new Set(request.statesFilter.map(state => state.toLowerCase()))
  const types = new Set(request.typesFilter.map(type => type.toLowerCase()))
  const classic = core.groups.list().map(group => ({ groupId: group.groupId, protocolType: group.protocolType ?? '', groupState: groupStateName(group), groupType: 'classic' }))
  const consumer = core.groups.consumerGroups.list().map(group => ({
    groupId: group.groupId, protocolType: CONSUMER_PROTOCOL_TYPE, groupState: CONSUMER_GROUP_STATE_NAMES[group.state], groupType: 'consumer',
  }))
  return {
    errorCode: 0,
    groups: [...classic, ...consumer].filter(({ groupState, groupType }) => (states.size === 0 || states.has(groupState.toLowerCase())) && (types.size === 0 || types.has(groupType))),
  }
})
