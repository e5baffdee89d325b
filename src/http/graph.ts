/**
 * The app as boxes and arrows: topics, tasks, what their rows go to beside Kafka, and what outside clients do with the topics; laid out in layers from left to right.
 *
 * H1. The layout follows from the description alone: the same app is drawn the same way each time, and nothing jumps.
 * H2. A cycle does not stop the layout: the edge that closes it is drawn backwards.
 */
import type { AppGraph } from '../topology/describe.ts'

export interface GraphNode {
  readonly id: string
  readonly kind: 'topic' | 'task' | 'foreign' | 'target'
  /** Of a target its kind: `postgres`. */
  readonly name: string
  /** Of a foreign task. */
  readonly engine: string | null
  /** Of a target: where it goes, and how. */
  readonly detail: string | null
  /** Units of the grid: column from the left, row from the top. */
  readonly column: number
  readonly row: number
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
}

export interface Graph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  readonly columns: number
  readonly rows: number
}

export function graphOf(app: AppGraph): Graph {
  const kinds = new Map<string, GraphNode['kind']>(app.tasks.map(task => [`task:${task.name}`, task.engine === 'millrace' ? 'task' : 'foreign']))
  const engines = new Map(app.tasks.filter(task => task.engine !== 'millrace').map(task => [`task:${task.name}`, task.engine]))
  // A task's own repartition topics are inside of its box.
  const edges = app.edges.filter(edge => edge.as !== 'repartition').map(({ from, to }) => ({ from, to }))
  const targets = new Map(app.targets.map(target => [target.id, target]))
  for (const id of targets.keys()) kinds.set(id, 'target')
  for (const id of edges.flatMap(edge => [edge.from, edge.to])) if (!kinds.has(id)) kinds.set(id, 'topic')
  const column = columnsOf([...kinds.keys()], edges)
  const rowsUsed: number[] = []
  const nodes = orderWithin(column, edges).map(id => {
    const at = column.get(id) ?? 0
    const row = rowsUsed[at] ?? 0
    rowsUsed[at] = row + 1
    const target = targets.get(id)
    return {
      id, kind: kinds.get(id) ?? 'topic', name: target?.kind ?? id.slice(id.indexOf(':') + 1), engine: engines.get(id) ?? null,
      detail: target === undefined ? null : `${target.detail} (${target.delivery})`, column: at, row,
    }
  })
  return { nodes, edges, columns: rowsUsed.length, rows: Math.max(0, ...rowsUsed.map(used => used ?? 0)) }
}

/** Longest path from a source, over the edges that close no cycle. */
function columnsOf(ids: readonly string[], edges: readonly GraphEdge[]): Map<string, number> {
  const next = new Map<string, string[]>(ids.map(id => [id, edges.filter(edge => edge.from === id).map(edge => edge.to)]))
  const state = new Map<string, 'open' | 'done'>()
  const order: string[] = []
  const closing = new Set<string>()
  const visit = (id: string): void => {
    state.set(id, 'open')
    for (const to of next.get(id) ?? []) {
      if (state.get(to) === 'open') closing.add(`${id} ${to}`)
      else if (state.get(to) === undefined) visit(to)
    }
    state.set(id, 'done')
    order.push(id)
  }
  const fed = new Set(edges.map(edge => edge.to))
  for (const id of [...ids.filter(each => !fed.has(each)), ...ids]) if (state.get(id) === undefined) visit(id)
  const column = new Map<string, number>(ids.map(id => [id, 0]))
  for (const id of order.reverse()) {
    for (const to of next.get(id) ?? []) {
      if (!closing.has(`${id} ${to}`)) column.set(to, Math.max(column.get(to) ?? 0, (column.get(id) ?? 0) + 1))
    }
  }
  return column
}

/** Within a column, by the mean place of the feeders, so that arrows cross little. */
function orderWithin(column: ReadonlyMap<string, number>, edges: readonly GraphEdge[]): string[] {
  const place = new Map<string, number>()
  const ordered: string[] = []
  const last = Math.max(0, ...column.values())
  for (let at = 0; at <= last; at++) {
    const members = [...column].filter(([, each]) => each === at).map(([id], index) => {
      const feeders = edges.filter(edge => edge.to === id).map(edge => place.get(edge.from)).filter(each => each !== undefined)
      return { id, index, weight: feeders.length === 0 ? index : feeders.reduce((sum, each) => sum + each, 0) / feeders.length }
    })
    members.sort((a, b) => a.weight - b.weight || a.index - b.index)
    members.forEach(({ id }, row) => { place.set(id, row); ordered.push(id) })
  }
  return ordered
}
