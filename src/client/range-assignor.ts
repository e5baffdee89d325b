/**
 * `range`: per topic, consecutive partitions to the members that subscribe to it, in order of static id, then member id.
 * The same arithmetic as Kafka's own, so that topics with equal partition counts are co-located, and mixed groups agree.
 */
import type { Assignor, MemberAssignment, SubscribedMember } from './assignor.ts'
import type { TopicPartition } from './types.ts'

export const rangeAssignor: Assignor = {
  name: 'range',
  protocol: 'eager',
  assign(members, partitionCounts) {
    const parts = new Map<string, TopicPartition[]>(members.map(member => [member.memberId, []]))
    for (const topic of [...new Set(members.flatMap(member => member.topics))].sort()) {
      const count = partitionCounts.get(topic) ?? 0
      const subscribed = members.filter(member => member.topics.includes(topic)).sort(byIdentity)
      const each = Math.floor(count / subscribed.length)
      const longer = count % subscribed.length
      subscribed.forEach((member, index) => {
        const start = each * index + Math.min(index, longer)
        const length = each + (index < longer ? 1 : 0)
        for (let partition = start; partition < start + length; partition++) parts.get(member.memberId)?.push({ topic, partition })
      })
    }
    return new Map<string, MemberAssignment>([...parts].map(([memberId, partitions]) => [memberId, { partitions }]))
  },
}

/** Static members first, by their ids; then the others by member id. */
export function byIdentity(a: SubscribedMember, b: SubscribedMember): number {
  if (a.groupInstanceId !== undefined && b.groupInstanceId !== undefined) return compare(a.groupInstanceId, b.groupInstanceId)
  if (a.groupInstanceId !== undefined) return -1
  if (b.groupInstanceId !== undefined) return 1
  return compare(a.memberId, b.memberId)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
