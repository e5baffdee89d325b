/**
 * From description to plan: checks an app and cuts its tasks into sub-topologies. Pure; throws `TOPOLOGY_INVALID`.
 *
 * Two nodes are in one sub-topology where an edge joins them, where a join reads the other's store, or where both read the same
 * topic (G3 of `plan.ts`); a repartition topic cuts. The kinds of key-based operators, names of internal topics and their
 * configuration follow `reference/stream-semantics.md` section 6.
 */
import { unreachable } from '../base/assert.ts'
import { checkName, checkTopicName, topologyError } from './names.ts'
import type { Link } from './foreign.ts'
import type { AppDescription, ForeignTask, GlobalTableNode, NativeTask, Node, NodeId, TopicSpec } from './node.ts'
import type { ChildEdge, CopartitionGroup, ForeignTaskPlan, HeadNode, NativeTaskPlan, Plan, StorePlan, SubTopology } from './plan.ts'
import { insertRepartitions } from './repartition.ts'
import { isKeyBased } from './shape.ts'
import { storesOf } from './stores.ts'

/** Checks `app` and plans it. Throws `MillraceError` `TOPOLOGY_INVALID`. */
export function build(app: AppDescription): Plan {
  checkName('app', app.name)
  if (app.tasks.length === 0) throw topologyError(`app '${app.name}' has no task`)
  const topics = new Map<string, TopicSpec>()
  const tasks = new Set<string>()
  for (const task of app.tasks) {
    checkName('task', task.name, task.site)
    if (tasks.has(task.name)) throw topologyError(`app '${app.name}' has two tasks named '${task.name}'`, task.site)
    tasks.add(task.name)
    for (const topic of topicsOf(task)) declare(topics, topic, task.name)
  }
  return {
    app: app.name,
    tasks: app.tasks.map(task => task.kind === 'native' ? buildTask(app, task) : foreignPlan(app, task)),
    topics: [...topics.values()],
  }
}

function declare(topics: Map<string, TopicSpec>, topic: TopicSpec, task: string): void {
  checkTopicName(topic.name)
  const known = topics.get(topic.name)
  if (known !== undefined && known !== topic) throw topologyError(`topic '${topic.name}' is declared twice (task '${task}' uses the second): declare it once and import it, so that its types are the same everywhere`)
  topics.set(topic.name, topic)
}

function topicsOf(task: NativeTask | ForeignTask): TopicSpec[] {
  if (task.kind === 'foreign') return [...task.reads, ...task.writes]
  return task.nodes.flatMap(node => 'topic' in node && typeof node.topic === 'object' ? [node.topic] : [])
}

function foreignPlan(app: AppDescription, task: ForeignTask): ForeignTaskPlan {
  const name = `${app.name}.${task.name}`
  const declared = { ...task.on.link, ...task.link }
  const link: Link = { ...declared, transactionalIdPrefix: declared.transactionalIdPrefix ?? (declared.transactionTimeoutMs === undefined ? undefined : name) }
  return { kind: 'foreign', name: task.name, group: link.group ?? name, on: task.on, link, reads: unique(task.reads), writes: unique(task.writes) }
}

function buildTask(app: AppDescription, task: NativeTask): NativeTaskPlan {
  const group = `${app.name}.${task.name}`
  checkNodes(task)
  const { nodes, pairs } = insertRepartitions(group, task.nodes)
  checkJoins(nodes)
  checkSinks(nodes)
  const parts = cut(nodes)
  const partOf = new Map(parts.flatMap((part, index) => part.map(node => [node.id, index] as const)))
  const stores = nodes.flatMap(node => storesOf(group, node, partOf.get(node.id) ?? -1))
  const repartitionTopics = pairs.map(({ sink, source, partitionsEnforced }) => ({
    name: sink.topic,
    partitionsEnforced,
    writtenBy: partOf.get(sink.id) ?? -1,
    readBy: partOf.get(source.id) ?? -1,
    config: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'segment.bytes': '52428800', 'message.timestamp.type': 'CreateTime' },
  }))
  checkDurableNames(task, stores, repartitionTopics.map(topic => topic.name))
  return {
    kind: 'native',
    name: task.name,
    group,
    guarantee: task.guarantee ?? app.guarantee,
    onError: task.onError,
    tuning: task.tuning,
    subTopologies: parts.map((part, index) => subTopology(task.name, part, index, stores)),
    globalTables: nodes.filter((node): node is GlobalTableNode => node.kind === 'globalTable'),
    repartitionTopics,
    stores,
    reads: unique(nodes.flatMap(node => node.kind === 'source' || node.kind === 'table' || node.kind === 'globalTable' ? [node.topic] : [])),
    writes: unique(nodes.flatMap(node => node.kind === 'sink' ? [node.topic] : [])),
  }
}

function checkNodes(task: NativeTask): void {
  const { onError } = task
  const own = task.nodes.find(node => 'topic' in node && typeof node.topic === 'object' && node.kind !== 'sink' && onError.kind === 'deadLetter' && node.topic.name === onError.topic)
  if (own !== undefined) throw topologyError(`task '${task.name}' reads the topic that its dead letters go to: it would fail on them again and again`, own.site)
  if (!task.nodes.some(node => node.kind === 'source' || node.kind === 'table')) throw topologyError(`task '${task.name}' reads no topic`, task.site)
  const named = new Map<string, Node>()
  for (const node of task.nodes) {
    if (!node.named) continue
    checkName('operator', node.name, node.site)
    const other = named.get(node.name)
    if (other !== undefined) throw topologyError(`task '${task.name}' has two operators named '${node.name}'`, node.site)
    named.set(node.name, node)
  }
  const targets = new Set<string>()
  for (const node of task.nodes) {
    if (node.kind !== 'to') continue
    if (targets.has(node.name)) throw topologyError(`task '${task.name}' has two sinks that would keep their positions under '${node.name}': give this one a name of its own, to('…', ${node.target.kind}(…))`, node.site)
    targets.add(node.name)
  }
}

/** Co-partitioned inputs must also have equal keys as bytes, which the kind of the key serde decides. */
function checkJoins(nodes: readonly Node[]): void {
  const byId = new Map(nodes.map(node => [node.id, node]))
  for (const node of nodes) {
    if (node.kind !== 'streamTableJoin') continue
    const stream = node.inputs[0] && byId.get(node.inputs[0].node)?.output.key
    const table = byId.get(node.table)?.output.key
    if (stream !== undefined && table !== undefined && stream.kind !== table.kind) {
      throw topologyError(`'${node.name}' joins keys written as ${stream.kind} with a table whose keys are written as ${table.kind}: the same key would be in different partitions. keyBy(…, { key }) with the table's serde`, node.site)
    }
  }
}

/** A row with a window, written under its own key, needs a key serde that has a place for that kind of window. */
function checkSinks(nodes: readonly Node[]): void {
  const places = { no: undefined, time: 'timeWindowed', session: 'sessionWindowed' } as const
  for (const node of nodes) {
    if (node.kind !== 'sink' || node.keyOf !== undefined) continue
    const place = places[node.output.windowed]
    if (place !== undefined && node.topic.key.kind !== place) {
      throw topologyError(`rows of ${node.output.windowed} windows are written to '${node.topic.name}', whose keys are ${node.topic.key.kind}: declare it with key: ${place}(…), or write(topic, { key })`, node.site)
    }
  }
}

function checkDurableNames(task: NativeTask, stores: readonly StorePlan[], topics: readonly string[]): void {
  const owner = new Map<string, Node>()
  for (const store of stores) {
    const node = task.nodes[store.node]
    const other = owner.get(store.name)
    if (node === undefined) continue
    if (other !== undefined) {
      throw topologyError(`task '${task.name}' has two operators that would keep their state under '${store.name}': give ${node.named ? 'the other' : 'this'} one a name of its own, as names, not positions, say whose state is whose`, node.site)
    }
    owner.set(store.name, node)
  }
  const twice = topics.find((topic, index) => topics.indexOf(topic) !== index)
  if (twice !== undefined) throw topologyError(`task '${task.name}' would make the repartition topic '${twice}' twice: name the operators, or the keyBy before each, apart`, task.site)
}

/** Cuts the nodes into sub-topologies, ordered by their first node; keeps the topological order inside. */
function cut(nodes: readonly Node[]): Node[][] {
  const parent = new Map<NodeId, NodeId>(nodes.map(node => [node.id, node.id]))
  const root = (id: NodeId): NodeId => {
    let at = id
    for (let up = parent.get(at); up !== undefined && up !== at; up = parent.get(at)) at = up
    return at
  }
  const unite = (a: NodeId, b: NodeId): void => void parent.set(root(a), root(b))
  const readers = new Map<string, NodeId>()
  for (const node of nodes) {
    for (const edge of node.inputs) unite(edge.node, node.id)
    if (node.kind === 'streamTableJoin') unite(node.table, node.id)
    const topic = inputTopic(node)
    if (topic === undefined) continue
    unite(readers.get(topic) ?? node.id, node.id)
    readers.set(topic, node.id)
  }
  const parts = new Map<NodeId, Node[]>()
  for (const node of nodes) {
    if (node.kind === 'globalTable') continue
    const part = parts.get(root(node.id))
    if (part === undefined) parts.set(root(node.id), [node])
    else part.push(node)
  }
  return [...parts.values()]
}

function subTopology(task: string, nodes: readonly Node[], index: number, stores: readonly StorePlan[]): SubTopology {
  const children = new Map<NodeId, ChildEdge[]>(nodes.map(node => [node.id, []]))
  for (const node of nodes) for (const edge of node.inputs) children.get(edge.node)?.push({ to: node.id, arm: edge.arm })
  const sources = nodes.filter((node): node is HeadNode => inputTopic(node) !== undefined)
  return {
    index,
    id: `${task}/${index}`,
    nodes,
    children,
    sources,
    inputTopics: [...new Set(sources.flatMap(node => inputTopic(node) ?? []))],
    stores: stores.filter(store => store.subTopology === index),
    copartitioned: copartitionGroups(nodes),
  }
}

/** Name on the cluster of the topic that a head consumes. */
export function inputTopic(node: Node): string | undefined {
  switch (node.kind) {
    case 'source': case 'table': return node.topic.name
    case 'repartitionSource': return node.topic
    case 'globalTable': case 'map': case 'filter': case 'tableFilter': case 'flatMap': case 'branch': case 'merge': case 'peek': case 'keyBy': case 'combine': case 'repartitionSink':
    case 'aggregate': case 'distinct': case 'streamTableJoin': case 'streamGlobalJoin': case 'process': case 'sink': case 'to': return undefined
    default: return unreachable(node)
  }
}

/** Topics that meet in a key-based operator, groups that share a topic made one. */
function copartitionGroups(nodes: readonly Node[]): CopartitionGroup[] {
  const topicsAt = new Map<NodeId, ReadonlySet<string>>()
  let groups: { topics: Set<string>; because: string[] }[] = []
  for (const node of nodes) {
    const own = inputTopic(node)
    const topics = new Set(own === undefined ? [] : [own])
    const inputs = node.inputs.map(edge => edge.node)
    for (const id of node.kind === 'streamTableJoin' ? [...inputs, node.table] : inputs) for (const topic of topicsAt.get(id) ?? []) topics.add(topic)
    topicsAt.set(node.id, topics)
    if (!isKeyBased(node) || topics.size < 2) continue
    const touching = groups.filter(group => [...topics].some(topic => group.topics.has(topic)))
    groups = groups.filter(group => !touching.includes(group))
    groups.push({
      topics: new Set([...touching.flatMap(group => [...group.topics]), ...topics]),
      because: [...touching.flatMap(group => group.because), node.name],
    })
  }
  return groups.map(group => ({ topics: [...group.topics], because: group.because }))
}

function unique(topics: readonly TopicSpec[]): TopicSpec[] {
  return [...new Set(topics)]
}
