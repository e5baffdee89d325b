/** Consumer groups (KIP-848) over the wire: commits, other APIs on such groups, restarts, and the change from and to the classic protocol. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Sim } from '../../testing/sim/sim.ts'
import { offsetCommit } from '../../wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../../wire/apis/09-offset-fetch.ts'
import { joinGroup } from '../../wire/apis/11-join-group.ts'
import { heartbeat } from '../../wire/apis/12-heartbeat.ts'
import { leaveGroup } from '../../wire/apis/13-leave-group.ts'
import { describeGroups } from '../../wire/apis/15-describe-groups.ts'
import { listGroups } from '../../wire/apis/16-list-groups.ts'
import { createTopics } from '../../wire/apis/19-create-topics.ts'
import { initProducerId } from '../../wire/apis/22-init-producer-id.ts'
import { endTxn } from '../../wire/apis/26-end-txn.ts'
import { txnOffsetCommit } from '../../wire/apis/28-txn-offset-commit.ts'
import { deleteGroups } from '../../wire/apis/42-delete-groups.ts'
import { offsetDelete } from '../../wire/apis/47-offset-delete.ts'
import { consumerGroupHeartbeat } from '../../wire/apis/68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from '../../wire/apis/69-consumer-group-describe.ts'
import { loadCompression } from '../../wire/compression.ts'
import { errorName } from '../../wire/error-codes.ts'
import type { Api, RequestInput, ResponseOf } from '../../wire/schema.ts'
import { WireClient } from '../../../test/support/wire-client.ts'
import { Broker } from '../broker.ts'

before(() => loadCompression())

interface Running {
  readonly sim: Sim
  readonly broker: Broker
  ask<A extends Api>(api: A, version: number, body: RequestInput<A>): Promise<ResponseOf<A>>
  beat(more: Partial<RequestInput<typeof consumerGroupHeartbeat>>, version?: number): Promise<{ readonly error: string; readonly memberId: string | null; readonly epoch: number; readonly partitions: number[] | null }>
}

async function start(sim = new Sim({ seed: 1 })): Promise<Running> {
  const broker = await sim.run(Broker.start(sim.process('broker').env, { directory: '/data', port: 9092, groupConsumerSessionTimeoutMs: 10_000 }))
  const client = await sim.run(WireClient.connect(sim.process('client').env, 9092))
  const ask: Running['ask'] = (api, version, body) => sim.run(client.request(api, version, body))
  await ask(createTopics, 7, { topics: [{ name: 't', numPartitions: 2, replicationFactor: 1 }] })
  return {
    sim, broker, ask,
    async beat(more, version = 1) {
      const answer = await ask(consumerGroupHeartbeat, version, { groupId: 'g', memberId: 'm', memberEpoch: 0, ...more })
      return { error: errorName(answer.errorCode), memberId: answer.memberId, epoch: answer.memberEpoch, partitions: answer.assignment?.topicPartitions.flatMap(each => each.partitions) ?? null }
    },
  }
}

const JOIN = { memberEpoch: 0, rebalanceTimeoutMs: 5000, subscribedTopicNames: ['t'], topicPartitions: [] }
const OFFSET = [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: 'm' }] }]
const committed = async ({ ask }: Running): Promise<number | undefined> => (await ask(offsetFetch, 9, { groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }] })).groups[0]?.topics[0]?.partitions[0]?.committedOffset

test('commits and reads of a member are fenced by its epoch', async () => {
  const running = await start()
  const { epoch } = await running.beat(JOIN)
  const commit = async (version: number, generationIdOrMemberEpoch: number, memberId = 'm', groupId = 'g'): Promise<string> => {
    const answer = await running.ask(offsetCommit, version, { groupId, generationIdOrMemberEpoch, memberId, topics: OFFSET })
    return errorName(answer.topics[0]?.partitions[0]?.errorCode ?? -1)
  }
  assert.equal(await commit(9, epoch - 1), 'STALE_MEMBER_EPOCH')
  assert.equal(await commit(9, epoch, 'stranger'), 'UNKNOWN_MEMBER_ID')
  assert.equal(await commit(9, -1, ''), 'UNKNOWN_MEMBER_ID')
  assert.equal(await commit(8, epoch), 'UNSUPPORTED_VERSION')
  assert.equal(await commit(9, epoch, 'm', 'nowhere'), 'GROUP_ID_NOT_FOUND')
  assert.equal(await commit(8, epoch, 'm', 'nowhere'), 'ILLEGAL_GENERATION')
  assert.equal(await committed(running), -1)
  assert.equal(await commit(9, epoch), 'NONE')
  const read = async (memberId: string | null, memberEpoch: number): Promise<string> => errorName((await running.ask(offsetFetch, 9, { groups: [{ groupId: 'g', memberId, memberEpoch, topics: null }] })).groups[0]?.errorCode ?? -1)
  assert.deepEqual([await read('m', epoch), await read('m', epoch + 1), await read('x', epoch), await read(null, -1)], ['NONE', 'STALE_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID', 'NONE'])
  await running.beat({ memberEpoch: -1 })
  assert.equal(await commit(9, -1, ''), 'NONE', 'nobody is there: an admin may')
})

test('offsets of a transaction are fenced by the member epoch, too', async () => {
  const running = await start()
  const { epoch } = await running.beat(JOIN)
  const producer = await running.ask(initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 60_000 })
  const commit = async (generationId: number, memberId: string): Promise<string> => {
    const answer = await running.ask(txnOffsetCommit, 5, { ...producer, transactionalId: 'tx', groupId: 'g', generationId, memberId, topics: OFFSET })
    return errorName(answer.topics[0]?.partitions[0]?.errorCode ?? -1)
  }
  assert.deepEqual([await commit(epoch + 1, 'm'), await commit(epoch, 'x'), await commit(epoch, 'm')], ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NONE'])
  assert.equal(await committed(running), -1)
  await running.ask(endTxn, 5, { ...producer, transactionalId: 'tx', committed: true })
  assert.equal(await committed(running), 7)
})

test('the other APIs on such a group', async () => {
  const { ask, beat } = await start()
  await beat({ ...JOIN, instanceId: 'i' })
  const [described] = (await ask(consumerGroupDescribe, 1, { groupIds: ['g'], includeAuthorizedOperations: true })).groups
  assert.deepEqual([described?.groupState, described?.assignorName, described?.members[0]?.assignment.topicPartitions[0]?.topicName, described?.members[0]?.memberType], ['Stable', 'uniform', 't', 1])
  assert.deepEqual((await ask(describeGroups, 5, { groups: ['g'] })).groups.map(group => [errorName(group.errorCode), group.groupState]), [['NONE', 'Dead']])
  assert.deepEqual((await ask(describeGroups, 6, { groups: ['g'] })).groups.map(group => [errorName(group.errorCode), group.errorMessage]), [['GROUP_ID_NOT_FOUND', 'Group g is not a classic group.']])
  const listed = async (typesFilter: string[], statesFilter: string[] = []): Promise<string[]> => (await ask(listGroups, 5, { statesFilter, typesFilter })).groups.map(group => `${group.groupId} ${group.protocolType} ${group.groupType} ${group.groupState}`)
  assert.deepEqual([await listed(['Consumer'], ['stable']), await listed(['classic']), await listed([], ['empty'])], [['g consumer consumer Stable'], [], []])
  assert.equal(errorName((await ask(deleteGroups, 2, { groupsNames: ['g'] })).results[0]?.errorCode ?? -1), 'NON_EMPTY_GROUP')
  assert.equal(errorName((await ask(offsetDelete, 0, { groupId: 'g', topics: [{ name: 't', partitions: [{ partitionIndex: 0 }] }] })).topics[0]?.partitions[0]?.errorCode ?? -1), 'GROUP_SUBSCRIBED_TO_TOPIC')
  assert.equal(errorName((await ask(heartbeat, 4, { groupId: 'g', generationId: 1, memberId: 'm' })).errorCode), 'UNKNOWN_MEMBER_ID')
  const left = await ask(leaveGroup, 5, { groupId: 'g', members: [{ memberId: '', groupInstanceId: 'j' }, { memberId: '', groupInstanceId: 'i' }] })
  assert.deepEqual(left.members.map(member => errorName(member.errorCode)), ['UNKNOWN_MEMBER_ID', 'NONE'])
  assert.equal((await beat({ memberEpoch: 2 })).error, 'UNKNOWN_MEMBER_ID')
})

test('a broker that is killed comes back with groups, epochs and assignments; no member notices', async () => {
  const sim = new Sim({ seed: 5 })
  const before = await start(sim)
  const first = await before.beat(JOIN)
  await before.beat({ ...JOIN, memberId: 'other' })
  const revoking = await before.beat({ memberEpoch: first.epoch })
  assert.deepEqual(revoking.partitions?.length, 1)
  sim.powerCut()
  const after = await start(sim)
  assert.deepEqual(await after.beat({ memberEpoch: first.epoch }), { error: 'NONE', memberId: 'm', epoch: first.epoch, partitions: null })
  const topicId = (await after.ask(consumerGroupDescribe, 1, { groupIds: ['g'] })).groups[0]?.members[0]?.assignment.topicPartitions[0]?.topicId ?? ''
  const given = await after.beat({ memberEpoch: first.epoch, topicPartitions: [{ topicId, partitions: revoking.partitions ?? [] }] })
  assert.equal(given.epoch, first.epoch + 1)
  assert.equal((await after.beat({ memberId: 'other', memberEpoch: given.epoch })).partitions?.length, 1)
  await sim.advance(10_001)
  assert.equal((await after.beat({ memberEpoch: given.epoch })).error, 'UNKNOWN_MEMBER_ID', 'sessions go on after the restart')
  assert.equal((await after.ask(deleteGroups, 2, { groupsNames: ['g'] })).results[0]?.errorCode, 0)
  await sim.run(after.broker.close())
  const last = await start(sim)
  assert.deepEqual((await last.ask(listGroups, 5, {})).groups, [])
})

test('a group without members changes its protocol and keeps its offsets; one with members does not', async () => {
  const sim = new Sim({ seed: 6 })
  const running = await start(sim)
  const join = async (memberId = ''): Promise<string> => errorName((await running.ask(joinGroup, 3, { groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId, protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] })).errorCode)
  await running.ask(offsetCommit, 8, { groupId: 'g', topics: OFFSET })
  assert.equal((await running.beat(JOIN)).error, 'NONE', 'classic and empty: it may')
  assert.equal(await committed(running), 7)
  assert.equal(await join(), 'INCONSISTENT_GROUP_PROTOCOL')
  await running.beat({ memberEpoch: -1 })
  assert.equal(await join(), 'NONE', 'and back')
  assert.equal((await running.beat({ ...JOIN, memberId: 'n' })).error, 'GROUP_ID_NOT_FOUND')
  assert.equal(await committed(running), 7)
  sim.powerCut()
  const again = await start(sim)
  assert.deepEqual((await again.ask(listGroups, 5, {})).groups.map(group => group.groupType), ['classic'])
  assert.equal(await committed(again), 7)
})

test('version 0: the broker names the member', async () => {
  const { beat } = await start()
  const joined = await beat({ ...JOIN, memberId: '' }, 0)
  assert.equal(joined.error, 'NONE')
  assert.ok((joined.memberId ?? '').length > 0)
  assert.equal((await beat({ memberId: joined.memberId ?? '', memberEpoch: joined.epoch }, 0)).error, 'NONE')
  assert.equal((await beat({ ...JOIN, memberId: '' }, 1)).error, 'INVALID_REQUEST')
})
