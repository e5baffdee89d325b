import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '../../testing/sim/sim.ts'
import type { Sim } from '../../testing/sim/sim.ts'
import { Group } from './group.ts'
import type { JoinRequest, JoinResult, SyncResult } from './member.ts'
import { Rebalance } from './rebalance.ts'

interface Fixture {
  readonly sim: Sim
  readonly group: Group
  readonly rebalance: Rebalance
  stores: number
  join(request?: Partial<JoinRequest>): Promise<JoinResult>
  sync(memberId: string, generationId: number, assignments?: Record<string, string>): Promise<SyncResult>
}

function fixture(initialRebalanceDelayMs = 0): Fixture {
  const { sim, env } = simEnv({ seed: 1 })
  let ids = 0
  const group = new Group('g', env.clock.now())
  const made: Fixture = {
    sim, group, stores: 0,
    rebalance: new Rebalance({
      clock: env.clock, initialRebalanceDelayMs, newId: () => `id${ids++}`,
      store: () => { made.stores++; return env.clock.sleep(2) },
    }),
    join: (request = {}) => new Promise(resolve => made.rebalance.join(group, {
      memberId: '', groupInstanceId: null, clientId: 'c', clientHost: '/h', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 30_000, protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('sub') }], requireKnownMemberId: false, supportsSkippingAssignment: true, ...request,
    }, resolve)),
    sync: (memberId, generationId, assignments = {}) => new Promise(resolve => made.rebalance.sync(group, {
      memberId, groupInstanceId: null, generationId, protocolType: 'consumer', protocolName: 'range',
      assignments: Object.entries(assignments).map(([id, assignment]) => ({ memberId: id, assignment: Buffer.from(assignment) })),
    }, resolve)),
  }
  return made
}

/** A stable group of one member. */
async function stable(made: Fixture, request: Partial<JoinRequest> = {}): Promise<JoinResult> {
  const joined = await made.sim.run(made.join(request))
  await made.sim.run(made.sync(joined.memberId, joined.generationId, { [joined.memberId]: 'all' }))
  return joined
}

test('a first member joins, leads, and gets its own assignment once it is stored', async () => {
  const made = fixture()
  const joined = await made.sim.run(made.join())
  assert.equal(joined.error, 'NONE')
  assert.equal(joined.leaderId, joined.memberId)
  assert.equal(joined.generationId, 1)
  assert.equal(joined.members.length, 1)
  const synced = await made.sim.run(made.sync(joined.memberId, 1, { [joined.memberId]: 'all' }))
  assert.deepEqual([synced.error, synced.assignment.toString()], ['NONE', 'all'])
  assert.equal(made.stores, 1)
  assert.equal(made.group.state, 'stable')
})

test('a new dynamic member is first given an id, and one that never uses it is forgotten', async () => {
  const made = fixture()
  const asked = await made.sim.run(made.join({ requireKnownMemberId: true }))
  assert.equal(asked.error, 'MEMBER_ID_REQUIRED')
  assert.equal(made.group.pendingMembers.size, 1)
  const joined = await made.sim.run(made.join({ requireKnownMemberId: true, memberId: asked.memberId }))
  assert.equal(joined.error, 'NONE')
  const other = await made.sim.run(made.join({ requireKnownMemberId: true }))
  await made.sim.advance(10_001)
  assert.equal(made.group.pendingMembers.size, 0)
  assert.equal((await made.sim.run(made.join({ memberId: other.memberId }))).error, 'UNKNOWN_MEMBER_ID')
})

test('members who offer nothing in common are refused', async () => {
  const made = fixture()
  await stable(made)
  assert.equal((await made.sim.run(made.join({ protocols: [{ name: 'sticky', metadata: Buffer.alloc(0) }] }))).error, 'INCONSISTENT_GROUP_PROTOCOL')
  assert.equal((await made.sim.run(made.join({ protocolType: 'connect' }))).error, 'INCONSISTENT_GROUP_PROTOCOL')
})

test('a second member makes the first join again; who is late beyond its rebalance timeout is removed', async () => {
  const made = fixture()
  const first = await stable(made)
  const second = made.join()
  await made.sim.advance(1)
  assert.equal(made.rebalance.heartbeat(made.group, first.memberId, null, 1), 'REBALANCE_IN_PROGRESS')
  assert.equal((await made.sim.run(made.sync(first.memberId, 1))).error, 'REBALANCE_IN_PROGRESS')
  // The first never joins again, but keeps its session alive.
  for (let at = 0; at < 5; at++) {
    await made.sim.advance(7000)
    if (at < 4) made.rebalance.heartbeat(made.group, first.memberId, null, 1)
  }
  const joined = await made.sim.run(second)
  assert.equal(joined.generationId, 2)
  assert.equal(joined.members.length, 1)
  assert.equal(made.rebalance.heartbeat(made.group, first.memberId, null, 1), 'UNKNOWN_MEMBER_ID')
})

test('a rebalance in the middle of syncing ends the waiting syncs with REBALANCE_IN_PROGRESS', async () => {
  const made = fixture()
  const first = await stable(made)
  const joins = [made.join(), made.join({ memberId: first.memberId })]
  const [second, again] = await Promise.all(joins.map(join => made.sim.run(join)))
  assert.ok(again !== undefined && second !== undefined)
  const follower = again.leaderId === again.memberId ? second : again
  const waiting = made.sync(follower.memberId, 2)
  await made.sim.advance(1)
  void made.join()
  assert.equal((await made.sim.run(waiting)).error, 'REBALANCE_IN_PROGRESS')
})

test('a silent member expires, and a later heartbeat does not revive it', async () => {
  const made = fixture()
  const joined = await stable(made)
  await made.sim.advance(9_999)
  assert.equal(made.rebalance.heartbeat(made.group, joined.memberId, null, 1), 'NONE')
  await made.sim.advance(10_001)
  assert.equal(made.group.state, 'empty')
  assert.equal(made.group.generationId, 2)
  assert.equal(made.rebalance.heartbeat(made.group, joined.memberId, null, 1), 'UNKNOWN_MEMBER_ID')
})

test('an old generation is told so, in heartbeat and sync', async () => {
  const made = fixture()
  const first = await stable(made)
  const again = await made.sim.run(made.join({ memberId: first.memberId }))
  assert.equal(again.generationId, 2)
  assert.equal(made.rebalance.heartbeat(made.group, first.memberId, null, 1), 'ILLEGAL_GENERATION')
  assert.equal((await made.sim.run(made.sync(first.memberId, 1))).error, 'ILLEGAL_GENERATION')
})

test('a member that joined and never synced is removed after the rebalance timeout', async () => {
  const made = fixture()
  const joined = await made.sim.run(made.join({ sessionTimeoutMs: 60_000 }))
  assert.equal(made.group.state, 'completingRebalance')
  await made.sim.advance(30_001)
  assert.equal(made.group.state, 'empty')
  assert.equal(made.rebalance.heartbeat(made.group, joined.memberId, null, 1), 'UNKNOWN_MEMBER_ID')
})

test('a static member that returns keeps its assignment without a rebalance, and its old id is fenced', async () => {
  const made = fixture()
  const first = await made.sim.run(made.join({ groupInstanceId: 'i1' }))
  await made.sim.run(new Promise<SyncResult>(resolve => made.rebalance.sync(made.group, {
    memberId: first.memberId, groupInstanceId: 'i1', generationId: 1, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId: first.memberId, assignment: Buffer.from('mine') }],
  }, resolve)))
  const back = await made.sim.run(made.join({ groupInstanceId: 'i1' }))
  assert.equal(back.error, 'NONE')
  assert.equal(back.generationId, 1)
  assert.equal(back.skipAssignment, true)
  assert.notEqual(back.memberId, first.memberId)
  assert.equal(made.rebalance.heartbeat(made.group, first.memberId, 'i1', 1), 'FENCED_INSTANCE_ID')
  assert.equal(made.rebalance.heartbeat(made.group, back.memberId, 'i1', 1), 'NONE')
  assert.equal(made.group.members.get(back.memberId)?.assignment.toString(), 'mine')
})

test('a static member survives a rebalance that it misses, until its session ends', async () => {
  const made = fixture()
  const first = await made.sim.run(made.join({ groupInstanceId: 'i1', rebalanceTimeoutMs: 2000 }))
  const second = made.join({ rebalanceTimeoutMs: 2000 })
  await made.sim.advance(2001)
  const joined = await made.sim.run(second)
  assert.equal(joined.members.length, 2)
  assert.equal(joined.leaderId, joined.memberId)
  assert.ok(made.group.members.has(first.memberId))
  await made.sim.advance(10_001)
  assert.equal(made.group.members.has(first.memberId), false)
})

test('leaving: by member id, by instance id alone, unknown', async () => {
  const made = fixture()
  const dynamic = await stable(made)
  assert.equal(made.rebalance.leave(made.group, { memberId: 'nobody', groupInstanceId: null }), 'UNKNOWN_MEMBER_ID')
  assert.equal(made.rebalance.leave(made.group, { memberId: dynamic.memberId, groupInstanceId: null }), 'NONE')
  assert.equal(made.group.state, 'empty')
  await made.sim.run(made.join({ groupInstanceId: 'i1' }))
  assert.equal(made.rebalance.leave(made.group, { memberId: '', groupInstanceId: 'i2' }), 'UNKNOWN_MEMBER_ID')
  assert.equal(made.rebalance.leave(made.group, { memberId: '', groupInstanceId: 'i1' }), 'NONE')
  assert.equal(made.group.members.size, 0)
})

test('the first rebalance waits for others, and once more for each wave of them', async () => {
  const made = fixture(3000)
  const first = made.join()
  await made.sim.advance(2000)
  const second = made.join()
  await made.sim.advance(2000)
  const third = made.join()
  const results = await Promise.all([first, second, third].map(join => made.sim.run(join)))
  assert.deepEqual(results.map(result => result.generationId), [1, 1, 1])
  assert.equal(results.find(result => result.memberId === result.leaderId)?.members.length, 3)
})

test('random joins, leaves, syncs and silences: every request is answered once, and the group comes to rest', async () => {
  const made = fixture()
  let asked = 0
  let answered = 0
  let state = 12_345
  const random = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return state % limit
  }
  const known: string[] = ['']
  for (let step = 0; step < 400; step++) {
    const memberId = known[random(known.length)] ?? ''
    const kind = random(4)
    if (kind <= 1) {
      asked++
      void made.join({ memberId }).then(result => {
        answered++
        if (result.error === 'NONE') known.push(result.memberId)
      })
    } else if (kind === 2) {
      asked++
      void made.sync(memberId, made.group.generationId, { [memberId]: 'x' }).then(() => { answered++ })
    } else made.rebalance.leave(made.group, { memberId, groupInstanceId: null })
    await made.sim.advance(random(3000))
  }
  await made.sim.advance(10 * 60_000)
  assert.equal(answered, asked)
  assert.equal(made.group.state, 'empty')
})
