/**
 * Compiles a sub-topology of a plan into operators for one shard, from the sinks up. A new kind of node does not compile until it has its case here.
 */
import { assert, unreachable } from '../../base/assert.ts'
import type { Serde } from '../../serde/serde.ts'
import type { AggregateNode, Node, NodeId, OutputShape, ProcessNode, SinkNode, TableFilterNode } from '../../topology/node.ts'
import type { GlobalTableNode } from '../../topology/node.ts'
import type { StorePlan, SubTopology } from '../../topology/plan.ts'
import { KeyedStore } from '../state/keyed-store.ts'
import { sessionRows } from '../state/session-rows.ts'
import { TimerStore } from '../state/timer-store.ts'
import { WindowStore } from '../state/window-store.ts'
import { Watermark, WatermarkInput } from '../time/watermark.ts'
import { AggregateOperator } from './aggregate.ts'
import { BranchOperator } from './branch.ts'
import { ByteHead, byteProgramOf } from './byte-head.ts'
import { CombineOperator } from './combine.ts'
import { DistinctOperator, keyAndBy } from './distinct.ts'
import { FilterOperator } from './filter.ts'
import { FlatMapOperator } from './flat-map.ts'
import { forkTo } from './fork.ts'
import { KeyByOperator } from './key-by.ts'
import { MapOperator } from './map.ts'
import { TimedOperator, type ByteSource, type Operator, type ShardContext, type SubTopologyRun } from './operator.ts'
import { PeekOperator } from './peek.ts'
import { ProcessOperator } from './process.ts'
import { Run, RunTime } from './run.ts'
import { SessionAggregateOperator } from './session-aggregate.ts'
import { SinkOperator } from './sink.ts'
import { SourceOperator } from './source.ts'
import { StreamTableJoinOperator } from './stream-table-join.ts'
import { TableOperator } from './table.ts'
import { TableFilterOperator } from './table-filter.ts'
import { FilteredRows, StoredRows } from './table-rows.ts'
import type { StoredTable, TableRows } from './table-rows.ts'
import { ToOperator } from './to.ts'
import { WindowAggregateOperator } from './window-aggregate.ts'

/**
 * Builds the operators of one shard. `globalTables`: those of the task (`NativeTaskPlan.globalTables`), by which joins find their table.
 * Stores are those of `context.state`, which holds every store of `sub`; state must be restored before.
 */
export function compileSubTopology(sub: SubTopology, context: ShardContext, globalTables: readonly GlobalTableNode[]): SubTopologyRun {
  return new Compiler(sub, context, globalTables).compile()
}

class Compiler {
  readonly #sub: SubTopology
  readonly #globalTables: readonly GlobalTableNode[]
  readonly #context: ShardContext
  readonly #nodes: ReadonlyMap<NodeId, Node>
  readonly #inputs: readonly WatermarkInput[]
  readonly #time: RunTime
  readonly #watermark: Watermark
  /** What takes a node's inputs; for a head: what takes its records. */
  readonly #made = new Map<NodeId, Operator>()
  readonly #sources = new Map<NodeId, Operator>()
  readonly #byteHeads = new Map<NodeId, ByteSource>()
  /** By store. */
  readonly #storedRows = new Map<string, StoredRows>()
  #recordDone: (watermarkMayMove: boolean) => void = () => undefined

  constructor(sub: SubTopology, context: ShardContext, globalTables: readonly GlobalTableNode[]) {
    this.#sub = sub
    this.#globalTables = globalTables
    this.#context = context
    this.#nodes = new Map(sub.nodes.map(node => [node.id, node]))
    this.#inputs = sub.sources.map(node => {
      const { topic, disorderMs } = node.kind === 'repartitionSource' ? node : { topic: node.topic.name, disorderMs: node.topic.disorderMs }
      // Two heads of one topic are told apart by what they are; they see the same records.
      return new WatermarkInput(`${topic}/${node.kind}`, topic, disorderMs)
    })
    this.#watermark = new Watermark(this.#inputs)
    this.#time = new RunTime(this.#watermark, () => context.now())
  }

  compile(): SubTopologyRun {
    for (const node of [...this.#sub.nodes].reverse()) this.#made.set(node.id, this.#operator(node))
    const operators = this.#sub.nodes.map(node => this.#made.get(node.id)).filter(operator => operator !== undefined)
    const run = new Run({
      context: this.#context, watermark: this.#watermark, time: this.#time, sources: this.#sources, byteHeads: this.#byteHeads,
      operators: [...new Set(operators)], timed: [...new Set(operators)].filter(operator => operator instanceof TimedOperator),
    })
    this.#recordDone = moves => run.recordDone(moves)
    return run
  }

  #operator(node: Node): Operator {
    const next = this.#next(node)
    const { counters, output } = this.#context
    switch (node.kind) {
      case 'source': case 'repartitionSource': return this.#head(node.id, next)
      case 'table': return this.#head(node.id, new TableOperator(node.store, this.#storedTable(node), next, counters))
      case 'map': return new MapOperator(node.map, next)
      case 'filter': return new FilterOperator(node.test, next)
      case 'flatMap': return new FlatMapOperator(node.map, next)
      case 'peek': return new PeekOperator(node.look, next)
      case 'keyBy': return new KeyByOperator(node.keyOf, next)
      case 'merge': return next
      case 'branch': return new BranchOperator(node.arms.map(arm => ({ test: arm.test, next: this.#next(node, arm.name) })), this.#next(node, 'otherwise'))
      case 'aggregate': return this.#aggregate(node, next)
      case 'distinct': return new DistinctOperator(node, this.#windows(node.store, node.by === undefined ? undefined : keyAndBy(node.output.key, node.bySerde)), next, counters)
      case 'streamTableJoin': return new StreamTableJoinOperator({ node, table: this.#rows(node.table), next, counters })
      case 'streamGlobalJoin': return new StreamTableJoinOperator({ node, table: this.#context.globalTable(this.#globalTable(node.table).store), next, counters })
      case 'tableFilter': return new TableFilterOperator(this.#filteredRows(node), next)
      case 'process': return this.#process(node, next)
      case 'combine': return new CombineOperator(node, next, counters)
      case 'repartitionSink': return new SinkOperator({
        name: node.name, topic: node.topic, key: node.key, value: node.value, keyOf: undefined, nullValues: true, output,
        keyAsItCame: cameAs(this.#input(node), 'key', node.key), valueAsItCame: cameAs(this.#input(node), 'value', node.value),
      })
      case 'sink': return this.#sink(node)
      case 'to': return new ToOperator(node.name, this.#context.rows)
      case 'globalTable': throw new TypeError(`global table ${node.name} is in no sub-topology`)
      default: return unreachable(node)
    }
  }

  #head(id: NodeId, next: Operator): Operator {
    const input = this.#inputs[this.#sub.sources.findIndex(node => node.id === id)]
    assert(input !== undefined, `node ${id} is not among the sources of ${this.#sub.id}`)
    this.#sources.set(id, new SourceOperator(input, next, moves => this.#recordDone(moves)))
    const head = this.#sub.sources.find(node => node.id === id)
    const program = head && byteProgramOf(this.#sub, head)
    if (head !== undefined && program !== undefined) {
      const last = program.end.kind === 'pass' ? this.#nodes.get(program.end.after) : undefined
      const reader = new ByteHead(program, head, { plain: next, next: last === undefined ? next : this.#next(last), output: this.#context.output })
      this.#byteHeads.set(id, { reader, operator: new SourceOperator(input, reader, moves => this.#recordDone(moves)) })
    }
    return next
  }

  #aggregate(node: AggregateNode, next: Operator): Operator {
    const { counters } = this.#context
    if (node.window === undefined) return new AggregateOperator(node, this.#storedTable(node), next, counters)
    if (node.window.kind === 'time') return new WindowAggregateOperator(node, this.#windows(node.store), next, this.#time, counters)
    const plan = this.#plan(node.store)
    return new SessionAggregateOperator(node, WindowStore.of(this.#context.state, plan.name, plan.key, sessionRows(plan.value)), next, this.#time, counters)
  }

  #process(node: ProcessNode, next: Operator): Operator {
    const { state, counters } = this.#context
    const timers = node.timersStore === undefined ? undefined : TimerStore.of(state, node.timersStore, this.#plan(node.timersStore).key)
    const tables = Object.fromEntries(node.tables.map(table => [table.name, this.#context.globalTable(this.#globalTable(table.node).store)]))
    return new ProcessOperator(node, { store: this.#keyed(node.store), timers, tables, next, time: this.#time, counters })
  }

  #sink(node: SinkNode): Operator {
    const { name, key, value } = node.topic
    const input = this.#input(node)
    return new SinkOperator({
      name: node.name, topic: name, key, value, keyOf: node.keyOf, nullValues: value.optional, output: this.#context.output,
      keyAsItCame: node.keyOf === undefined && cameAs(input, 'key', key), valueAsItCame: cameAs(input, 'value', value),
    })
  }

  /** What takes the records that leave `node` (by `arm`). */
  #next(node: Node, arm?: string): Operator {
    const edges = (this.#sub.children.get(node.id) ?? []).filter(edge => edge.arm === arm)
    return forkTo(edges.map(edge => {
      const operator = this.#made.get(edge.to)
      assert(operator !== undefined, `node ${edge.to} comes before its input ${node.id}`)
      return operator
    }))
  }

  #input(node: Node): OutputShape {
    const input = node.inputs[0] && this.#nodes.get(node.inputs[0].node)
    assert(input !== undefined, `node ${node.id} has no input in ${this.#sub.id}`)
    return input.output
  }

  /** Rows of the keyed table that a node is. */
  #rows(id: NodeId): TableRows {
    const node = this.#nodes.get(id)
    if (node?.kind === 'tableFilter') return this.#filteredRows(node)
    assert(node?.kind === 'table' || node?.kind === 'aggregate', `node ${id} is no table of ${this.#sub.id}`)
    return this.#storedTable(node).rows
  }

  #filteredRows(node: TableFilterNode): FilteredRows {
    const [input] = node.inputs
    assert(input !== undefined, `table filter ${node.name} has no input`)
    return new FilteredRows(this.#rows(input.node), node.test)
  }

  #storedTable({ store: name }: { readonly store: string }): StoredTable {
    const store = this.#keyed(name)
    let rows = this.#storedRows.get(name)
    if (rows === undefined) this.#storedRows.set(name, rows = new StoredRows(store))
    return { store, rows }
  }

  #globalTable(id: NodeId): GlobalTableNode {
    const node = this.#globalTables.find(table => table.id === id)
    assert(node !== undefined, `node ${id} is no global table of the task`)
    return node
  }

  #keyed(name: string): KeyedStore {
    const plan = this.#plan(name)
    return KeyedStore.of(this.#context.state, name, plan.key, plan.value)
  }

  #windows(name: string, key?: Serde<unknown>): WindowStore {
    const plan = this.#plan(name)
    return WindowStore.of(this.#context.state, name, key ?? plan.key, plan.value)
  }

  #plan(name: string): StorePlan {
    const plan = this.#sub.stores.find(store => store.name === name)
    assert(plan !== undefined, `store '${name}' is not among those of ${this.#sub.id}`)
    return plan
  }
}

/** Whether the record's own bytes may be written for its key or value. */
function cameAs(input: OutputShape, part: 'key' | 'value', serde: Serde<unknown>): boolean {
  return part === 'key'
    ? input.keyUntouched && input.windowed === 'no' && input.key === serde
    : input.valueUntouched && input.value === serde
}
