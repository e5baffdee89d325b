/** Rules of keys: what meets by key must lie in equally many partitions, and be put there by one partitioner. */
import type { Partitioner } from '../foreign.ts'
import type { CopartitionGroup, NativeTaskPlan, Plan } from '../plan.ts'
import { type Broken, type Known, quoted } from './broken.ts'
import { type Links, PARTITIONER_NAMES, partitionerOf } from './links.ts'

/** A set of topics that meet in key-based operators of one task. */
export interface Meeting {
  readonly task: NativeTaskPlan
  readonly group: CopartitionGroup
}

export function meetingsOf(plan: Plan): Meeting[] {
  return plan.tasks.flatMap(task => task.kind === 'native' ? task.subTopologies.flatMap(sub => sub.copartitioned.map(group => ({ task, group }))) : [])
}

/** `partition-counts`, of what is known: a repartition topic counts where its own count is enforced, else it follows. */
export function partitionCountsRule(plan: Plan, known: Known): Broken[] {
  return meetingsOf(plan).flatMap(({ task, group }): Broken[] => {
    const counts = group.topics.flatMap(name => {
      const repartition = task.repartitionTopics.find(topic => topic.name === name)
      const count = repartition === undefined ? known.partitions.get(name) : repartition.partitionsEnforced
      return count === undefined ? [] : [{ name, count }]
    })
    if (new Set(counts.map(each => each.count)).size <= 1) return []
    const list = counts.map(({ name, count }) => `${name} has ${count}`).join(', ')
    return [{
      rule: 'partition-counts', severity: 'broken', ends: [...counts.map(each => each.name), task.name],
      message: `'${task.name}' joins by key in ${quoted(group.because)}, which needs equal partition counts, and ${list}: a key's records would never meet. Make the counts equal (a count can only be raised, and that moves keys), or put keyBy(…) before the join on one side, so that a repartition topic follows the other.`,
    }]
  })
}

/** `partitioners`: two writers of one topic, or the writers of two topics that meet by key, put a key into different partitions. */
export function partitionersRule(plan: Plan, links: Links): Broken[] {
  return [...sameTopic(plan, links), ...meeting(plan, links)]
}

function sameTopic(plan: Plan, links: Links): Broken[] {
  return plan.topics.flatMap(({ name }): Broken[] => {
    const writers = links.writers(name).map(task => ({ task: task.name, partitioner: partitionerOf(task) }))
    if (new Set(writers.map(each => each.partitioner)).size <= 1) return []
    return [{
      rule: 'partitioners', severity: 'broken', ends: [...writers.map(each => each.task), name],
      message: `${name} has writers with different partitioners: ${writers.map(each => `'${each.task}' (${PARTITIONER_NAMES[each.partitioner]})`).join(', ')}. Records of one key are in two partitions, without order and in two shards. ${remedy(writers)}`,
    }]
  })
}

function meeting(plan: Plan, links: Links): Broken[] {
  return meetingsOf(plan).flatMap(({ task, group }): Broken[] => {
    const sides = group.topics.flatMap(topic => {
      if (task.repartitionTopics.some(each => each.name === topic)) return [{ topic, task: task.name, partitioner: 'murmur2' as const }]
      const writers = links.writers(topic)
      const kinds = new Set(writers.map(partitionerOf))
      const [writer] = writers
      // Two kinds are `sameTopic`'s to say; nobody in the app: unknown.
      return writer === undefined || kinds.size > 1 ? [] : [{ topic, task: writer.name, partitioner: partitionerOf(writer) }]
    })
    if (new Set(sides.map(side => side.partitioner)).size <= 1) return []
    return [{
      rule: 'partitioners', severity: 'broken', ends: [...new Set([...sides.flatMap(side => [side.task, side.topic]), task.name])],
      message: `'${task.name}' joins by key in ${quoted(group.because)}, and the partition of a key is chosen in different ways: ${sides.map(side => `${side.topic} by '${side.task}' (${PARTITIONER_NAMES[side.partitioner]})`).join(', ')}. Most keys would never meet. ${remedy(sides)} Or put keyBy(…) before the join on that side.`,
    }]
  })
}

function remedy(writers: readonly { readonly task: string; readonly partitioner: Partitioner }[]): string {
  const odd = writers.filter(each => each.partitioner !== 'murmur2')
  return odd.map(each => `${MURMUR2_IN[each.partitioner](each.task)} and say partitioner: 'murmur2' in its task.`).join(' ')
}

/** How a task comes to choose partitions as Kafka's Java client does. */
const MURMUR2_IN: Readonly<Record<Partitioner, (task: string) => string>> = {
  murmur2: task => `Leave '${task}' as it is`,
  crc32: task => `Set partitioner=murmur2_random in '${task}'`,
  hashCode: task => `Let '${task}' send without a partition key (new OutgoingMessageEnvelope(stream, null, key, message)), so that Kafka's producer chooses,`,
  other: task => `Let '${task}' choose partitions as Java's producer does (toPositive(murmur2(key bytes)) mod partitions)`,
}
