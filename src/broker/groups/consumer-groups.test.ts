import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import type { SeededRandom } from '../../../test/support/seeded-random.ts'
import { simEnv } from '../../testing/sim/sim.ts'
import type { Sim } from '../../testing/sim/sim.ts'
import type { Assignment } from './assignors.ts'
import { ConsumerGroups } from './consumer-groups.ts'
import type { HeartbeatAnswer } from './consumer-groups.ts'
import { readConsumerKey, readConsumerValue } from './consumer-records.ts'
import type { ConsumerHeartbeat } from './heartbeat-checks.ts'
import { size } from './reconcile.ts'
import { Refusal } from './refusal.ts'

const SESSION_MS = 10_000
const HEARTBEAT_MS = 1000
const GROUP = 'g'

interface Fixture {
  readonly sim: Sim
  groups: ConsumerGroups
  readonly topics: Map<string, number>
  readonly log: Map<string, { readonly key: Buffer; readonly value: Buffer | null }>
  refusesWrites: boolean
  setTopic(name: string, partitions: number | undefined): void
  heartbeat(request: Partial<ConsumerHeartbeat> & { memberId: string }): Promise<HeartbeatAnswer>
  /** As after a crash: all that is known is in the log, compacted. */
  restart(): void
}

const JOIN = { memberEpoch: 0, rebalanceTimeoutMs: 5000, owned: new Map<string, readonly number[]>(), subscribedTopicNames: ['a'] }

function fixture(seed = 1): Fixture {
  const { sim, env } = simEnv({ seed })
  let version = 0
  const topics = new Map<string, number>([['a', 4]])
  const log = new Map<string, { readonly key: Buffer; readonly value: Buffer | null }>()
  const open = (): ConsumerGroups => new ConsumerGroups({
    clock: env.clock, sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: HEARTBEAT_MS,
    topics: {
      get version() { return version }, names: () => topics.keys(),
      find: name => { const partitions = topics.get(name); return partitions === undefined ? undefined : { topicId: name.padEnd(22, 'A'), partitions } },
    },
    append: records => {
      if (made.refusesWrites) throw new Error('the disk is full')
      for (const record of records) {
        const key = record.key.toString('hex')
        log.delete(key)
        log.set(key, record)
      }
      return env.clock.sleep(2)
    },
  })
  const made: Fixture = {
    sim, topics, log, refusesWrites: false, groups: open(),
    setTopic(name, partitions) {
      version += 1
      if (partitions === undefined) topics.delete(name)
      else topics.set(name, partitions)
    },
    heartbeat: request => made.groups.heartbeat({
      groupId: GROUP, memberEpoch: 0, instanceId: null, rackId: null, rebalanceTimeoutMs: -1, subscribedTopicNames: null, subscribedTopicRegex: null, serverAssignor: null, owned: null,
      clientId: 'c', clientHost: '/h', ...request,
    }, { checkNew: () => { /* No classic groups here. */ }, makeRoom: () => { /* As above. */ } }),
    restart() {
      made.groups.close()
      made.groups = open()
      for (const { key, value } of log.values()) {
        const read = readConsumerKey(key)
        assert.ok(read !== undefined)
        made.groups.restore(read, value === null ? undefined : readConsumerValue(read.part.kind, value))
      }
      made.groups.start()
    },
  }
  return made
}

const partitionsOf = (assignment: Assignment | null): number[] => [...assignment?.values() ?? []].flat()

async function refused(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof Refusal, String(error))
  return error.error
}

test('a first member gets everything; a second one gets its half only once the first has given it up', async () => {
  const made = fixture()
  const run = made.sim.run.bind(made.sim)
  const first = await run(made.heartbeat({ memberId: 'm1', ...JOIN }))
  assert.deepEqual([first.memberEpoch, partitionsOf(first.assignment), first.heartbeatIntervalMs], [1, [0, 1, 2, 3], HEARTBEAT_MS])
  const second = await run(made.heartbeat({ memberId: 'm2', ...JOIN }))
  assert.deepEqual([second.memberEpoch, partitionsOf(second.assignment)], [2, []])
  assert.equal(made.groups.get(GROUP)?.state, 'reconciling')
  const topicId = [...first.assignment?.keys() ?? []][0] ?? ''
  const revoking = await run(made.heartbeat({ memberId: 'm1', memberEpoch: 1 }))
  assert.deepEqual([revoking.memberEpoch, partitionsOf(revoking.assignment)], [1, [0, 1]])
  assert.equal((await run(made.heartbeat({ memberId: 'm1', memberEpoch: 1 }))).assignment, null, 'nothing said: as before')
  assert.equal((await run(made.heartbeat({ memberId: 'm2', memberEpoch: 2 }))).assignment, null, 'not yet given up')
  assert.equal((await run(made.heartbeat({ memberId: 'm1', memberEpoch: 1, owned: new Map([[topicId, [0, 1]]]) }))).memberEpoch, 2)
  assert.deepEqual(partitionsOf((await run(made.heartbeat({ memberId: 'm2', memberEpoch: 2 }))).assignment), [2, 3])
  assert.equal(made.groups.get(GROUP)?.state, 'stable')
  await run(made.heartbeat({ memberId: 'm1', memberEpoch: -1 }))
  const all = await run(made.heartbeat({ memberId: 'm2', memberEpoch: 2 }))
  assert.deepEqual([all.memberEpoch, partitionsOf(all.assignment)], [3, [0, 1, 2, 3]])
})

test('epochs: newer and older ones are fenced, the one before is taken where the answer was lost', async () => {
  const made = fixture()
  const run = made.sim.run.bind(made.sim)
  await run(made.heartbeat({ memberId: 'm1', ...JOIN }))
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm1', memberEpoch: 2 }))), 'FENCED_MEMBER_EPOCH')
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm9', memberEpoch: 1 }))), 'UNKNOWN_MEMBER_ID')
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm1', groupId: 'other', memberEpoch: 1 }))), 'GROUP_ID_NOT_FOUND')
  made.setTopic('a', 5)
  const lost = await run(made.heartbeat({ memberId: 'm1', memberEpoch: 1 }))
  assert.equal(lost.memberEpoch, 2)
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm1', memberEpoch: 1 }))), 'FENCED_MEMBER_EPOCH', 'without what it owns')
  assert.equal((await run(made.heartbeat({ memberId: 'm1', memberEpoch: 1, owned: lost.assignment }))).memberEpoch, 2)
  const again = await run(made.heartbeat({ memberId: 'm1', ...JOIN }))
  assert.deepEqual([again.memberEpoch, partitionsOf(again.assignment)], [2, [0, 1, 2, 3, 4]], 'joining again is always possible')
})

test('a request that does not say what it must is refused before anything changes', async () => {
  const made = fixture()
  const wrong: readonly (readonly [string, Partial<ConsumerHeartbeat>])[] = [
    ['INVALID_REQUEST', { groupId: '' }], ['INVALID_REQUEST', { memberId: '' }], ['INVALID_REQUEST', { instanceId: '' }], ['INVALID_REQUEST', { rackId: '' }],
    ['INVALID_REQUEST', { rebalanceTimeoutMs: -1 }], ['INVALID_REQUEST', { owned: null }], ['INVALID_REQUEST', { owned: new Map([['x', [1]]]) }],
    ['INVALID_REQUEST', { subscribedTopicNames: [] }], ['INVALID_REQUEST', { memberEpoch: -3 }], ['INVALID_REQUEST', { memberEpoch: -2 }],
    ['UNSUPPORTED_ASSIGNOR', { serverAssignor: 'mine' }], ['INVALID_REGULAR_EXPRESSION', { subscribedTopicRegex: '(a' }], ['GROUP_ID_NOT_FOUND', { memberEpoch: -1 }],
  ]
  for (const [error, change] of wrong) assert.equal(await made.sim.run(refused(made.heartbeat({ memberId: 'm', ...JOIN, ...change }))), error, JSON.stringify(change))
  assert.equal(made.groups.list().length, 0)
  assert.equal(made.log.size, 0)
})

test('silence beyond the session, and revoking longer than the rebalance timeout, cost the membership', async () => {
  const made = fixture()
  const run = made.sim.run.bind(made.sim)
  await run(made.heartbeat({ memberId: 'm1', ...JOIN }))
  await run(made.heartbeat({ memberId: 'm2', ...JOIN }))
  await run(made.heartbeat({ memberId: 'm1', memberEpoch: 1 }))
  // m1 stays alive and never gives up what it is to.
  for (let at = 0; at < 4; at++) {
    await made.sim.advance(1200)
    await run(made.heartbeat({ memberId: 'm1', memberEpoch: 1 }))
    await run(made.heartbeat({ memberId: 'm2', memberEpoch: 2 }))
  }
  await made.sim.advance(1200)
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm1', memberEpoch: 1 }))), 'UNKNOWN_MEMBER_ID')
  assert.equal(partitionsOf((await run(made.heartbeat({ memberId: 'm2', memberEpoch: 2 }))).assignment).length, 4)
  await made.sim.advance(SESSION_MS + 1)
  assert.equal(made.groups.get(GROUP)?.state, 'empty')
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm2', memberEpoch: 3 }))), 'UNKNOWN_MEMBER_ID')
})

test('a static member that left for a while takes its place again under another id; who is not gone is not replaced', async () => {
  const made = fixture()
  const run = made.sim.run.bind(made.sim)
  await run(made.heartbeat({ memberId: 'm1', instanceId: 'i', ...JOIN }))
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm2', instanceId: 'i', ...JOIN }))), 'UNRELEASED_INSTANCE_ID')
  assert.equal((await run(made.heartbeat({ memberId: 'm1', instanceId: 'i', memberEpoch: -2 }))).memberEpoch, -2)
  const back = await run(made.heartbeat({ memberId: 'm2', instanceId: 'i', ...JOIN }))
  assert.deepEqual([back.memberEpoch, partitionsOf(back.assignment)], [1, [0, 1, 2, 3]], 'no rebalance')
  assert.equal(await run(refused(made.heartbeat({ memberId: 'm1', instanceId: 'i', memberEpoch: 1 }))), 'FENCED_INSTANCE_ID')
  made.restart()
  assert.equal((await run(made.heartbeat({ memberId: 'm2', instanceId: 'i', memberEpoch: 1 }))).assignment, null)
  await run(made.heartbeat({ memberId: 'm2', instanceId: 'i', memberEpoch: -2 }))
  await made.sim.advance(SESSION_MS + 1)
  assert.equal(made.groups.get(GROUP)?.members.size, 0)
})

test('an expression follows the topics that come and go; a subscription that changes moves partitions', async () => {
  const made = fixture()
  const run = made.sim.run.bind(made.sim)
  made.setTopic('orders-1', 2)
  const joined = await run(made.heartbeat({ memberId: 'm1', ...JOIN, subscribedTopicNames: null, subscribedTopicRegex: 'orders-\\d' }))
  assert.equal(partitionsOf(joined.assignment).length, 2)
  made.setTopic('orders-2', 3)
  made.setTopic('other', 3)
  const more = await run(made.heartbeat({ memberId: 'm1', memberEpoch: joined.memberEpoch, owned: joined.assignment }))
  assert.equal(partitionsOf(more.assignment).length, 5)
  made.restart()
  const changed = await run(made.heartbeat({ memberId: 'm1', memberEpoch: more.memberEpoch, subscribedTopicRegex: '', subscribedTopicNames: ['other'], owned: more.assignment }))
  assert.deepEqual([changed.memberEpoch, partitionsOf(changed.assignment)], [more.memberEpoch, []], 'first all is given up')
  const given = await run(made.heartbeat({ memberId: 'm1', memberEpoch: changed.memberEpoch, owned: new Map() }))
  assert.equal(partitionsOf(given.assignment).length, 3)
  assert.equal(made.groups.get(GROUP)?.regexes.size, 0)
})

test('an expression finds no topic that the client may not describe', async () => {
  const made = fixture()
  made.setTopic('secret', 3)
  const joined = await made.sim.run(made.heartbeat({ memberId: 'm1', ...JOIN, subscribedTopicNames: null, subscribedTopicRegex: '.*', mayDescribe: name => name !== 'secret' }))
  assert.deepEqual([...joined.assignment?.keys() ?? []].map(topicId => topicId[0]), ['a'])
})

test('what a full disk refused is written with the next change', async () => {
  const made = fixture()
  const run = made.sim.run.bind(made.sim)
  const first = await run(made.heartbeat({ memberId: 'm1', ...JOIN }))
  made.refusesWrites = true
  await assert.rejects(run(made.heartbeat({ memberId: 'm2', ...JOIN })), /disk is full/)
  made.refusesWrites = false
  await run(made.heartbeat({ memberId: 'm1', memberEpoch: first.memberEpoch }))
  made.restart()
  assert.equal(made.groups.get(GROUP)?.members.size, 2)
})

/** A consumer as a client is one: what it was told, what it really reads, and what it is still to stop reading. */
interface Consumer {
  memberId: string
  readonly instanceId: string | null
  readonly subscription: { readonly subscribedTopicNames: readonly string[] | null; readonly subscribedTopicRegex: string | null }
  epoch: number
  reads: Map<string, readonly number[]>
}

test('random groups: no partition is read by two members, and in the end each is read by one', async () => {
  for (let round = 0; round < 12; round++) await randomGroup(seededRandom())
})

async function randomGroup(random: SeededRandom): Promise<void> {
  const made = fixture(random.below(1e6))
  const consumers: Consumer[] = []
  let ids = 0
  const assignor = random.below(2) === 0 ? 'range' : 'uniform'
  const spawn = (instanceId: string | null): void => {
    const kind = random.below(4)
    consumers.push({
      memberId: `m${ids++}`, instanceId, epoch: 0, reads: new Map(),
      subscription: kind === 0 ? { subscribedTopicNames: [], subscribedTopicRegex: '[ab].*' } : { subscribedTopicNames: kind === 1 ? ['a', 'b'] : ['a'], subscribedTopicRegex: null },
    })
  }
  spawn('i0')
  for (let step = 0; step < 250; step++) {
    switch (random.below(14)) {
      case 0:
        if (consumers.length < 6) spawn(random.below(3) === 0 ? `i${ids}` : null)
        break
      case 1: {
        const leaver = consumers[random.below(consumers.length)]
        if (leaver !== undefined && consumers.length > 1) await leave(made, consumers, leaver, random)
        break
      }
      case 2:
        made.setTopic(random.below(2) === 0 ? 'a' : 'b', 1 + random.below(9))
        break
      case 3:
        if (random.below(4) === 0) made.restart()
        break
      default: {
        const consumer = consumers[random.below(consumers.length)]
        if (consumer !== undefined) await beat(made, consumer, assignor, random.below(8) === 0 ? 'answer lost' : 'answered', random)
      }
    }
    checkReaders(made, consumers, random.seedText)
    await made.sim.advance(random.below(300))
  }
  for (let quiet = 0; quiet < 40; quiet++) {
    for (const consumer of consumers) await beat(made, consumer, assignor, 'answered', random)
    checkReaders(made, consumers, random.seedText)
    await made.sim.advance(500)
  }
  const group = made.groups.get(GROUP)
  const wanted = new Set(consumers.flatMap(consumer => consumer.subscription.subscribedTopicNames?.includes('b') === true || consumer.subscription.subscribedTopicRegex !== null ? ['a', 'b'] : ['a']))
  const expected = [...wanted].reduce((sum, name) => sum + (made.topics.get(name) ?? 0), 0)
  assert.equal(group?.state, 'stable', random.seedText)
  assert.equal(consumers.reduce((sum, consumer) => sum + size(consumer.reads), 0), expected, `every partition has its reader, ${random.seedText}`)
}

async function beat(made: Fixture, consumer: Consumer, serverAssignor: string, fate: 'answered' | 'answer lost', random: SeededRandom): Promise<void> {
  const joins = consumer.epoch === 0
  const says = joins || random.below(2) === 0 ? { ...consumer.subscription, rebalanceTimeoutMs: 6000, owned: joins ? new Map<string, readonly number[]>() : consumer.reads } : {}
  try {
    const answer = await made.sim.run(made.heartbeat({ memberId: consumer.memberId, instanceId: consumer.instanceId, memberEpoch: consumer.epoch, serverAssignor, ...says }))
    // Who did not get the answer goes on as it was; a join is tried again.
    if (fate === 'answer lost') return
    consumer.epoch = answer.memberEpoch
    if (answer.assignment !== null) consumer.reads = new Map(answer.assignment)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    // Fenced: it stops reading at once and joins anew. Whose place is taken waits.
    if (error.error !== 'FENCED_MEMBER_EPOCH' && error.error !== 'UNKNOWN_MEMBER_ID' && error.error !== 'UNRELEASED_INSTANCE_ID' && error.error !== 'GROUP_ID_NOT_FOUND') throw error
    consumer.epoch = 0
    consumer.reads = new Map()
  }
}

/** It leaves, or dies without a word; a static one may come back under another id. */
async function leave(made: Fixture, consumers: Consumer[], leaver: Consumer, random: SeededRandom): Promise<void> {
  const memberEpoch = leaver.instanceId !== null ? -2 : -1
  if (random.below(2) === 0) await made.sim.run(made.heartbeat({ memberId: leaver.memberId, instanceId: leaver.instanceId, memberEpoch })).catch(() => { /* It was out already. */ })
  leaver.reads = new Map()
  leaver.epoch = 0
  if (leaver.instanceId !== null) leaver.memberId = `${leaver.memberId}+`
  else consumers.splice(consumers.indexOf(leaver), 1)
}

function checkReaders(made: Fixture, consumers: readonly Consumer[], seed: string): void {
  const readers = new Map<string, string>()
  for (const consumer of consumers) {
    // Who was taken out and does not know it yet may still read: only members count.
    if (made.groups.get(GROUP)?.members.get(consumer.memberId) === undefined) continue
    for (const [topicId, partitions] of consumer.reads) {
      for (const partition of partitions) {
        assert.equal(readers.get(`${topicId}/${partition}`), undefined, `${topicId}/${partition} is read by ${consumer.memberId} and another one, ${seed}`)
        readers.set(`${topicId}/${partition}`, consumer.memberId)
      }
    }
  }
}
