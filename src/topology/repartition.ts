/**
 * Puts a repartition topic before each key-based operator whose input has a key that `keyBy` changed (rule P1).
 *
 * R1. One topic for each (input edge): two operators on the very same re-keyed stream share it, and then `keyBy` must have a name.
 * R2. The topic is named after its `keyBy` if that has a name, else after the operator that needs it; never by position.
 */
import { assert } from '../base/assert.ts'
import type { Edge, KeyByNode, Node, NodeId, RepartitionSinkNode, RepartitionSourceNode } from './node.ts'
import { topologyError } from './names.ts'
import { isKeyBased, outputOf, type Shapeless } from './shape.ts'

/** A repartition topic and the two nodes at its ends. */
export interface RepartitionPair {
  readonly sink: RepartitionSinkNode
  readonly source: RepartitionSourceNode
  readonly partitionsEnforced: number | undefined
}

export interface Repartitioned {
  /** Topological order. */
  readonly nodes: readonly Node[]
  readonly pairs: readonly RepartitionPair[]
}

export function insertRepartitions(group: string, original: readonly Node[]): Repartitioned {
  const byId = new Map<NodeId, Node>()
  const nodes: Node[] = []
  const pairs: RepartitionPair[] = []
  const pairOfEdge = new Map<string, { readonly pair: RepartitionPair; readonly named: boolean; readonly consumer: Node }>()
  let idNext = original.length
  const add = (node: Node): void => {
    byId.set(node.id, node)
    nodes.push(node)
  }
  const at = (id: NodeId): Node => {
    const node = byId.get(id)
    assert(node !== undefined, `node ${id} comes before its input`)
    return node
  }
  for (const node of original) {
    if (!isKeyBased(node)) {
      add(withShape(node, node.inputs, at))
      continue
    }
    const inputs = node.inputs.map(edge => {
      if (!at(edge.node).output.rekeyed) return edge
      const known = pairOfEdge.get(edgeKey(edge))
      if (known !== undefined) {
        if (!known.named) throw topologyError(`'${known.consumer.name}' and '${node.name}' both read the same re-keyed stream: give its keyBy a name, keyBy(…, { name: '…' }), which the topic between them will have`, node.site)
        return { node: known.pair.source.id, arm: undefined }
      }
      const keyBys = keyBysBefore(edge.node, at)
      const named = keyBys.find(keyBy => keyBy.named)
      const pair = makePair(group, named?.name ?? node.name, edge, at(edge.node), [idNext, idNext + 1], { partitionsEnforced: enforcedOf(keyBys, node), disorderMs: disorderBefore(edge.node, at) })
      idNext += 2
      add(pair.sink)
      add(pair.source)
      pairs.push(pair)
      pairOfEdge.set(edgeKey(edge), { pair, named: named !== undefined, consumer: node })
      return { node: pair.source.id, arm: undefined }
    })
    add(withShape(node, inputs, at))
  }
  return { nodes, pairs }
}

function makePair(group: string, name: string, edge: Edge, input: Node, ids: readonly [NodeId, NodeId], more: { readonly partitionsEnforced: number | undefined; readonly disorderMs: number }): RepartitionPair {
  const { key, value, windowed } = input.output
  if (windowed !== 'no') throw topologyError(`'${name}' groups rows by a key that still has a window: keyBy(…) first`, input.site)
  const topic = `${group}.${name}.repartition`
  const both = { name: `${name}.repartition`, named: false, topic, key, value, site: input.site }
  const sink = { ...both, kind: 'repartitionSink', id: ids[0], inputs: [edge], output: input.output } as const
  const source: Omit<RepartitionSourceNode, 'output'> = { ...both, kind: 'repartitionSource', id: ids[1], inputs: [], disorderMs: more.disorderMs }
  return { sink, source: { ...source, output: outputOf(source, []) }, partitionsEnforced: more.partitionsEnforced }
}

function withShape(node: Node, inputs: readonly Edge[], at: (id: NodeId) => Node): Node {
  const shapeless: Shapeless = { ...node, inputs }
  // `output` is the only field that `Shapeless` lacks; each variant keeps its own kind.
  return { ...shapeless, output: outputOf(shapeless, inputs.map(edge => at(edge.node).output)) } as Node
}

/** The nearest `keyBy` on each path up from `id`. */
function keyBysBefore(id: NodeId, at: (id: NodeId) => Node): KeyByNode[] {
  const node = at(id)
  if (node.kind === 'keyBy') return [node]
  return node.output.rekeyed ? node.inputs.flatMap(edge => keyBysBefore(edge.node, at)) : []
}

/** The largest disorder of what `id` is made from. */
function disorderBefore(id: NodeId, at: (id: NodeId) => Node): number {
  const node = at(id)
  switch (node.kind) {
    case 'source': case 'table': return node.topic.disorderMs
    case 'repartitionSource': return node.disorderMs
    default: return Math.max(0, ...node.inputs.map(edge => disorderBefore(edge.node, at)))
  }
}

function enforcedOf(keyBys: readonly KeyByNode[], consumer: Node): number | undefined {
  const counts = new Set(keyBys.flatMap(keyBy => keyBy.partitions ?? []))
  if (counts.size > 1) throw topologyError(`'${consumer.name}' reads streams whose keyBy asks for different partition counts: ${[...counts].join(', ')}`, consumer.site)
  return [...counts][0]
}

function edgeKey(edge: Edge): string {
  return `${edge.node}/${edge.arm ?? ''}`
}
