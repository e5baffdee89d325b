/**
 * Which sources need not decode their keys: those from which every path ends in a new key, or in a sink that writes the key's own bytes, with only functions
 * between that see the key through their context, where it is decoded when they ask for it.
 */
import type { Node, NodeId } from '../../topology/node.ts'
import type { HeadNode, SubTopology } from '../../topology/plan.ts'

export function takesLateKeys(sub: SubTopology, head: HeadNode): boolean {
  if (head.kind === 'table') return false
  const nodes = new Map<NodeId, Node>(sub.nodes.map(node => [node.id, node]))
  const passes = (id: NodeId): boolean => (sub.children.get(id) ?? []).every(({ to }) => {
    const node = nodes.get(to)
    switch (node?.kind) {
      case 'filter': case 'map': case 'flatMap': case 'peek': case 'branch': case 'merge': return passes(to)
      case 'keyBy': return true
      case 'sink': return node.keyOf !== undefined || (node.topic.key === head.key && keyAsItCame(node, nodes))
      default: return false
    }
  })
  return passes(head.id)
}

function keyAsItCame(sink: Node, nodes: ReadonlyMap<NodeId, Node>): boolean {
  const input = sink.inputs[0] && nodes.get(sink.inputs[0].node)
  return input !== undefined && input.output.keyUntouched && input.output.windowed === 'no' && input.output.key === (sink.kind === 'sink' ? sink.topic.key : undefined)
}
