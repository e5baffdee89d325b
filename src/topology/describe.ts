/**
 * A plan as a graph to look at: JSON for the status page and `--json`, text for a terminal, Mermaid for a document.
 *
 * Boxes are topics, tasks, what rows go to beside Kafka (`.to(…)`), the sub-topologies and operators in them, and stores; edges are what flows. Nothing here depends on a cluster.
 */
import { unreachable } from '../base/assert.ts'
import { siteText } from './names.ts'
import type { Node, TopicSpec } from './node.ts'
import type { ForeignTaskPlan, NativeTaskPlan, Plan, SubTopology, TaskPlan } from './plan.ts'

export interface AppGraph {
  readonly app: string
  readonly topics: readonly GraphTopic[]
  readonly tasks: readonly GraphTask[]
  readonly targets: readonly GraphTarget[]
  /** Between tasks, topics and targets: `from` and `to` are `task:<name>`, `topic:<name>` or a target's id. */
  readonly edges: readonly GraphEdge[]
}

export interface GraphTopic {
  readonly name: string
  readonly role: 'declared' | 'repartition' | 'changelog' | 'deadLetter'
  readonly key: string | undefined
  readonly value: string | undefined
  /** Wanted at creation. */
  readonly partitions: number | undefined
}

/** Where a task's rows go beside Kafka. */
export interface GraphTarget {
  /** `target:<task>.<sink>` */
  readonly id: string
  readonly task: string
  readonly kind: string
  /** Where it goes, for people; without secrets. */
  readonly detail: string
  readonly delivery: 'exactlyOnce' | 'atLeastOnce'
}

export interface GraphTask {
  readonly name: string
  /** `millrace`, or the engine's name. */
  readonly engine: string
  readonly group: string
  readonly guarantee: string | undefined
  readonly onError: string | undefined
  readonly subTopologies: readonly GraphSubTopology[]
  readonly stores: readonly GraphStore[]
}

export interface GraphSubTopology {
  readonly id: string
  readonly inputTopics: readonly string[]
  readonly operators: readonly GraphOperator[]
}

export interface GraphOperator {
  readonly id: number
  readonly name: string
  readonly kind: string
  /** What it does, for people: `tumbling 60000 ms`, `by key`, a topic's name. */
  readonly detail: string
  readonly inputs: readonly number[]
  /** `file:line:column`. */
  readonly site: string | undefined
}

export interface GraphStore {
  readonly name: string
  readonly kind: string
  readonly operator: string
  readonly changelog: string
  readonly retentionMs: number | undefined
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly as: 'stream' | 'table' | 'globalTable' | 'write' | 'repartition' | 'deadLetter' | 'target'
}

export function describe(plan: Plan): AppGraph {
  const native = plan.tasks.filter((task): task is NativeTaskPlan => task.kind === 'native')
  return {
    app: plan.app,
    topics: [
      ...plan.topics.map(topic => declaredTopic(topic)),
      ...native.flatMap(task => task.repartitionTopics.map(topic => internalTopic(topic.name, 'repartition'))),
      ...native.flatMap(task => task.stores.map(store => internalTopic(store.changelog.name, 'changelog'))),
      ...[...new Set(native.flatMap(deadLetterOf))].filter(name => !plan.topics.some(topic => topic.name === name)).map(name => internalTopic(name, 'deadLetter')),
    ],
    tasks: plan.tasks.map(task => task.kind === 'native' ? nativeTask(task) : foreignTask(task)),
    targets: native.flatMap(targetsOf),
    edges: plan.tasks.flatMap(edgesOf),
  }
}

function deadLetterOf(task: NativeTaskPlan): string[] {
  return task.onError.kind === 'deadLetter' ? [task.onError.topic] : []
}

function targetsOf(task: NativeTaskPlan): GraphTarget[] {
  return task.subTopologies.flatMap(sub => sub.nodes).flatMap(node => node.kind !== 'to' ? [] : [
    { id: targetId(task, node), task: task.name, kind: node.target.kind, detail: node.target.detail, delivery: node.target.delivery },
  ])
}

function targetId(task: NativeTaskPlan, node: Node): string {
  return `target:${task.name}.${node.name}`
}

/** `files /tmp/till (exactlyOnce)` */
export function targetText({ kind, detail, delivery }: GraphTarget): string {
  return `${[kind, detail].filter(part => part !== '').join(' ')} (${delivery})`
}

function declaredTopic(topic: TopicSpec): GraphTopic {
  return { name: topic.name, role: 'declared', key: topic.key.kind, value: topic.value.kind, partitions: topic.partitions }
}

function internalTopic(name: string, role: GraphTopic['role']): GraphTopic {
  return { name, role, key: undefined, value: undefined, partitions: undefined }
}

function nativeTask(task: NativeTaskPlan): GraphTask {
  const { onError } = task
  const nodes = new Map(task.subTopologies.flatMap(sub => sub.nodes.map(node => [node.id, node] as const)))
  return {
    name: task.name,
    engine: 'millrace',
    group: task.group,
    guarantee: task.guarantee,
    onError: onError.kind === 'deadLetter' ? `deadLetter ${onError.topic}` : onError.kind,
    subTopologies: task.subTopologies.map(subTopologyGraph),
    stores: task.stores.map(store => ({
      name: store.name, kind: store.use, operator: nodes.get(store.node)?.name ?? '', changelog: store.changelog.name, retentionMs: store.retentionMs,
    })),
  }
}

function foreignTask(task: ForeignTaskPlan): GraphTask {
  return { name: task.name, engine: task.on.engine, group: task.group, guarantee: task.link.guarantee, onError: undefined, subTopologies: [], stores: [] }
}

function subTopologyGraph(sub: SubTopology): GraphSubTopology {
  return {
    id: sub.id,
    inputTopics: sub.inputTopics,
    operators: sub.nodes.map(node => ({
      id: node.id,
      name: node.name,
      kind: node.kind,
      detail: detailOf(node),
      inputs: node.inputs.map(edge => edge.node),
      site: node.site === undefined ? undefined : siteText(node.site),
    })),
  }
}

function edgesOf(task: TaskPlan): GraphEdge[] {
  const at = `task:${task.name}`
  const topic = (name: string): string => `topic:${name}`
  if (task.kind === 'foreign') {
    return [
      ...task.reads.map(each => ({ from: topic(each.name), to: at, as: 'stream' as const })),
      ...task.writes.map(each => ({ from: at, to: topic(each.name), as: 'write' as const })),
    ]
  }
  const nodes = [...task.subTopologies.flatMap(sub => sub.nodes), ...task.globalTables]
  const edges = nodes.flatMap((node): GraphEdge[] => {
    switch (node.kind) {
      case 'source': return [{ from: topic(node.topic.name), to: at, as: 'stream' }]
      case 'table': return [{ from: topic(node.topic.name), to: at, as: 'table' }]
      case 'globalTable': return [{ from: topic(node.topic.name), to: at, as: 'globalTable' }]
      case 'sink': return [{ from: at, to: topic(node.topic.name), as: 'write' }]
      case 'to': return [{ from: at, to: targetId(task, node), as: 'target' }]
      case 'repartitionSink': return [{ from: at, to: topic(node.topic), as: 'repartition' }]
      case 'repartitionSource': return [{ from: topic(node.topic), to: at, as: 'repartition' }]
      default: return []
    }
  })
  const all = [...edges, ...deadLetterOf(task).map(name => ({ from: at, to: topic(name), as: 'deadLetter' as const }))]
  const seen = new Set<string>()
  return all.filter(edge => {
    const key = `${edge.from} ${edge.to} ${edge.as}`
    return seen.has(key) ? false : seen.add(key)
  })
}

function detailOf(node: Node): string {
  switch (node.kind) {
    case 'source': return node.fields === undefined ? node.topic.name : `${node.topic.name} {${node.fields.join(', ')}}`
    case 'table': case 'globalTable': case 'sink': return node.topic.name
    case 'repartitionSink': case 'repartitionSource': return node.topic
    case 'to': return `${node.target.kind} ${node.target.detail}, ${node.target.delivery}`
    case 'branch': return node.arms.map(arm => arm.name).join(' | ')
    case 'aggregate': return `${node.flavour}${windowText(node)}`
    case 'combine': return node.sizeMs === undefined ? 'until the commit' : `until the commit, tumbling ${node.sizeMs} ms`
    case 'distinct': return `within ${node.withinMs} ms`
    case 'streamTableJoin': case 'streamGlobalJoin': return node.left ? 'left' : 'inner'
    case 'process': return node.timersStore === undefined ? 'state' : 'state, timers'
    case 'map': case 'filter': case 'tableFilter': case 'flatMap': case 'merge': case 'peek': case 'keyBy': return ''
    default: return unreachable(node)
  }
}

function windowText(node: Node & { readonly kind: 'aggregate' }): string {
  const { window } = node
  if (window === undefined) return ''
  const shape = window.kind === 'session' ? `session gap ${window.gapMs} ms` : window.advanceMs === window.sizeMs ? `tumbling ${window.sizeMs} ms` : `hopping ${window.sizeMs} ms every ${window.advanceMs} ms`
  return `, ${shape}, grace ${window.graceMs} ms${window.emit === 'final' ? ', final' : ''}`
}

/** For a terminal. */
export function describeText(graph: AppGraph): string {
  const lines = [`app ${graph.app}`]
  for (const task of graph.tasks) {
    const how = [task.engine === 'millrace' ? undefined : `on ${task.engine}`, task.guarantee, task.onError === undefined ? undefined : `on error ${task.onError}`]
    lines.push('', `task ${task.name}   group ${task.group}   ${how.filter(part => part !== undefined).join(', ')}`)
    const edges = graph.edges.filter(edge => edge.as !== 'repartition')
    lines.push(...edges.filter(edge => edge.to === `task:${task.name}`).map(edge => `  reads   ${edge.from.slice(6)}${edge.as === 'stream' ? '' : ` (${edge.as})`}`))
    lines.push(...edges.filter(edge => edge.from === `task:${task.name}` && edge.as !== 'target').map(edge => `  writes  ${edge.to.slice(6)}${edge.as === 'write' ? '' : ` (${edge.as})`}`))
    lines.push(...graph.targets.filter(target => target.task === task.name).map(target => `  to      ${targetText(target)}`))
    for (const sub of task.subTopologies) {
      lines.push(`  ${sub.id}`)
      for (const operator of sub.operators) {
        const from = operator.inputs.length === 0 ? '' : `   ← ${operator.inputs.map(id => sub.operators.find(each => each.id === id)?.name ?? id).join(', ')}`
        lines.push(`    ${operator.kind.padEnd(17)} ${[operator.name, operator.detail].filter(part => part !== '').join('  ')}${from}`)
      }
    }
    for (const store of task.stores) lines.push(`  store ${store.name} (${store.kind})   changelog ${store.changelog}`)
  }
  return lines.join('\n')
}

/** As a Mermaid flowchart: topics, tasks and what rows go to beside Kafka, with repartition topics, without changelogs. */
export function describeMermaid(graph: AppGraph): string {
  const id = new Map<string, string>()
  const idOf = (name: string): string => {
    const known = id.get(name) ?? `n${id.size}`
    id.set(name, known)
    return known
  }
  const quoted = (label: string): string => `"${label.replaceAll('"', '#quot;')}"`
  return [
    'flowchart LR',
    ...graph.topics.filter(topic => topic.role !== 'changelog').map(topic => `  ${idOf(`topic:${topic.name}`)}([${quoted(topic.name)}])`),
    ...graph.tasks.map(task => `  ${idOf(`task:${task.name}`)}[${quoted(task.engine === 'millrace' ? task.name : `${task.name} (${task.engine})`)}]`),
    ...graph.targets.map(target => `  ${idOf(target.id)}[/${quoted(`${target.kind} ${target.detail}`)}/]`),
    ...graph.edges.map(edge => `  ${idOf(edge.from)} ${edge.as === 'table' || edge.as === 'globalTable' ? '-.->' : '-->'} ${idOf(edge.to)}`),
  ].join('\n')
}
