import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Assignor, MemberAssignment, SubscribedMember } from './assignor.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import { withoutOwnedByOthers } from './hand-over.ts'
import { PartitionSet } from './partition-set.ts'
import { rangeAssignor } from './range-assignor.ts'
import { cooperativeStickyAssignor } from './sticky-assignor.ts'
import type { TopicPartition } from './types.ts'

const member = (memberId: string, topics: readonly string[], more: Partial<SubscribedMember> = {}): SubscribedMember =>
  ({ memberId, topics, groupInstanceId: undefined, owned: [], generation: -1, userData: undefined, ...more })
const names = (assigned: ReadonlyMap<string, MemberAssignment>): Record<string, string[]> =>
  Object.fromEntries([...assigned].map(([memberId, { partitions }]) => [memberId, partitions.map(({ topic, partition }) => `${topic}${partition}`)]))

test('range gives consecutive partitions per topic, the first members one more', () => {
  const members = [member('c', ['x', 'y']), member('a', ['x', 'y']), member('b', ['x'])]
  assert.deepEqual(names(rangeAssignor.assign(members, new Map([['x', 7], ['y', 3]]))), {
    c: ['x5', 'x6', 'y2'], a: ['x0', 'x1', 'x2', 'y0', 'y1'], b: ['x3', 'x4'],
  })
})

test('range puts static members first, in order of their ids', () => {
  const members = [member('1', ['x']), member('2', ['x'], { groupInstanceId: 'z' }), member('3', ['x'], { groupInstanceId: 'y' })]
  assert.deepEqual(names(rangeAssignor.assign(members, new Map([['x', 3]]))), { 1: ['x2'], 2: ['x1'], 3: ['x0'] })
})

test('a topic that does not exist gives nothing, and more members than partitions leave some without', () => {
  for (const assignor of [rangeAssignor, cooperativeStickyAssignor]) {
    const assigned = names(assignor.assign([member('a', ['x', 'absent']), member('b', ['x']), member('c', ['absent'])], new Map([['x', 1], ['absent', 0]])))
    assert.deepEqual(Object.values(assigned).flat(), ['x0'], assignor.name)
  }
})

/** Runs rounds as a group does until nobody has to give anything up; checks at each that no partition is owned twice. */
function settle(assignor: Assignor, members: readonly SubscribedMember[], counts: ReadonlyMap<string, number>): { members: SubscribedMember[], rounds: number, moved: number } {
  let now = [...members]
  let moved = 0
  for (let rounds = 1; rounds < 5; rounds++) {
    const safe = withoutOwnedByOthers(assignor.assign(now, counts), now)
    const owners = new PartitionSet<string>()
    for (const each of now) {
      const part = safe.get(each.memberId)?.partitions ?? []
      for (const at of part) {
        assert.equal(owners.has(at), false, 'given twice')
        owners.set(at, each.memberId)
        const other = now.find(rival => rival !== each && rival.owned.some(owned => owned.topic === at.topic && owned.partition === at.partition))
        assert.equal(other, undefined, 'given while another owns it')
      }
    }
    const next = now.map(each => ({ ...each, generation: rounds + 100, owned: safe.get(each.memberId)?.partitions ?? [] }))
    const revoked = now.reduce((sum, each, index) => sum + each.owned.filter(at => !has(next[index]?.owned ?? [], at)).length, 0)
    moved += revoked
    now = next
    if (revoked === 0) return { members: now, rounds, moved }
  }
  throw new Error('the assignment does not settle')
}

const has = (list: readonly TopicPartition[], at: TopicPartition): boolean => list.some(each => each.topic === at.topic && each.partition === at.partition)

test('cooperative-sticky: random groups settle in few rounds, balanced, complete, and moving no more than needed', () => {
  let seed = 7
  const below = (limit: number): number => (seed = Math.imul(seed, 1_103_515_245) + 12_345 >>> 0) % limit
  for (let round = 0; round < 300; round++) {
    const topics = ['x', 'y', 'z'].slice(0, 1 + below(3))
    const counts = new Map(topics.map(topic => [topic, below(12)]))
    const total = [...counts.values()].reduce((a, b) => a + b, 0)
    let members = Array.from({ length: 1 + below(5) }, (_, index) => member(`m${index}`, topics))
    members = settle(cooperativeStickyAssignor, members, counts).members
    check(members, total)
    const before = members.map(each => each.owned.length)
    // One joins: it takes only its share, and the others keep the rest.
    const joined = settle(cooperativeStickyAssignor, [...members, member('new', topics)], counts)
    check(joined.members, total)
    assert.equal(joined.moved, joined.members.at(-1)?.owned.length, `only what the new one gets is moved: ${before.join()}`)
    // One leaves: nobody gives up anything.
    const left = settle(cooperativeStickyAssignor, joined.members.slice(1), counts)
    check(left.members, total)
    assert.equal(left.moved, 0)
  }
  function check(members: readonly SubscribedMember[], total: number): void {
    const sizes = members.map(each => each.owned.length)
    assert.equal(sizes.reduce((a, b) => a + b, 0), total)
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `balanced: ${sizes.join()}`)
  }
})

test('cooperative-sticky: subscriptions of its members may differ', () => {
  const settled = settle(cooperativeStickyAssignor, [member('a', ['x', 'y']), member('b', ['y']), member('c', ['x'])], new Map([['x', 4], ['y', 2]]))
  assert.deepEqual(settled.members.map(each => each.owned.length), [2, 2, 2])
  for (const each of settled.members) for (const at of each.owned) assert.ok(each.topics.includes(at.topic))
})

test('cooperative-sticky: of two that claim a partition the later generation keeps it', () => {
  const owned = [{ topic: 'x', partition: 0 }]
  const stale = member('a', ['x'], { owned, generation: 3 })
  const current = member('b', ['x'], { owned, generation: 4 })
  assert.deepEqual(names(withoutOwnedByOthers(cooperativeStickyAssignor.assign([stale, current], new Map([['x', 1]])), [stale, current])), { a: [], b: ['x0'] })
  // A member that writes its generation into the user data, as version 1 of the protocol has it.
  const old = member('c', ['x'], { owned, userData: Buffer.from([0, 0, 0, 9]) })
  assert.deepEqual(names(withoutOwnedByOthers(cooperativeStickyAssignor.assign([current, old], new Map([['x', 1]])), [current, old])), { b: [], c: ['x0'] })
})

test('what moves is left out of the round in which its owner still has it', () => {
  const owner = member('a', ['x'], { owned: [{ topic: 'x', partition: 0 }, { topic: 'x', partition: 1 }], generation: 5 })
  const joiner = member('b', ['x'])
  const safe = names(withoutOwnedByOthers(cooperativeStickyAssignor.assign([owner, joiner], new Map([['x', 2]])), [owner, joiner]))
  assert.equal(safe['a']?.length, 1)
  assert.deepEqual(safe['b'], [])
})

test('subscriptions and assignments survive the way over the wire', () => {
  const subscription = { topics: ['a', '主题'], userData: Buffer.from('data'), owned: [{ topic: 'a', partition: 3 }, { topic: '主题', partition: 0 }, { topic: 'a', partition: 1 }], generation: 12 }
  const decoded = decodeSubscription(encodeSubscription(subscription))
  assert.deepEqual({ ...decoded, owned: decoded.owned.length }, { ...subscription, owned: 3 })
  assert.deepEqual(decodeSubscription(encodeSubscription({ topics: [], userData: undefined, owned: [], generation: -1 })), { topics: [], userData: undefined, owned: [], generation: -1 })
  const assignment = { partitions: [{ topic: 'a', partition: 1 }], userData: Buffer.from('x') }
  assert.deepEqual(decodeAssignment(encodeAssignment(assignment)), assignment)
  assert.deepEqual(decodeAssignment(Buffer.alloc(0)), { partitions: [], userData: undefined })
  assert.throws(() => decodeSubscription(Buffer.from([0, 1, 0x7f, 0xff, 0xff, 0xff])), { code: 'FRAME_MALFORMED' })
})
