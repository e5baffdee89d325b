/**
 * The description of an app as plain data: topics, and per task a list of nodes with the user's functions in them.
 *
 * The DSL makes these, `build.ts` checks them and cuts them into sub-topologies, `runtime/operators` compiles them,
 * `describe.ts` draws them. Nothing here runs anything or has an effect on the world.
 *
 * N1. A node's `id` is its index in `TaskDescription.nodes`; `inputs` name lower ids only, so ids are a topological order.
 *     `build` appends repartition nodes with ids of their own: its `SubTopology.nodes` are the order to go by.
 * N2. An operator with something durable (a store, a repartition topic) has a name that does not follow from its position:
 *     the user's, else the default of its kind. Labels of other operators are for people only.
 * N3. `undefined` is the absent key or value (null on the wire), in every function here; JSON's null is a value.
 * N4. User functions are synchronous, get the values as they are, and must not change them.
 */
import type { Condition } from '../serde/json-spans.ts'
import type { Serde } from '../serde/serde.ts'
import type { Window } from '../serde/windowed.ts'
import type { ForeignSpec, Link } from './foreign.ts'
import type { TaskTuning } from './options.ts'
import type { TargetSpec } from './target.ts'

// ---------------------------------------------------------------- topics

/** The value's event time, epoch milliseconds; `recordTime` is the timestamp of the Kafka record. Negative drops the record (T1). */
export type TimeExtractor = (value: unknown, recordTime: number) => number

/** A topic as declared by `topic(name, …)`, without its types. */
export interface TopicSpec {
  readonly kind: 'topic'
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** `undefined`: the record's timestamp. */
  readonly time: TimeExtractor | undefined
  /** The field that `time` reads, where it was declared so. */
  readonly timeField?: string | undefined
  /** How far behind the highest time so far a record of a partition may come: taken off the watermark. */
  readonly disorderMs: number
  /** Partitions to make it with where it does not exist; `undefined`: the cluster's default. */
  readonly partitions: number | undefined
  /** Wanted replication factor; applied where the cluster has two brokers or more. */
  readonly replicas: number | undefined
  /** Milliseconds to keep records, −1 for ever; `undefined`: the cluster's default. */
  readonly retentionMs: number | undefined
  readonly cleanup: 'delete' | 'compact' | 'compact,delete' | undefined
  /** `segment.bytes` to make it with; `undefined`: the cluster's default. */
  readonly segmentBytes?: number | undefined
}

// ---------------------------------------------------------------- what user code sees

export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

/**
 * The second argument of user functions. One object, reused for each record: take out what is needed, do not keep it.
 * Behind a timer or a closed window there is no single record: `topic` is '', `partition` and `offset` are −1, `headers` is empty.
 */
export interface RecordContext<K = unknown, W = Window | undefined> {
  readonly key: K
  /** The window this row belongs to, after a windowed operator; `undefined` elsewhere. */
  readonly window: W
  /** Event time, epoch milliseconds. */
  readonly time: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Read on demand: costs only where it is used. */
  readonly headers: readonly Header[]
}

export type UserFunction<R> = (value: unknown, context: RecordContext) => R

/** Keyed timers of a `process` operator: one per key, clock and name; setting it again moves it. Persisted with the state (M2). */
export interface Timers {
  /** Fires once the watermark is ≥ `time` (event time, epoch ms), also when that is already so. */
  set(time: number, name?: string): void
  /** Fires once the wall clock is ≥ `time` (epoch ms). */
  setWallClock(time: number, name?: string): void
  cancel(name?: string): void
  cancelWallClock(name?: string): void
  /** Current wall clock, epoch ms: comes through `Env`, so that it is virtual in tests. */
  now(): number
}

/** The one state value of a key. */
export interface KeyState<S> {
  /** `undefined`: this key has none. Do not change it in place: `set` a new one. */
  get(): S | undefined
  set(state: S): void
  delete(): void
}

/** Rows of a global table, by any key. */
export interface TableReader<K = unknown, T = unknown> {
  get(key: K): T | undefined
}

/** What `onRecord` and `onTimer` of a `process` operator get besides the value. */
export interface ProcessContext<K = unknown, S = unknown, O = unknown, W = Window | undefined, T = Readonly<Record<string, TableReader>>> extends RecordContext<K, W> {
  readonly state: KeyState<S>
  /** The global tables named in `tables`. */
  readonly tables: T
  readonly timers: Timers
  /** Passes `value` on under the same key, with the time of the record or timer at hand unless `time` is given. */
  emit(value: O, time?: number): void
}

export interface Timer {
  readonly name: string
  readonly clock: 'event' | 'wall'
  /** What it was set to. */
  readonly time: number
}

// ---------------------------------------------------------------- nodes

export type NodeId = number

/** From which node, and for a `branch` from which of its arms. */
export interface Edge {
  readonly node: NodeId
  readonly arm: string | undefined
}

/** Where in the user's code a node was made. */
export interface SourceSite {
  /** A path or a file URL as in the stack trace. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** What is known of the records that leave a node. */
export interface OutputShape {
  /** Of the key, without its window. */
  readonly key: Serde<unknown>
  /** Keys are `Windowed` objects around the declared key. */
  readonly windowed: 'no' | 'time' | 'session'
  /** The serde a value would be written with inside the app; JSON where the DSL knows none. */
  readonly value: Serde<unknown>
  /** Key (value) is the very one the source decoded, on every path: the record's own bytes may stand for it if the serdes are the same object. */
  readonly keyUntouched: boolean
  readonly valueUntouched: boolean
  /** Key was changed by `keyBy` and not yet repartitioned (P1). */
  readonly rekeyed: boolean
}

interface NodeBase {
  readonly id: NodeId
  /** Durable name, or for stateless operators a label (N2). Unique within the task. */
  readonly name: string
  /** The user gave `name`. */
  readonly named: boolean
  readonly inputs: readonly Edge[]
  readonly output: OutputShape
  readonly site: SourceSite | undefined
}

/** Reads a topic as a stream. */
export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly topic: TopicSpec
  /** The topic's serdes; `value` is narrower where `read(topic, { fields })` asked for less. */
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Narrowed together with `value`: call it with the value that `value` has just decoded, before decoding the next. */
  readonly time: TimeExtractor | undefined
  readonly fields: readonly string[] | undefined
  /** Where to start without a committed offset. */
  readonly from: 'earliest' | 'latest'
}

/** Reads a topic as a table into `store`; passes each change on as (key, row | undefined) (K1). */
export interface TableNode extends NodeBase {
  readonly kind: 'table'
  readonly topic: TopicSpec
  readonly key: Serde<unknown>
  /** Not optional: null deletes the row and never reaches it. */
  readonly value: Serde<unknown>
  readonly time: TimeExtractor | undefined
  readonly store: string
}

/** Reads all partitions of a topic into a table that every shard of the process can read (J5). Has no consumers, only joins that name it. */
export interface GlobalTableNode extends NodeBase {
  readonly kind: 'globalTable'
  readonly topic: TopicSpec
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly store: string
}

export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly map: UserFunction<unknown>
  /** What `map` does, where it was declared: picks these fields. */
  readonly select?: readonly string[] | undefined
  /** What the user declared the result to be written with inside the app; `undefined`: JSON. */
  readonly value: Serde<unknown> | undefined
}

export interface FilterNode extends NodeBase {
  readonly kind: 'filter'
  readonly test: UserFunction<boolean>
  /** What `test` asks, where it was declared: all of these. */
  readonly where?: readonly Condition[] | undefined
}

/** Follows a keyed table or another filter of one; passes on (key, row | undefined) where the row is, or was, one that the test holds for (K2). Is a table itself. */
export interface TableFilterNode extends NodeBase {
  readonly kind: 'tableFilter'
  /** Of the context, only the key counts: rows are tested when they change and when they are looked up. */
  readonly test: UserFunction<boolean>
}

export interface FlatMapNode extends NodeBase {
  readonly kind: 'flatMap'
  readonly map: UserFunction<Iterable<unknown>>
  readonly value: Serde<unknown> | undefined
}

/** Each record goes to the first arm whose test holds, else to the arm `otherwise` (no test). Consumers name the arm in their edge. */
export interface BranchNode extends NodeBase {
  readonly kind: 'branch'
  readonly arms: readonly { readonly name: string; readonly test: UserFunction<boolean> }[]
}

/** Passes on what any of its inputs passes on. */
export interface MergeNode extends NodeBase {
  readonly kind: 'merge'
}

export interface PeekNode extends NodeBase {
  readonly kind: 'peek'
  readonly look: UserFunction<unknown>
}

/** Changes the key. By itself it moves nothing: the next key-based operator makes `build` put a repartition topic before it (P1). */
export interface KeyByNode extends NodeBase {
  readonly kind: 'keyBy'
  readonly keyOf: UserFunction<unknown>
  /** The field that `keyOf` gives, where it was declared. */
  readonly field?: string | undefined
  readonly key: Serde<unknown>
  /** Enforced partition count of the repartition topic (P2). */
  readonly partitions: number | undefined
}

/** Made by `build`: writes (key, value, time, headers) to the repartition topic of the same name. */
export interface RepartitionSinkNode extends NodeBase {
  readonly kind: 'repartitionSink'
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/**
 * Made by `build` before the repartition topic of an aggregate that can merge: folds the records of a key (and window) into one state, which travels in their
 * place at each commit with the highest of their times.
 */
export interface CombineNode extends NodeBase {
  readonly kind: 'combine'
  /** Name of the aggregate that it works for: whose drops its drops are. */
  readonly store: string
  /** Length of its tumbling windows; `undefined`: no windows. */
  readonly sizeMs: number | undefined
  readonly zero: AggregateNode['zero']
  readonly add: AggregateNode['add']
  /** `add` does not look at values. */
  readonly countsOnly: boolean
  readonly state: Serde<unknown>
}

/** Made by `build`: reads that topic, at the head of another sub-topology. Its records carry their event time as timestamp. */
export interface RepartitionSourceNode extends NodeBase {
  readonly kind: 'repartitionSource'
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** The largest of what it is made from. */
  readonly disorderMs: number
}

export type WindowSpec =
  /** Tumbling where `advanceMs` equals `sizeMs`, else hopping (W1). */
  | { readonly kind: 'time'; readonly sizeMs: number; readonly advanceMs: number; readonly graceMs: number; readonly emit: 'updates' | 'final' }
  /** W4. */
  | { readonly kind: 'session'; readonly gapMs: number; readonly graceMs: number; readonly emit: 'updates' | 'final' }

/**
 * Folds the values of a key, or of a key and window. Emits the new state for each record, or (`emit: 'final'`) once when the window
 * closes; session windows also emit (old window, `undefined`) for each session absorbed (W4).
 */
export interface AggregateNode extends NodeBase {
  readonly kind: 'aggregate'
  /** How it was written; `count` and `reduce` are aggregates too. */
  readonly flavour: 'aggregate' | 'reduce' | 'count'
  readonly window: WindowSpec | undefined
  readonly zero: () => unknown
  readonly add: (state: unknown, value: unknown, context: RecordContext) => unknown
  /**
   * Of two states that became one: two sessions (W4), or what was combined before it travelled (`CombineNode`). `merge(zero(), state)` is `state`. There for
   * session windows.
   */
  readonly merge: ((left: unknown, right: unknown) => unknown) | undefined
  readonly state: Serde<unknown>
  readonly store: string
}

/** Lets a value through unless an equal one (`by`, within the key) was let through at a time less than `withinMs` away. */
export interface DistinctNode extends NodeBase {
  readonly kind: 'distinct'
  /** `undefined`: one value per key. */
  readonly by: UserFunction<unknown> | undefined
  readonly bySerde: Serde<unknown>
  readonly withinMs: number
  readonly store: string
}

/** The stream side triggers; the row is the one at the moment of processing (J3, J4). */
export interface StreamTableJoinNode extends NodeBase {
  readonly kind: 'streamTableJoin'
  /** A `table`, an unwindowed `aggregate` or a `tableFilter`: co-partitioned, in the same sub-topology. */
  readonly table: NodeId
  readonly left: boolean
  readonly join: (value: unknown, row: unknown, context: RecordContext) => unknown
}

/** J5. */
export interface StreamGlobalJoinNode extends NodeBase {
  readonly kind: 'streamGlobalJoin'
  /** A `globalTable`. */
  readonly table: NodeId
  /** Key to look up; `undefined` has no row. */
  readonly keyOf: UserFunction<unknown>
  readonly left: boolean
  readonly join: (value: unknown, row: unknown, context: RecordContext) => unknown
}

/** A function over keyed state and timers. */
export interface ProcessNode extends NodeBase {
  readonly kind: 'process'
  readonly onRecord: (value: unknown, context: ProcessContext) => void
  readonly onTimer: ((timer: Timer, context: ProcessContext) => void) | undefined
  /** Global tables it looks up, under the names that `ProcessContext.tables` has them by. */
  readonly tables: readonly { readonly name: string; readonly node: NodeId }[]
  readonly state: Serde<unknown>
  readonly emits: Serde<unknown>
  readonly store: string
  /** Of kind `timers`; there if `onTimer` is. */
  readonly timersStore: string | undefined
}

/** Writes to a topic, with the record's time and headers (T4). */
export interface SinkNode extends NodeBase {
  readonly kind: 'sink'
  readonly topic: TopicSpec
  /** `undefined`: the record's own key (a `Windowed` one where the topic's key serde takes windowed keys). */
  readonly keyOf: UserFunction<unknown> | undefined
  /** The field that `keyOf` gives, where it was declared. */
  readonly keyField?: string | undefined
}

/** Hands rows to a target beside Kafka, which takes part in the task's commit (`target.ts`). Its name says whose positions are whose. */
export interface ToNode extends NodeBase {
  readonly kind: 'to'
  readonly target: TargetSpec
}

export type Node =
  | SourceNode | TableNode | GlobalTableNode
  | MapNode | FilterNode | TableFilterNode | FlatMapNode | BranchNode | MergeNode | PeekNode | KeyByNode
  | CombineNode | RepartitionSinkNode | RepartitionSourceNode
  | AggregateNode | DistinctNode | StreamTableJoinNode | StreamGlobalJoinNode | ProcessNode
  | SinkNode | ToNode

export type NodeKind = Node['kind']

// ---------------------------------------------------------------- tasks and the app

export type Guarantee = 'exactlyOnce' | 'atLeastOnce'

/** What becomes of a record that user code or a serde throws on. `topic` gets key and value as they came, and headers that say why. */
export type ErrorPolicy =
  | { readonly kind: 'fail' }
  | { readonly kind: 'skip' }
  | { readonly kind: 'deadLetter'; readonly topic: string }

/** A task whose operators Millrace runs. */
export interface NativeTask {
  readonly kind: 'native'
  readonly name: string
  readonly nodes: readonly Node[]
  readonly guarantee: Guarantee | undefined
  readonly onError: ErrorPolicy
  readonly tuning: TaskTuning
  readonly site: SourceSite | undefined
}

/** A task that another engine runs; Millrace draws, starts and watches it. */
export interface ForeignTask {
  readonly kind: 'foreign'
  readonly name: string
  readonly on: ForeignSpec
  /** What this task's job does otherwise than its engine's usual one. */
  readonly link: Partial<Link>
  readonly reads: readonly TopicSpec[]
  readonly writes: readonly TopicSpec[]
  readonly site: SourceSite | undefined
}

export type TaskDescription = NativeTask | ForeignTask

/** What `app(name).task(…)` is. */
export interface AppDescription {
  readonly name: string
  readonly tasks: readonly TaskDescription[]
  readonly guarantee: Guarantee
}
