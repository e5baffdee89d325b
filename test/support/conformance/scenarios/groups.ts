/** Groups of the classic protocol, their offsets and what an administrator sees of them. */
import { offsetCommit } from '../../../../src/wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../../../../src/wire/apis/09-offset-fetch.ts'
import { findCoordinator } from '../../../../src/wire/apis/10-find-coordinator.ts'
import { joinGroup } from '../../../../src/wire/apis/11-join-group.ts'
import { heartbeat } from '../../../../src/wire/apis/12-heartbeat.ts'
import { leaveGroup } from '../../../../src/wire/apis/13-leave-group.ts'
import { syncGroup } from '../../../../src/wire/apis/14-sync-group.ts'
import { describeGroups } from '../../../../src/wire/apis/15-describe-groups.ts'
import { listGroups } from '../../../../src/wire/apis/16-list-groups.ts'
import { deleteGroups } from '../../../../src/wire/apis/42-delete-groups.ts'
import { offsetDelete } from '../../../../src/wire/apis/47-offset-delete.ts'
import { consumerGroupDescribe } from '../../../../src/wire/apis/69-consumer-group-describe.ts'
import { encodeSubscription } from '../../../../src/wire/consumer-protocol.ts'
import type { RequestInput, ResponseOf } from '../../../../src/wire/schema.ts'
import { ask, makeTopics, together } from '../step.ts'
import type { Body, Run, Scenario } from '../step.ts'

type JoinInput = RequestInput<typeof joinGroup>
const MEMBER_ID_REQUIRED = 79

function member(memberName: string | null, more: Partial<JoinInput> & { group?: string } = {}): Body<typeof joinGroup> {
  return run => {
    const { group = 'g', ...fields } = more
    const metadata = encodeSubscription({ topics: [run.name('g1')] })
    return {
      groupId: group === '' ? '' : run.name(group), sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: memberName === null ? '' : memberName.startsWith('=') ? memberName.slice(1) : run.text(memberName),
      protocolType: 'consumer', protocols: [{ name: 'range', metadata }], ...fields,
    }
  }
}

const keepMember = (name: string) => (answer: ResponseOf<typeof joinGroup>, run: Run): void => {
  if (answer.errorCode === 0 || answer.errorCode === MEMBER_ID_REQUIRED) run.texts.set(name, answer.memberId)
  if (answer.errorCode === 0) run.numbers.set('generation', answer.generationId)
}

interface Beat { readonly group?: string; readonly generation?: number; readonly member?: string; readonly instance?: string }
const beat = ({ group = 'g', generation, member: name = 'm1', instance }: Beat = {}) => (run: Run) => ({
  groupId: run.name(group), generationId: generation ?? run.number('generation'), memberId: name.startsWith('=') ? name.slice(1) : run.text(name), groupInstanceId: instance ?? null,
})
const sync = (options: Beat & { protocol?: string; type?: string; assign?: boolean } = {}): Body<typeof syncGroup> => run => {
  const fields = beat(options)(run)
  return { ...fields, protocolType: options.type ?? 'consumer', protocolName: options.protocol ?? 'range', assignments: options.assign === true ? [{ memberId: fields.memberId, assignment: Buffer.from('mine') }] : [] }
}
const commit = (options: Beat & { topic?: string; partition?: number; offset?: number; metadata?: string | null } = {}): Body<typeof offsetCommit> => run => {
  const { groupId, generationId, memberId, groupInstanceId } = beat(options)(run)
  return {
    groupId, generationIdOrMemberEpoch: generationId, memberId, groupInstanceId,
    topics: [{ name: run.name(options.topic ?? 'g1'), partitions: [{ partitionIndex: options.partition ?? 0, committedOffset: options.offset ?? 5, committedMetadata: options.metadata === undefined ? 'm' : options.metadata }] }],
  }
}
const offsetsOf = (group: string, topics: readonly { name: string; partitionIndexes: readonly number[] }[] | null, requireStable = false): Body<typeof offsetFetch> => run => {
  const named = topics?.map(topic => ({ ...topic, name: run.name(topic.name) })) ?? null
  return { groupId: run.name(group), topics: named, groups: [{ groupId: run.name(group), topics: named }], requireStable }
}
const NOBODY: Beat = { member: '=', generation: -1 }

export const groupLives: Scenario = {
  name: 'a group lives, and others are refused', rungs: 10, steps: [
    makeTopics({ name: 'g1', partitions: 2 }),
    ask('find', findCoordinator, run => ({ key: run.name('g'), keyType: 0, coordinatorKeys: [run.name('g')] })),
    ask('find two', findCoordinator, run => ({ keyType: 0, coordinatorKeys: [run.name('g'), run.name('other')] }), { from: 4 }),
    ask('find nonsense', findCoordinator, run => ({ key: run.name('g'), keyType: 9, coordinatorKeys: [run.name('g')] })),
    ask('find the empty name', findCoordinator, { key: '', keyType: 0, coordinatorKeys: [''] }),
    ask('join without a group', joinGroup, member(null, { group: '' })),
    ask('join as a stranger', joinGroup, member('=stranger')),
    ask('a short session', joinGroup, member(null, { sessionTimeoutMs: 10 })),
    ask('a long session', joinGroup, member(null, { sessionTimeoutMs: 100_000_000 })),
    ask('no protocols', joinGroup, member(null, { protocols: [] })),
    ask('no protocol type', joinGroup, member(null, { protocolType: '' })),
    ask('first join', joinGroup, member(null), { keep: keepMember('m1') }),
    ask('second join', joinGroup, member('m1'), { keep: keepMember('m1') }),
    ask('heartbeat before the sync', heartbeat, beat()),
    ask('commit before the sync', offsetCommit, commit()),
    ask('sync of a wrong generation', syncGroup, sync({ generation: 9 })),
    ask('sync of a wrong protocol', syncGroup, sync({ protocol: 'sticky' }), { from: 5 }),
    ask('sync of a wrong type', syncGroup, sync({ type: 'connect' }), { from: 5 }),
    ask('sync of a stranger', syncGroup, sync({ member: '=stranger' })),
    ask('sync nowhere', syncGroup, sync({ group: 'nogroup' })),
    ask('sync', syncGroup, sync({ assign: true })),
    ask('sync again', syncGroup, sync()),
    ask('heartbeat', heartbeat, beat()), ask('heartbeat of the past', heartbeat, beat({ generation: 0 })), ask('heartbeat of a stranger', heartbeat, beat({ member: '=stranger' })),
    ask('heartbeat nowhere', heartbeat, beat({ group: 'nogroup' })), ask('heartbeat without a member', heartbeat, beat({ member: '=' })), ask('heartbeat of a static stranger', heartbeat, beat({ instance: 'i1' })),
    ask('join again, unchanged', joinGroup, member('m1', { reason: 'because' }), { keep: keepMember('m1') }),
    ask('sync the new generation', syncGroup, sync({ assign: true })),
    ask('commit', offsetCommit, commit()), ask('commit of the past', offsetCommit, commit({ generation: 0 })), ask('commit as nobody', offsetCommit, commit(NOBODY)),
    ask('commit of a stranger', offsetCommit, commit({ member: '=stranger' })),
    ask('commit to no topic', offsetCommit, commit({ topic: 'nope' })), ask('commit to no partition', offsetCommit, commit({ partition: 7 })),
    ask('commit much metadata', offsetCommit, commit({ partition: 1, metadata: 'm'.repeat(5000) })),
    ask('commit a negative offset', offsetCommit, commit({ partition: 1, offset: -1 })),
    ask('commit in a group that is not there, with a generation', offsetCommit, commit({ group: 'nogroup', member: '=x', generation: 3 })),
    ask('commit without a group', offsetCommit, { groupId: '', topics: [] }),
    ask('simple commit', offsetCommit, commit({ group: 'simple', ...NOBODY, partition: 1, metadata: null })),
    ask('fetch', offsetFetch, offsetsOf('g', [{ name: 'g1', partitionIndexes: [0, 1, 5] }])),
    ask('fetch all', offsetFetch, offsetsOf('g', null), { from: 2 }), ask('fetch all of nobody', offsetFetch, offsetsOf('nogroup', null), { from: 2 }),
    ask('fetch of nobody', offsetFetch, offsetsOf('nogroup', [{ name: 'g1', partitionIndexes: [0] }])),
    ask('fetch a missing topic, stable', offsetFetch, offsetsOf('g', [{ name: 'nope', partitionIndexes: [0] }], true)),
    ask('fetch of many', offsetFetch, run => ({ groups: ['g', 'simple', 'nogroup'].map(group => ({ groupId: run.name(group), topics: null })) }), { from: 8 }),
    ask('fetch as a member of a consumer group', offsetFetch, run => ({ groups: [{ groupId: run.name('g'), memberId: 'x', memberEpoch: 3, topics: null }] }), { from: 9 }),
    ask('describe', describeGroups, run => ({ groups: ['g', 'simple', 'nogroup'].map(group => run.name(group)), includeAuthorizedOperations: true })),
    ask('describe the empty name', describeGroups, { groups: [''] }),
    ask('describe as consumer groups', consumerGroupDescribe, run => ({ groupIds: [run.name('g'), run.name('nogroup')], includeAuthorizedOperations: true })),
    ask('delete live ones', deleteGroups, run => ({ groupsNames: [run.name('g'), run.name('nogroup'), run.name('simple')] })),
    ask('delete without a name', deleteGroups, { groupsNames: [''] }),
    ask('delete offsets that are in use', offsetDelete, run => ({ groupId: run.name('g'), topics: [{ name: run.name('g1'), partitions: [{ partitionIndex: 0 }] }] })),
    ask('delete offsets of nobody', offsetDelete, run => ({ groupId: run.name('nogroup'), topics: [{ name: run.name('g1'), partitions: [{ partitionIndex: 0 }] }] })),
    ask('leave', leaveGroup, run => ({ groupId: run.name('g'), memberId: 'stranger', members: [{ memberId: 'stranger' }, { memberId: '', groupInstanceId: 'i9' }] })),
    ask('leave', leaveGroup, run => ({ groupId: run.name('g'), memberId: run.text('m1'), members: [{ memberId: run.text('m1'), reason: 'enough' }] })),
    ask('leave again', leaveGroup, run => ({ groupId: run.name('g'), memberId: run.text('m1'), members: [{ memberId: run.text('m1') }] })),
    ask('leave nowhere', leaveGroup, run => ({ groupId: run.name('nogroup'), memberId: 'x', members: [{ memberId: 'x' }] })),
    ask('describe the empty group', describeGroups, run => ({ groups: [run.name('g')] })),
    ask('delete offsets', offsetDelete, run => ({ groupId: run.name('g'), topics: [{ name: run.name('g1'), partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] }] })),
    ask('delete the group', deleteGroups, run => ({ groupsNames: [run.name('g')] })),
    ask('describe the deleted group', describeGroups, run => ({ groups: [run.name('g')] })),
  ],
}

export const groupLists: Scenario = {
  name: 'groups are listed', rungs: 6, steps: [
    makeTopics({ name: 'g1' }),
    ask('join', joinGroup, member(null), { keep: keepMember('m1') }), ask('join', joinGroup, member('m1'), { keep: keepMember('m1') }), ask('sync', syncGroup, sync({ assign: true })),
    ask('simple commit', offsetCommit, commit({ group: 'simple', ...NOBODY })),
    ask('all', listGroups, {}), ask('stable ones', listGroups, { statesFilter: ['Stable'], typesFilter: [] }), ask('stable ones, in small letters', listGroups, { statesFilter: ['stable'] }),
    ask('of a strange state', listGroups, { statesFilter: ['Tired'] }), ask('classic ones', listGroups, { typesFilter: ['classic'] }), ask('consumer ones', listGroups, { typesFilter: ['consumer'] }),
    ask('of a strange type', listGroups, { typesFilter: ['strange'] }),
    ask('leave', leaveGroup, run => ({ groupId: run.name('g'), memberId: run.text('m1'), members: [{ memberId: run.text('m1') }] })),
    ask('delete', deleteGroups, run => ({ groupsNames: [run.name('g'), run.name('simple')] })),
  ],
}

export const staticMembers: Scenario = {
  name: 'static members return, are fenced and are removed', rungs: 5, steps: [
    makeTopics({ name: 'g1' }),
    ask('join', joinGroup, member(null, { group: 's', groupInstanceId: 'i1' }), { keep: keepMember('s1'), from: 5 }),
    ask('sync', syncGroup, sync({ group: 's', member: 's1', instance: 'i1', assign: true }), { from: 3 }),
    ask('return', joinGroup, member(null, { group: 's', groupInstanceId: 'i1' }), { keep: keepMember('s2'), from: 5 }),
    ask('the old id is fenced', heartbeat, beat({ group: 's', member: 's1', instance: 'i1' }), { from: 3 }),
    ask('the old id joins', joinGroup, member('s1', { group: 's', groupInstanceId: 'i1' }), { from: 5 }),
    ask('the old id syncs', syncGroup, sync({ group: 's', member: 's1', instance: 'i1' }), { from: 3 }),
    ask('the old id commits', offsetCommit, commit({ group: 's', member: 's1', instance: 'i1' }), { from: 7 }),
    ask('sync again', syncGroup, sync({ group: 's', member: 's2', instance: 'i1' }), { from: 3 }),
    ask('described', describeGroups, run => ({ groups: [run.name('s')] })),
    ask('another protocol type', joinGroup, member(null, { group: 's', groupInstanceId: 'i2', protocolType: 'connect' }), { from: 5 }),
    ask('no protocol in common', joinGroup, member(null, { group: 's', groupInstanceId: 'i2', protocols: [{ name: 'sticky', metadata: Buffer.alloc(0) }] }), { from: 5 }),
    ask('removed by the administrator', leaveGroup, run => ({ groupId: run.name('s'), members: [{ memberId: '', groupInstanceId: 'i1' }] }), { from: 3 }),
  ],
}

const keepBoth = (name: string) => ({ keep: keepMember(name) })

export const rebalances: Scenario = {
  name: 'two members share a group', rungs: 6, steps: [
    makeTopics({ name: 'g1', partitions: 2 }),
    ask('first', joinGroup, member(null), keepBoth('m1')), ask('first, with its id', joinGroup, member('m1'), keepBoth('m1')), ask('sync', syncGroup, sync({ assign: true })),
    ask('second gets an id', joinGroup, member(null), { ...keepBoth('m2'), from: 4 }),
    together('both join', joinGroup, [member('m1'), member('m2')], [{ ...keepBoth('m1'), connection: 'main' }, keepBoth('m2')]),
    ask('heartbeat', heartbeat, beat()), ask('the second leaves', leaveGroup, run => ({ groupId: run.name('g'), memberId: run.text('m2'), members: [{ memberId: run.text('m2') }] })),
    ask('heartbeat tells of it', heartbeat, beat()),
    ask('the first joins again', joinGroup, member('m1'), keepBoth('m1')), ask('syncs', syncGroup, sync({ assign: true })),
  ],
}
