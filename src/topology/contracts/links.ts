/** Who writes and who reads each topic of a plan, and what kind of writer a task is. */
import { inputTopic } from '../build.ts'
import type { Partitioner } from '../foreign.ts'
import type { Node, NodeId } from '../node.ts'
import type { NativeTaskPlan, Plan, TaskPlan } from '../plan.ts'

export interface Links {
  /** Tasks that write a topic on purpose; not those whose dead letters go there. */
  writers(topic: string): readonly TaskPlan[]
  readers(topic: string): readonly TaskPlan[]
  /** Dead letters go there. */
  deadLetters(topic: string): readonly TaskPlan[]
}

export function linksOf(plan: Plan): Links {
  const of = (topics: (task: TaskPlan) => readonly string[]): ((topic: string) => readonly TaskPlan[]) => {
    const byTopic = new Map<string, TaskPlan[]>()
    for (const task of plan.tasks) for (const topic of topics(task)) byTopic.set(topic, [...byTopic.get(topic) ?? [], task])
    return topic => byTopic.get(topic) ?? []
  }
  return {
    writers: of(task => task.writes.map(topic => topic.name)),
    readers: of(task => task.reads.map(topic => topic.name)),
    deadLetters: of(task => task.kind === 'native' && task.onError.kind === 'deadLetter' ? [task.onError.topic] : []),
  }
}

export function guaranteeOf(task: TaskPlan): 'exactlyOnce' | 'atLeastOnce' {
  return task.kind === 'native' ? task.guarantee : task.link.guarantee
}

/** What it writes becomes visible by Kafka's transactions. */
export function isTransactional(task: TaskPlan): boolean {
  return guaranteeOf(task) === 'exactlyOnce' && (task.kind === 'native' || task.writes.length > 0)
}

/** What its transactional ids begin with; `undefined` where it has none. */
export function transactionalIdPrefixOf(app: string, task: TaskPlan): string | undefined {
  if (!isTransactional(task)) return undefined
  return task.kind === 'native' ? task.group : task.link.transactionalIdPrefix ?? `${app}.${task.name}`
}

export function partitionerOf(task: TaskPlan): Partitioner {
  return task.kind === 'native' ? 'murmur2' : task.link.partitioner
}

export const PARTITIONER_NAMES: Readonly<Record<Partitioner, string>> = {
  murmur2: "Java's murmur2", crc32: "librdkafka's default, CRC-32", hashCode: "hashCode of the key, as Samza does", other: 'a partitioner of its own',
}

/** A native task's nodes, global tables left out. */
export function nodesOf(task: NativeTaskPlan): Node[] {
  return task.subTopologies.flatMap(sub => sub.nodes)
}

/** Every node that a record of `topic` can reach in the task, through its repartition topics too. */
export function reachedFrom(task: NativeTaskPlan, topic: string): Node[] {
  const nodes = nodesOf(task)
  const children = new Map<NodeId, Node[]>()
  for (const node of nodes) for (const edge of node.inputs) children.set(edge.node, [...children.get(edge.node) ?? [], node])
  const reached = new Set<Node>()
  const visit = (node: Node): void => {
    if (reached.has(node)) return
    reached.add(node)
    for (const child of children.get(node.id) ?? []) visit(child)
    if (node.kind === 'repartitionSink') for (const other of nodes) if (inputTopic(other) === node.topic) visit(other)
  }
  for (const node of nodes) if (inputTopic(node) === topic) visit(node)
  return [...reached]
}
