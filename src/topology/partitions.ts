/**
 * Partition counts of a task's shards and internal topics, from those of the declared topics (rule P2).
 *
 * Topics that meet in a key-based operator must agree. Declared ones are what they are; a repartition topic follows them, or else has
 * the count enforced by `keyBy(…, { partitions })`, or else the highest count of the sub-topologies that write to its group.
 */
import { topologyError } from './names.ts'
import type { CopartitionGroup, NativeTaskPlan, PartitionCounts, RepartitionTopic } from './plan.ts'

/** `declared`: partition count of every topic the task reads. Throws `TOPOLOGY_INVALID` where counts that must agree do not. */
export function resolvePartitions(task: NativeTaskPlan, declared: ReadonlyMap<string, number>): PartitionCounts {
  const repartitionTopics = new Map(task.repartitionTopics.map(topic => [topic.name, topic]))
  const known = new Map<string, number>()
  const visiting = new Set<string>()

  const countOf = (name: string): number => {
    const topic = repartitionTopics.get(name)
    if (topic === undefined) return declaredCount(task, declared, name)
    const count = known.get(name) ?? decide(topic)
    known.set(name, count)
    return count
  }
  const decide = (topic: RepartitionTopic): number => {
    const group = groupOf(task, topic)
    const members = group.topics.flatMap(name => repartitionTopics.get(name) ?? [])
    const external = group.topics.filter(name => !repartitionTopics.has(name))
    const [first] = external
    if (first !== undefined) return declaredCount(task, declared, first)
    const [enforced] = members.flatMap(member => member.partitionsEnforced ?? [])
    return enforced ?? Math.max(...members.map(writtenFrom))
  }
  // A sub-topology that reads what it writes gets its count from its other inputs.
  const writtenFrom = (topic: RepartitionTopic): number => {
    if (visiting.has(topic.name)) return 1
    visiting.add(topic.name)
    const count = shardsOf(topic.writtenBy)
    visiting.delete(topic.name)
    return count
  }
  const shardsOf = (index: number): number => Math.max(1, ...(task.subTopologies[index]?.inputTopics ?? []).map(countOf))

  for (const sub of task.subTopologies) for (const group of sub.copartitioned) checkGroup(task, group, countOf, repartitionTopics)
  const shards = task.subTopologies.map(sub => shardsOf(sub.index))
  return {
    shards,
    repartition: new Map(task.repartitionTopics.map(topic => [topic.name, countOf(topic.name)])),
    changelog: new Map(task.stores.map(store => [store.changelog.name, shards[store.subTopology] ?? 1])),
  }
}

function declaredCount(task: NativeTaskPlan, declared: ReadonlyMap<string, number>, name: string): number {
  const count = declared.get(name)
  if (count === undefined || count < 1) throw topologyError(`task '${task.name}' reads topic '${name}', which does not exist`)
  return count
}

function groupOf(task: NativeTaskPlan, topic: RepartitionTopic): CopartitionGroup {
  const group = task.subTopologies[topic.readBy]?.copartitioned.find(each => each.topics.includes(topic.name))
  return group ?? { topics: [topic.name], because: [] }
}

function checkGroup(task: NativeTaskPlan, group: CopartitionGroup, countOf: (name: string) => number, repartitionTopics: ReadonlyMap<string, RepartitionTopic>): void {
  const counts = group.topics.map(name => ({ name, count: repartitionTopics.get(name)?.partitionsEnforced ?? countOf(name) }))
  if (new Set(counts.map(each => each.count)).size <= 1) return
  const list = counts.map(({ name, count }) => `${name} has ${count}`).join(', ')
  throw topologyError(`task '${task.name}', ${group.because.map(name => `'${name}'`).join(', ')}: topics that meet by key need equal partition counts, but ${list}. Make them equal, or keyBy(…) one side so that a repartition topic follows the other`)
}
