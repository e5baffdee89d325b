/**
 * Puts a repartition topic before each key-based operator whose input has a key that `keyBy` changed (rule P1).
 *
 * R1. One topic for each (input edge): two operators on the very same re-keyed stream share it, and then `keyBy` must have a name.
 * R2. The topic is named after its `keyBy` if that has a name, else after the operator that needs it; never by position.
 * R3. A `to` behind an operator with state has such a topic before it, named after the `to`: its rows are then functions of single records of that topic, with
 *     coordinates that outlive a crash (TG1 of `target.ts`), whatever timers and windows made them and in whatever order inputs were read.
 * R4. Where only one aggregate reads it, can merge, and owes nobody a row after each record, records are combined before it (`CombineNode`): a key of a commit
 *     travels once.
 */
import { assert } from '../base/assert.ts'
import type { Serde } from '../serde/serde.ts'
import { sessionWindowed, timeWindowed } from '../serde/window-key.ts'
import type { AggregateNode, CombineNode, Edge, KeyByNode, Node, NodeId, RepartitionSinkNode, RepartitionSourceNode } from './node.ts'
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
  const readers = new Map<string, number>()
  for (const edge of original.filter(isKeyBased).flatMap(node => node.inputs)) readers.set(edgeKey(edge), (readers.get(edgeKey(edge)) ?? 0) + 1)
  const at = (id: NodeId): Node => {
    const node = byId.get(id)
    assert(node !== undefined, `node ${id} comes before its input`)
    return node
  }
  for (const node of original) {
    if (node.kind === 'to' && node.inputs.some(edge => comesFromState(edge.node, at))) {
      const inputs = node.inputs.map(edge => {
        const pair = makePair(group, node.name, edge, at(edge.node), [idNext, idNext + 1], { partitionsEnforced: undefined, disorderMs: disorderBefore(edge.node, at), windows: windowBefore(edge.node, at) })
        idNext += 2
        add(pair.sink)
        add(pair.source)
        pairs.push(pair)
        return { node: pair.source.id, arm: undefined }
      })
      add(withShape(node, inputs, at))
      continue
    }
    if (!isKeyBased(node)) {
      add(withShape(node, node.inputs, at))
      continue
    }
    let consumer = node
    const inputs = node.inputs.map(edge => {
      if (!at(edge.node).output.rekeyed) return edge
      const known = pairOfEdge.get(edgeKey(edge))
      if (known !== undefined) {
        if (!known.named) throw topologyError(`'${known.consumer.name}' and '${node.name}' both read the same re-keyed stream: give its keyBy a name, keyBy(…, { name: '…' }), which the topic between them will have`, node.site)
        return { node: known.pair.source.id, arm: undefined }
      }
      const keyBys = keyBysBefore(edge.node, at)
      const named = keyBys.find(keyBy => keyBy.named)
      let from = edge
      if (canCombine(node) && readers.get(edgeKey(edge)) === 1) {
        const combine = withShape(combineFor(node, edge, idNext++), [edge], at)
        add(combine)
        from = { node: combine.id, arm: undefined }
        consumer = merging(node)
      }
      const pair = makePair(group, named?.name ?? node.name, from, at(from.node), [idNext, idNext + 1], { partitionsEnforced: enforcedOf(keyBys, node), disorderMs: disorderBefore(edge.node, at) })
      idNext += 2
      add(pair.sink)
      add(pair.source)
      pairs.push(pair)
      pairOfEdge.set(edgeKey(edge), { pair, named: named !== undefined, consumer: node })
      return { node: pair.source.id, arm: undefined }
    })
    add(withShape(consumer, inputs, at))
  }
  return { nodes, pairs }
}

interface PairOptions {
  readonly partitionsEnforced: number | undefined
  readonly disorderMs: number
  /** How a key with a window is written; where it is not to have one any more, `undefined`. */
  readonly windows?: ((key: Serde<unknown>) => Serde<unknown>) | undefined
}

function makePair(group: string, name: string, edge: Edge, input: Node, ids: readonly [NodeId, NodeId], more: PairOptions): RepartitionPair {
  const { value, windowed } = input.output
  const key = windowed === 'no' ? input.output.key : more.windows?.(input.output.key)
  if (key === undefined) throw topologyError(`'${name}' groups rows by a key that still has a window: keyBy(…) first`, input.site)
  const topic = `${group}.${name}.repartition`
  const both = { name: `${name}.repartition`, named: false, topic, key, value, site: input.site }
  const sink = { ...both, kind: 'repartitionSink', id: ids[0], inputs: [edge], output: input.output } as const
  const source: Omit<RepartitionSourceNode, 'output'> = { ...both, kind: 'repartitionSource', id: ids[1], inputs: [], disorderMs: more.disorderMs }
  return { sink, source: { ...source, output: outputOf(source, []) }, partitionsEnforced: more.partitionsEnforced }
}

/** An aggregate whose states can be merged, and whose window can be told from a time within it. */
type Combinable = AggregateNode & { readonly merge: NonNullable<AggregateNode['merge']> }

function canCombine(node: Node): node is Combinable {
  if (node.kind !== 'aggregate' || node.merge === undefined) return false
  // Who counts without a final result has been promised a row after each record; a merge of one's own says that groups of them will do.
  if (node.window === undefined) return node.flavour === 'aggregate'
  return node.window.kind === 'time' && node.window.advanceMs === node.window.sizeMs && (node.flavour === 'aggregate' || node.window.emit === 'final')
}

function combineFor(node: Combinable, edge: Edge, id: NodeId): Shapeless {
  const { zero, add, state, store, site, window } = node
  return { kind: 'combine', id, name: `${node.name}.combine`, named: false, inputs: [edge], site, store, sizeMs: window?.kind === 'time' ? window.sizeMs : undefined, zero, add, countsOnly: node.flavour === 'count', state } satisfies Omit<CombineNode, 'output'>
}

/** The same aggregate over states instead of values. */
function merging(node: Combinable): Node {
  const { merge } = node
  return { ...node, add: (state, partial) => merge(state, partial) }
}

function withShape(node: Shapeless, inputs: readonly Edge[], at: (id: NodeId) => Node): Node {
  const shapeless: Shapeless = { ...node, inputs }
  // `output` is the only field that `Shapeless` lacks; each variant keeps its own kind.
  return { ...shapeless, output: outputOf(shapeless, inputs.map(edge => at(edge.node).output)) } as Node
}

/** Whether what reaches `id` may have been made by state, a timer or a window: then no single record stands for it. */
function comesFromState(id: NodeId, at: (id: NodeId) => Node): boolean {
  const node = at(id)
  return node.kind === 'table' || node.kind === 'tableFilter' || isKeyBased(node) || node.inputs.some(edge => comesFromState(edge.node, at))
}

/** The serde of keys that still have the window of the nearest aggregate. */
function windowBefore(id: NodeId, at: (id: NodeId) => Node): ((key: Serde<unknown>) => Serde<unknown>) | undefined {
  const node = at(id)
  if (node.kind === 'aggregate') {
    const { window } = node
    return window === undefined ? undefined : key => window.kind === 'session' ? sessionWindowed(key) : timeWindowed(key, window.sizeMs)
  }
  const [input] = node.inputs
  return node.output.windowed === 'no' || input === undefined ? undefined : windowBefore(input.node, at)
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
