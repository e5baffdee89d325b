/**
 * The rule that makes a cooperative rebalance safe: nobody is given what another member still owns.
 *
 * H1. A partition that the assignor gave to one member while another one (of the highest generation that claims it) says it
 *     owns it, is left out of this round. The owner, told that it has lost it, gives it up and joins again, and that next
 *     round gives it to the new one. So no partition is ever owned twice.
 */
import type { MemberAssignment, SubscribedMember } from './assignor.ts'
import { PartitionSet } from './partition-set.ts'
import { generationOf } from './sticky-assignor.ts'

interface Claim {
  readonly generation: number
  readonly owners: readonly string[]
}

export function withoutOwnedByOthers(assigned: ReadonlyMap<string, MemberAssignment>, members: readonly SubscribedMember[]): Map<string, MemberAssignment> {
  const claims = new PartitionSet<Claim>()
  for (const member of members) {
    const generation = generationOf(member)
    for (const at of member.owned) {
      const known = claims.get(at)
      if (known === undefined || generation > known.generation) claims.set(at, { generation, owners: [member.memberId] })
      else if (generation === known.generation) claims.set(at, { generation, owners: [...known.owners, member.memberId] })
    }
  }
  return new Map([...assigned].map(([memberId, { partitions, userData }]) => [memberId, {
    partitions: partitions.filter(at => claims.get(at)?.owners.every(owner => owner === memberId) ?? true),
    userData,
  }]))
}
