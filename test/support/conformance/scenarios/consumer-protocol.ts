/** Groups of the consumer protocol (KIP-848): members join, are told what to do, are fenced and leave. */
import { offsetCommit } from '../../../../src/wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../../../../src/wire/apis/09-offset-fetch.ts'
import { describeGroups } from '../../../../src/wire/apis/15-describe-groups.ts'
import { listGroups } from '../../../../src/wire/apis/16-list-groups.ts'
import { deleteGroups } from '../../../../src/wire/apis/42-delete-groups.ts'
import { consumerGroupHeartbeat } from '../../../../src/wire/apis/68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from '../../../../src/wire/apis/69-consumer-group-describe.ts'
import type { RequestInput } from '../../../../src/wire/schema.ts'
import { ask, makeTopics } from '../step.ts'
import type { Scenario, Step, StepOptions } from '../step.ts'

type Beat = RequestInput<typeof consumerGroupHeartbeat>
const MEMBER = 'bWVtYmVyLW9mLWEtZ3JvdQ'

function beat(name: string, more: Partial<Beat> & { group?: string; topics?: readonly string[] } = {}, options: StepOptions<typeof consumerGroupHeartbeat> = {}): Step {
  const { group = 'cg', topics, ...fields } = more
  return ask(name, consumerGroupHeartbeat, run => ({
    groupId: group === '' ? '' : run.name(group), memberId: MEMBER, memberEpoch: run.number('member epoch'), ...topics === undefined ? {} : { subscribedTopicNames: topics.map(topic => run.name(topic)) }, ...fields,
  }), { keep: (answer, run) => { if (answer.errorCode === 0) run.numbers.set('member epoch', answer.memberEpoch) }, ...options })
}

const JOIN = { memberEpoch: 0, rebalanceTimeoutMs: 10_000, topicPartitions: [] } as const

export const consumerProtocol: Scenario = {
  name: 'groups of the consumer protocol', rungs: 2, steps: [
    makeTopics({ name: 'k1', partitions: 2 }),
    beat('without a group', { ...JOIN, group: '', topics: ['k1'] }), beat('join without topics', { memberEpoch: 0, rebalanceTimeoutMs: 10_000, topicPartitions: [] }),
    beat('join without a timeout', { memberEpoch: 0, topicPartitions: [], topics: ['k1'] }), beat('join owning something', { ...JOIN, topics: ['k1'], topicPartitions: [{ topicId: MEMBER, partitions: [0] }] }),
    beat('join with a strange assignor', { ...JOIN, topics: ['k1'], serverAssignor: 'strange' }), beat('an epoch below the least', { memberEpoch: -7, topics: ['k1'] }),
    beat('heartbeat before there is a group', { memberEpoch: 5 }), beat('leave what is not there', { memberEpoch: -1 }),
    beat('join', { ...JOIN, topics: ['k1'], serverAssignor: 'uniform' }), beat('keep alive'), beat('a future epoch', { memberEpoch: 99 }), beat('a stranger', { memberId: 'c3RyYW5nZXItc3RyYW5nZQ', memberEpoch: 1 }),
    beat('the subscription again', { topics: ['k1'] }),
    ask('commit', offsetCommit, run => ({ groupId: run.name('cg'), generationIdOrMemberEpoch: run.number('member epoch'), memberId: MEMBER, topics: [{ name: run.name('k1'), partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }] }] }), { from: 9 }),
    ask('commit of a past epoch', offsetCommit, run => ({ groupId: run.name('cg'), generationIdOrMemberEpoch: 0, memberId: MEMBER, topics: [{ name: run.name('k1'), partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }] }] }), { from: 9 }),
    ask('commit of a stranger', offsetCommit, run => ({ groupId: run.name('cg'), generationIdOrMemberEpoch: 1, memberId: 'x', topics: [{ name: run.name('k1'), partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }] }] }), { from: 9 }),
    ask('fetch', offsetFetch, run => ({ groups: [{ groupId: run.name('cg'), memberId: MEMBER, memberEpoch: run.number('member epoch'), topics: [{ name: run.name('k1'), partitionIndexes: [0, 1] }] }] }), { from: 9 }),
    ask('fetch of a past epoch', offsetFetch, run => ({ groups: [{ groupId: run.name('cg'), memberId: MEMBER, memberEpoch: 77, topics: null }] }), { from: 9 }),
    ask('describe', consumerGroupDescribe, run => ({ groupIds: [run.name('cg'), run.name('nogroup')], includeAuthorizedOperations: true })),
    ask('describe as a classic one', describeGroups, run => ({ groups: [run.name('cg')] })), ask('list', listGroups, { typesFilter: ['consumer'] }, { from: 5 }), ask('delete while it lives', deleteGroups, run => ({ groupsNames: [run.name('cg')] })),
    beat('leave', { memberEpoch: -1 }), beat('heartbeat after the leave', { memberEpoch: 1 }),
    ask('describe the empty one', consumerGroupDescribe, run => ({ groupIds: [run.name('cg')] })), ask('delete', deleteGroups, run => ({ groupsNames: [run.name('cg')] })),
  ],
}
