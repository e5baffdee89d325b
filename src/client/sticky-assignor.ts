/**
 * `cooperative-sticky`: as balanced as subscriptions allow, moving as few partitions as that needs.
 * What moves is handed over in two rounds (see hand-over.ts).
 *
 * T1. Balance first: at the end no member has two partitions more than another one that could take one of them.
 * T2. A member keeps what it says it owns, unless balance takes it. Of two that claim a partition the one of the higher
 *     generation keeps it; of equal ones, neither (at least one of them is mistaken, and it will be told apart by a rejoin).
 */
import type { Assignor, MemberAssignment, SubscribedMember } from './assignor.ts'
import { PartitionSet } from './partition-set.ts'
import { byIdentity } from './range-assignor.ts'
import type { TopicPartition } from './types.ts'

export const cooperativeStickyAssignor: Assignor = {
  name: 'cooperative-sticky',
  protocol: 'cooperative',
  /** Generation as int32, for members that read it from here. */
  userData(_owned, generation) {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(generation)
    return bytes
  },
  assign(members, partitionCounts) {
    return new Map<string, MemberAssignment>([...balance(members, partitionCounts)].map(([memberId, partitions]) => [memberId, { partitions }]))
  },
}

interface Load {
  readonly member: SubscribedMember
  readonly topics: ReadonlySet<string>
  readonly partitions: TopicPartition[]
}

function balance(members: readonly SubscribedMember[], partitionCounts: ReadonlyMap<string, number>): Map<string, TopicPartition[]> {
  const loads: Load[] = [...members].sort(byIdentity).map(member => ({ member, topics: new Set(member.topics), partitions: [] }))
  const taken = keepOwned(loads, partitionCounts)
  for (const topic of [...new Set(members.flatMap(member => member.topics))].sort()) {
    const able = loads.filter(load => load.topics.has(topic))
    for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++) {
      if (!taken.has({ topic, partition })) lightest(able).partitions.push({ topic, partition })
    }
  }
  while (moveOne(loads)) { /* each move makes the sum of squares smaller, so this ends */ }
  return new Map(loads.map(load => [load.member.memberId, load.partitions]))
}

/** Gives every member what it owns and may keep (T2); returns what was given. */
function keepOwned(loads: readonly Load[], partitionCounts: ReadonlyMap<string, number>): PartitionSet {
  const best = new PartitionSet<{ generation: number, load: Load | undefined, at: TopicPartition }>()
  for (const load of loads) {
    for (const at of load.member.owned) {
      if (!load.topics.has(at.topic) || at.partition >= (partitionCounts.get(at.topic) ?? 0)) continue
      const generation = generationOf(load.member)
      const rival = best.get(at)
      if (rival === undefined || generation > rival.generation) best.set(at, { generation, load, at })
      else if (generation === rival.generation) best.set(at, { generation, load: undefined, at })
    }
  }
  const taken = new PartitionSet()
  for (const { load, at } of best.values()) {
    if (load === undefined) continue
    load.partitions.push(at)
    taken.set(at, at)
  }
  return taken
}

function lightest(loads: readonly Load[]): Load {
  return loads.reduce((least, load) => load.partitions.length < least.partitions.length ? load : least)
}

/** Moves one partition from a heaviest member to one with at least two fewer that may have it; false where none can be moved. */
function moveOne(loads: readonly Load[]): boolean {
  const byWeight = [...loads].sort((a, b) => b.partitions.length - a.partitions.length)
  for (const from of byWeight) {
    for (let index = byWeight.length - 1; index >= 0; index--) {
      const to = byWeight[index]
      if (to === undefined || from.partitions.length - to.partitions.length < 2) break
      const at = from.partitions.findLastIndex(each => to.topics.has(each.topic))
      if (at < 0) continue
      to.partitions.push(...from.partitions.splice(at, 1))
      return true
    }
  }
  return false
}

/** From the subscription, or (members that write version 1) from the user data. */
export function generationOf(member: SubscribedMember): number {
  if (member.generation >= 0) return member.generation
  return member.userData !== undefined && member.userData.length >= 4 ? member.userData.readInt32BE(0) : -1
}
