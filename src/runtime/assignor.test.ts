import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allShards, assignShards, decodeUserData, encodeUserData, parseShardKey, partitionsOfShard, shardKey, shardsOfPartitions } from './assignor.ts'
import type { AssignorMember, ShardGroup, ShardId } from './assignor.ts'

const groups: ShardGroup[] = [
  { subTopology: 0, topics: [{ topic: 'orders', partitions: 4 }, { topic: 'payments', partitions: 4 }] },
  { subTopology: 1, topics: [{ topic: 'by-item', partitions: 4 }] },
]

function member(memberId: string, owned: readonly ShardId[] = [], more: { held?: Record<string, number>; weight?: number; generation?: number } = {}): AssignorMember {
  return { memberId, owned, generation: more.generation ?? 1, userData: { slot: memberId, weight: more.weight ?? 1, held: more.held ?? {} } }
}

/** Runs rounds until nothing moves, as the cooperative protocol does; checks A1 and A2 in every one. */
function settle(members: readonly AssignorMember[], shardGroups = groups): { assignment: Map<string, ShardId[]>; rounds: number } {
  let current = members
  for (let rounds = 1; rounds < 10; rounds++) {
    const assignment = assignShards(shardGroups, current)
    const owner = new Map(current.flatMap(one => one.owned.map(shard => [shardKey(shard), one.memberId] as const)))
    const seen = new Set<string>()
    for (const [memberId, shards] of assignment) {
      for (const shard of shards) {
        assert.ok(!seen.has(shardKey(shard)), `${shardKey(shard)} given twice`)
        seen.add(shardKey(shard))
        assert.ok([undefined, memberId].includes(owner.get(shardKey(shard))), `${shardKey(shard)} given away while owned`)
      }
    }
    const next = current.map(one => ({ ...one, owned: assignment.get(one.memberId) ?? [], generation: rounds + 1 }))
    if (seen.size === allShards(shardGroups).length) return { assignment, rounds }
    current = next
  }
  throw new Error('does not settle')
}

const moved = (before: Map<string, ShardId[]>, after: Map<string, ShardId[]>): number => {
  const owner = new Map([...before].flatMap(([id, shards]) => shards.map(shard => [shardKey(shard), id] as const)))
  const stays = (id: string | undefined): boolean => id !== undefined && after.has(id)
  return [...after].flatMap(([id, shards]) => shards.filter(shard => stays(owner.get(shardKey(shard))) && owner.get(shardKey(shard)) !== id)).length
}

test('A lone member gets every shard', () => {
  const { assignment, rounds } = settle([member('a')])
  assert.equal(rounds, 1)
  assert.equal(assignment.get('a')?.length, 8)
})

test('1 → 3 → 2 members: balanced, and no shard moves that need not', () => {
  const one = settle([member('a')]).assignment
  const three = settle([member('a', one.get('a')), member('b'), member('c')])
  assert.deepEqual([...three.assignment.values()].map(shards => shards.length).sort(), [2, 3, 3])
  assert.equal(three.rounds, 2)
  assert.equal(moved(one, three.assignment), 8 - (three.assignment.get('a')?.length ?? 0))
  const two = settle([member('a', three.assignment.get('a')), member('c', three.assignment.get('c'))])
  assert.deepEqual([...two.assignment.values()].map(shards => shards.length), [4, 4])
  assert.equal(two.rounds, 1)
  assert.equal(moved(three.assignment, two.assignment), 0)
})

test('A free shard goes to who holds its state, as far as the balance allows', () => {
  const held = { '0_3': 100, '1_2': 50 }
  const { assignment } = settle([member('a'), member('b', [], { held }), member('c', [], { held: { '0_3': 10 } })])
  const keys = (id: string): string[] => (assignment.get(id) ?? []).map(shardKey)
  assert.ok(keys('b').includes('0_3') && keys('b').includes('1_2'))
})

test('Of two claims the later generation counts, and the earlier owner does not keep the shard', () => {
  const claim = [{ subTopology: 1, partition: 0 }]
  const assignment = assignShards(groups, [member('a', claim, { generation: 3 }), member('b', claim, { generation: 4 })])
  assert.ok((assignment.get('b') ?? []).some(shard => shardKey(shard) === '1_0'))
})

test('Weights: two threads take twice the shards of one', () => {
  const wide: ShardGroup[] = [{ subTopology: 0, topics: [{ topic: 't', partitions: 9 }] }]
  const { assignment } = settle([member('a', [], { weight: 2 }), member('b')], wide)
  assert.deepEqual([assignment.get('a')?.length, assignment.get('b')?.length], [6, 3])
})

test('Random histories of joins and leaves keep A1 to A5', () => {
  const seed = Number(process.env['SEED'] ?? 20261122)
  let state = seed
  const random = (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor(state / 2147483648 * below)
  }
  let members: AssignorMember[] = []
  for (let step = 0; step < 300; step++) {
    if (members.length > 0 && random(2) === 0) members.splice(random(members.length), 1)
    else members.push(member(`m${step}`, [], { weight: 1 + random(3) }))
    if (members.length === 0) continue
    const { assignment, rounds } = settle(members)
    assert.ok(rounds <= 3, `seed ${seed}, step ${step}: ${rounds} rounds`)
    const shuffled = assignShards(groups, [...members].reverse())
    assert.deepEqual(new Map([...shuffled].sort()), new Map([...assignShards(groups, members)].sort()), `seed ${seed}, step ${step}: depends on order`)
    const weights = members.reduce((sum, one) => sum + one.userData.weight, 0)
    for (const one of members) {
      const load = assignment.get(one.memberId)?.length ?? 0
      const share = 8 * one.userData.weight / weights
      assert.ok(load >= Math.floor(share) && load <= Math.floor(share) + 1, `seed ${seed}, step ${step}: ${load} of a share of ${share}`)
    }
    members = members.map(one => ({ ...one, owned: assignment.get(one.memberId) ?? [], generation: step + 2 }))
  }
})

test('Partitions and shards translate, and half a shard is none', () => {
  assert.deepEqual(partitionsOfShard(groups, { subTopology: 0, partition: 2 }), [{ topic: 'orders', partition: 2 }, { topic: 'payments', partition: 2 }])
  assert.deepEqual(shardsOfPartitions(groups, [{ topic: 'orders', partition: 1 }, { topic: 'by-item', partition: 3 }]).map(shardKey), ['1_3'])
  assert.deepEqual(parseShardKey('12_7'), { subTopology: 12, partition: 7 })
})

test('User data round trip; what a newer version sends is not misread', () => {
  const data = { slot: 'ab12-0', weight: 2, held: { '0_1': 77 } }
  assert.deepEqual(decodeUserData(encodeUserData(data)), data)
  const newer = encodeUserData(data)
  newer.writeInt16BE(9, 0)
  assert.deepEqual(decodeUserData(newer), { slot: '?', weight: 1, held: {} })
  assert.deepEqual(decodeUserData(null), { slot: '?', weight: 1, held: {} })
})
