/** Rules of the APIs of groups and their offsets. */
import { OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { offsetCommit } from '../../wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../../wire/apis/09-offset-fetch.ts'
import { findCoordinator } from '../../wire/apis/10-find-coordinator.ts'
import { joinGroup } from '../../wire/apis/11-join-group.ts'
import { heartbeat } from '../../wire/apis/12-heartbeat.ts'
import { leaveGroup } from '../../wire/apis/13-leave-group.ts'
import { syncGroup } from '../../wire/apis/14-sync-group.ts'
import { describeGroups } from '../../wire/apis/15-describe-groups.ts'
import { listGroups } from '../../wire/apis/16-list-groups.ts'
import { deleteGroups } from '../../wire/apis/42-delete-groups.ts'
import { offsetDelete } from '../../wire/apis/47-offset-delete.ts'
import { consumerGroupHeartbeat } from '../../wire/apis/68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from '../../wire/apis/69-consumer-group-describe.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { ResponseInput } from '../../wire/schema.ts'
import { CLUSTER_DENIED, GROUP_DENIED, rule, split, TOPIC_DENIED, TRANSACTIONAL_ID_DENIED } from './rule.ts'
import type { Rights } from './rule.ts'

const TOPIC = errorCode(TOPIC_DENIED)
const GROUP = errorCode(GROUP_DENIED)
const GROUP_KEY = 0
const TRANSACTION_KEY = 1
const MANY_GROUPS_SINCE = 8
const MANY_COORDINATORS_SINCE = 4

interface FetchedTopic { readonly name: string, readonly partitionIndexes: readonly number[] }

export const GROUP_RULES = [
  rule(offsetCommit, 'READ group, READ topic', (rights, request) => {
    const ofGroup = rights.group('READ', request.groupId)
    const { allowed, denied } = split(request.topics, ({ name }) => ofGroup && rights.topic('READ', name))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ name, partitions }) => ({ name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: ofGroup ? TOPIC : GROUP })) }))
    return ofGroup ? { request: { ...request, topics: allowed }, finish: response => ({ ...response, topics: [...response.topics, ...refused] }) } : { answer: { topics: refused } }
  }),
  rule(offsetFetch, 'DESCRIBE group, DESCRIBE topic', (rights, request, version) => {
    const mayTopic = (name: string): boolean => rights.topic('DESCRIBE', name)
    if (version < MANY_GROUPS_SINCE) {
      const refused = fetchedAs(request.topics ?? [], GROUP)
      if (!rights.group('DESCRIBE', request.groupId)) return { answer: { topics: refused, errorCode: GROUP, groups: [] } }
      const { allowed, denied } = split(request.topics ?? [], ({ name }) => mayTopic(name))
      return { request: { ...request, topics: request.topics === null ? null : allowed }, finish: response => ({ ...response, topics: [...(response.topics ?? []).filter(({ name }) => mayTopic(name)), ...fetchedAs(denied, TOPIC)] }) }
    }
    const groups = split(request.groups, ({ groupId }) => rights.group('DESCRIBE', groupId))
    const denied = new Map(groups.allowed.map(({ groupId, topics }) => [groupId, split(topics ?? [], ({ name }) => mayTopic(name)).denied]))
    return {
      request: { ...request, groups: groups.allowed.map(group => ({ ...group, topics: group.topics === null ? null : group.topics.filter(({ name }) => mayTopic(name)) })) },
      finish: response => ({
        ...response,
        groups: [
          ...(response.groups ?? []).map(group => ({ ...group, topics: [...group.topics.filter(({ name }) => mayTopic(name)), ...fetchedAs(denied.get(group.groupId) ?? [], TOPIC)] })),
          ...groups.denied.map(({ groupId }) => ({ groupId, topics: [], errorCode: GROUP })),
        ],
      }),
    }
  }),
  rule(findCoordinator, 'DESCRIBE group or transactional id', (rights, { key, keyType, coordinatorKeys }, version) => {
    const may = (name: string): boolean => keyType === GROUP_KEY ? rights.group('DESCRIBE', name) : keyType === TRANSACTION_KEY ? rights.transactionalId('DESCRIBE', name) : rights.cluster('CLUSTER_ACTION')
    const code = errorCode(keyType === GROUP_KEY ? GROUP_DENIED : keyType === TRANSACTION_KEY ? TRANSACTIONAL_ID_DENIED : CLUSTER_DENIED)
    if (version < MANY_COORDINATORS_SINCE) return may(key) ? 'pass' : { answer: { errorCode: code, errorMessage: null, nodeId: -1, host: '', port: -1, coordinators: [] } }
    const { allowed, denied } = split(coordinatorKeys, may)
    if (denied.length === 0) return 'pass'
    const refused = denied.map(name => ({ key: name, nodeId: -1, host: '', port: -1, errorCode: code, errorMessage: null }))
    return { request: { key, keyType, coordinatorKeys: allowed }, finish: response => ({ ...response, coordinators: [...response.coordinators ?? [], ...refused] }) }
  }),
  rule(joinGroup, 'READ group', (rights, { groupId, memberId }) => rights.group('READ', groupId) ? 'pass'
    : { answer: { errorCode: GROUP, generationId: -1, protocolType: null, protocolName: null, leader: '', memberId, members: [] } }),
  rule(heartbeat, 'READ group', (rights, { groupId }) => rights.group('READ', groupId) ? 'pass' : { answer: { errorCode: GROUP } }),
  rule(leaveGroup, 'READ group', (rights, { groupId }) => rights.group('READ', groupId) ? 'pass' : { answer: { errorCode: GROUP, members: [] } }),
  rule(syncGroup, 'READ group', (rights, { groupId }) => rights.group('READ', groupId) ? 'pass' : { answer: { errorCode: GROUP, protocolType: null, protocolName: null, assignment: Buffer.alloc(0) } }),
  rule(describeGroups, 'DESCRIBE group', (rights, request) => {
    const { allowed, denied } = split(request.groups, groupId => rights.group('DESCRIBE', groupId))
    const refused = denied.map(groupId => ({ errorCode: GROUP, errorMessage: null, groupId, groupState: '', protocolType: '', protocolData: '', members: [], authorizedOperations: OPERATIONS_UNKNOWN }))
    return { request: { ...request, groups: allowed }, finish: response => ({ ...response, groups: [...response.groups.map(group => withOperations(rights, group)), ...refused] }) }
  }),
  rule(listGroups, 'DESCRIBE cluster: all; else those with DESCRIBE group', rights => rights.cluster('DESCRIBE') ? 'pass'
    : { finish: response => ({ ...response, groups: response.groups.filter(({ groupId }) => rights.group('DESCRIBE', groupId)) }) }),
  rule(deleteGroups, 'DELETE group', (rights, request) => {
    const { allowed, denied } = split(request.groupsNames, groupId => rights.group('DELETE', groupId))
    if (denied.length === 0) return 'pass'
    return { request: { ...request, groupsNames: allowed }, finish: response => ({ ...response, results: [...response.results, ...denied.map(groupId => ({ groupId, errorCode: GROUP }))] }) }
  }),
  rule(offsetDelete, 'DELETE group, READ topic', (rights, request) => {
    if (!rights.group('DELETE', request.groupId)) return { answer: { errorCode: GROUP, topics: [] } }
    const { allowed, denied } = split(request.topics, ({ name }) => rights.topic('READ', name))
    if (denied.length === 0) return 'pass'
    const refused = denied.map(({ name, partitions }) => ({ name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: TOPIC })) }))
    return { request: { ...request, topics: allowed }, finish: response => ({ ...response, topics: [...response.topics, ...refused] }) }
  }),
  rule(consumerGroupHeartbeat, 'READ group, DESCRIBE each topic that is named', (rights, { groupId, subscribedTopicNames }) => {
    const code = !rights.group('READ', groupId) ? GROUP : (subscribedTopicNames ?? []).every(name => rights.topic('DESCRIBE', name)) ? 0 : TOPIC
    return code === 0 ? 'pass' : { answer: { errorCode: code, errorMessage: null, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null } }
  }),
  rule(consumerGroupDescribe, 'DESCRIBE group, DESCRIBE each topic of its members', (rights, request) => {
    const { allowed, denied } = split(request.groupIds, groupId => rights.group('DESCRIBE', groupId))
    const hidden = (groupId: string, code: number, errorMessage: string | null): DescribedGroup => ({
      errorCode: code, errorMessage, groupId, groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [], authorizedOperations: OPERATIONS_UNKNOWN,
    })
    return {
      request: { ...request, groupIds: allowed },
      finish: response => ({
        ...response,
        groups: [
          ...response.groups.map(group => topicsOf(group).every(name => rights.topic('DESCRIBE', name)) ? withOperations(rights, group)
            : hidden(group.groupId, TOPIC, 'The group has described topic(s) that the client is not authorized to describe.')),
          ...denied.map(groupId => hidden(groupId, GROUP, null)),
        ],
      }),
    }
  }),
]

type DescribedGroup = ResponseInput<typeof consumerGroupDescribe>['groups'][number]

function topicsOf(group: DescribedGroup): string[] {
  return group.members.flatMap(({ subscribedTopicNames, assignment, targetAssignment }) => [...subscribedTopicNames, ...[...assignment.topicPartitions, ...targetAssignment.topicPartitions].map(({ topicName }) => topicName)])
}

function fetchedAs(topics: readonly FetchedTopic[], code: number): { name: string, partitions: { partitionIndex: number, committedOffset: number, metadata: string, errorCode: number }[] }[] {
  return topics.map(({ name, partitionIndexes }) => ({ name, partitions: partitionIndexes.map(partitionIndex => ({ partitionIndex, committedOffset: -1, metadata: '', errorCode: code })) }))
}

function withOperations<T extends { readonly groupId: string, readonly authorizedOperations?: number | undefined }>(rights: Rights, group: T): T {
  const possible = group.authorizedOperations
  return possible === undefined || possible === OPERATIONS_UNKNOWN ? group : { ...group, authorizedOperations: rights.operations(possible, 'GROUP', group.groupId) }
}
