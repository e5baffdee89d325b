import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import { assign, NOTHING_ASSIGNED } from './assignors.ts'
import type { AssignedMember, Assignment, AssignorName } from './assignors.ts'

const member = (memberId: string, topicIds: readonly string[], target: Assignment = NOTHING_ASSIGNED, instanceId: string | null = null): AssignedMember => ({ memberId, instanceId, topicIds, target })
const size = (assignment: Assignment | undefined): number => [...assignment?.values() ?? []].reduce((sum, partitions) => sum + partitions.length, 0)

test('range: neighbours, alike for topics of one size, the first members take the remainder, static members stand by their instance id', () => {
  const made = assign('range', [member('z', ['a', 'b'], NOTHING_ASSIGNED, '1'), member('y', ['a', 'b'], NOTHING_ASSIGNED, '2'), member('x', ['b'], NOTHING_ASSIGNED, '3')], new Map([['a', 5], ['b', 3]]))
  assert.deepEqual(Object.fromEntries(made), { z: new Map([['a', [0, 1, 2]], ['b', [0]]]), y: new Map([['a', [3, 4]], ['b', [1]]]), x: new Map([['b', [2]]]) })
})

test('uniform: balanced over topics, and a new member takes only what it must', () => {
  const counts = new Map([['a', 3], ['b', 4]])
  const alone = assign('uniform', [member('m1', ['a', 'b'])], counts)
  assert.equal(size(alone.get('m1')), 7)
  const two = assign('uniform', [member('m1', ['a', 'b'], alone.get('m1')), member('m2', ['a', 'b'])], counts)
  assert.deepEqual([size(two.get('m1')), size(two.get('m2'))], [4, 3])
  const again = assign('uniform', [member('m1', ['a', 'b'], two.get('m1')), member('m2', ['a', 'b'], two.get('m2'))], counts)
  assert.deepEqual(again, two)
})

for (const assignor of ['uniform', 'range'] as const) {
  test(`${assignor}, random groups: every partition has one subscribed reader; uniform is balanced and keeps what it can`, () => {
    const random = seededRandom()
    for (let round = 0; round < 150; round++) randomGroup(assignor, random)
  })
}

function randomGroup(assignor: AssignorName, random: ReturnType<typeof seededRandom>): void {
  const counts = new Map(Array.from({ length: 1 + random.below(4) }, (_, index) => [`t${index}`, 1 + random.below(9)]))
  let members: AssignedMember[] = []
  for (let step = 0; step < 6; step++) {
    if (members.length > 0 && random.below(3) === 0) members.splice(random.below(members.length), 1)
    else members.push(member(`m${step}`, random.below(3) === 0 ? [...counts.keys()].filter(() => random.below(2) === 0) : [...counts.keys()]))
    const topic = `t${random.below(counts.size)}`
    counts.set(topic, (counts.get(topic) ?? 0) + random.below(3))
    const made = assign(assignor, members, counts)
    check(assignor, members, counts, made, random.seedText)
    members = members.map(each => ({ ...each, target: made.get(each.memberId) ?? NOTHING_ASSIGNED }))
  }
}

function check(assignor: AssignorName, members: readonly AssignedMember[], counts: ReadonlyMap<string, number>, made: ReadonlyMap<string, Assignment>, seed: string): void {
  const owners = new Map<string, AssignedMember>()
  for (const each of members) {
    for (const [topicId, partitions] of made.get(each.memberId) ?? []) {
      assert.ok(each.topicIds.includes(topicId), seed)
      for (const partition of partitions) {
        assert.ok(!owners.has(`${topicId}/${partition}`), seed)
        owners.set(`${topicId}/${partition}`, each)
      }
    }
  }
  for (const [topicId, count] of counts) {
    if (!members.some(each => each.topicIds.includes(topicId))) continue
    for (let partition = 0; partition < count; partition++) assert.ok(owners.has(`${topicId}/${partition}`), `${topicId}/${partition} has no reader, ${seed}`)
  }
  if (assignor === 'range') return
  for (const [partition, owner] of owners) {
    for (const other of members) {
      if (!other.topicIds.includes(partition.split('/')[0] ?? '')) continue
      assert.ok(size(made.get(owner.memberId)) - size(made.get(other.memberId)) < 2, `${partition} should have moved from ${owner.memberId} to ${other.memberId}, ${seed}`)
    }
  }
}
