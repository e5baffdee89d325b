/**
 * A stream of keyed values inside a task. Each method adds one node to the task's description and returns what comes out of it.
 *
 * User functions get the value and, second, what else is known of the record (`RecordContext`: key, window, time, topic, partition,
 * offset, headers). They are synchronous and must not change the value.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { ANY_JSON } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { text } from '../serde/text.ts'
import type { Window } from '../serde/windowed.ts'
import type { Edge, NodeId, ProcessContext, TableReader, Timer } from '../topology/node.ts'
import { topologyError } from '../topology/names.ts'
import type { TargetOf } from '../topology/target.ts'
import { addFold, countFold, reduceFold, type AggregateOptions } from './aggregate.ts'
import { conditionsOf, fieldOf, selectedSerde, selectOf, testOf, type FieldsOf, type Where } from './declared.ts'
import { erased } from './erased.ts'
import type { TaskGraph } from './graph.ts'
import { callerSite } from './site.ts'
import type { WritableTopic } from './topic.ts'
import type { Context, Joinable, KeyOf, StateSerde, Sync, TableHandle } from './types.ts'
import { SessionStream, TimeWindowStream, windowSpec, type Emit, type SessionOptions, type TimeWindowOptions } from './windowed.ts'

export class Stream<K, V, W extends Window | undefined = undefined> {
  /** Never set; gives the compiler the three types to compare. */
  declare readonly types?: { readonly key: K; readonly value: V; readonly window: W }
  protected readonly graph: TaskGraph
  protected readonly edge: Edge

  constructor(graph: TaskGraph, node: NodeId, arm?: string | undefined) {
    this.graph = graph
    this.edge = { node, arm }
  }

  /** Keeps what `test` holds for. A type guard narrows the type. */
  filter<U extends V>(test: (value: V, context: Context<K, W>) => value is U): Stream<K, U, W>
  filter(test: (value: V, context: Context<K, W>) => boolean): Stream<K, V, W>
  filter(test: (value: V, context: Context<K, W>) => boolean): Stream<K, V, W> {
    return this.#next({ kind: 'filter', test: erased(test) })
  }

  /**
   * Keeps what all of `where` holds for: as `filter`, but said, not programmed, so that a record that is left out need not be decoded.
   *
   * @example
   *   read(events).where({ type: { not: 'view' }, price: { atLeast: 10 } })
   */
  where(where: Where<V>): Stream<K, V, W> {
    const conditions = conditionsOf(where)
    return this.#next({ kind: 'filter', test: erased(testOf(conditions)), where: conditions })
  }

  /** Keeps only these fields of the value: as `map`, but said, so that a row can be put together without decoding the record. */
  select<const N extends keyof V & string>(...names: readonly N[]): Stream<K, Pick<V, N>, W> {
    return this.#next({ kind: 'map', map: erased(selectOf(names)), value: selectedSerde(this.graph.shapeOf(this.edge.node).value, names), select: names })
  }

  /** Replaces the value. `as` says how the result is written inside the app (repartition topics); JSON without it. */
  map<R>(map: (value: V, context: Context<K, W>) => Sync<R>, options: { readonly as?: Serde<R> | undefined } = {}): Stream<K, R, W> {
    return this.#next({ kind: 'map', map: erased(map), value: options.as })
  }

  /** Replaces the value by any number of values, in order. */
  flatMap<R>(map: (value: V, context: Context<K, W>) => Iterable<Sync<R>>, options: { readonly as?: Serde<R> | undefined } = {}): Stream<K, R, W> {
    return this.#next({ kind: 'flatMap', map: erased(map), value: options.as })
  }

  /**
   * Splits the stream: each record goes to the first arm whose test holds, else to `otherwise`. Type guards narrow their arm.
   *
   * @example
   *   const { cheap, dear } = read(orders).branch({ cheap: o => o.total < 10, dear: o => o.total > 1000 })
   */
  branch<const B extends Readonly<Record<string, (value: V, context: Context<K, W>) => boolean>>>(arms: B): Branches<K, V, W, B> {
    const names = Object.keys(arms)
    if (names.includes('otherwise')) throw topologyError(`'otherwise' is the arm for what no test holds for: it needs no test`, callerSite())
    const node = this.graph.add({ kind: 'branch', arms: Object.entries(arms).map(([name, test]) => ({ name, test: erased(test) })) }, { inputs: [this.edge] })
    // One stream for each name of B, and `otherwise`: just what the type lists.
    return Object.fromEntries([...names, 'otherwise'].map(name => [name, new Stream(this.graph, node, name)])) as Branches<K, V, W, B>
  }

  /** Adds the records of other streams of the same key type; in no particular order between them. */
  merge<V2>(...others: readonly Stream<K, V2, W>[]): Stream<K, V | V2, W> {
    for (const other of others) this.graph.mustOwn(other.graph, 'stream')
    return new Stream(this.graph, this.graph.add({ kind: 'merge' }, { inputs: [this.edge, ...others.map(other => other.edge)] }))
  }

  /** Lets `look` see each record, for logs and metrics. */
  peek<R>(look: (value: V, context: Context<K, W>) => Sync<R>): Stream<K, V, W> {
    return this.#next({ kind: 'peek', look: erased(look) })
  }

  /**
   * Gives each record a new key. Records move to the partition of their new key at the next step that needs it (P1), through a topic
   * named after that step or after `name`. Keys that are not strings say how they are written. A field's name stands for `value => value[name]`.
   */
  keyBy<const N extends FieldsOf<V, string>>(field: N, options?: KeyByOptions): Stream<V[N] & string, V>
  keyBy<K2 extends string>(keyOf: (value: V, context: Context<K, W>) => K2, options?: KeyByOptions & { readonly key?: Serde<K2> | undefined }): Stream<K2, V>
  keyBy<K2>(keyOf: (value: V, context: Context<K, W>) => Sync<K2>, options: KeyByOptions & { readonly key: Serde<K2> }): Stream<K2, V>
  keyBy<K2>(by: string | ((value: V, context: Context<K, W>) => K2), options: KeyByOptions & { readonly key?: Serde<K2> | undefined } = {}): Stream<K2, V> {
    const { partitions } = options
    if (partitions !== undefined && (!Number.isInteger(partitions) || partitions < 1)) throw topologyError(`keyBy: partitions must be a whole number of at least 1, not ${partitions}`, callerSite())
    // Without `key` the first overload holds: K2 is a string.
    const key: Serde<unknown> = options.key ?? text
    const field = typeof by === 'string' ? by : undefined
    return new Stream(this.graph, this.graph.add({ kind: 'keyBy', keyOf: erased(field === undefined ? by : fieldOf(field)), field, key, partitions }, { inputs: [this.edge], name: options.name }))
  }

  /** Cuts time into windows, in which the next step counts, reduces or aggregates. */
  window<const E extends Emit = 'updates'>(this: Stream<K, V>, options: TimeWindowOptions<E>): TimeWindowStream<NonNullable<K>, V>
  window<const E extends Emit = 'updates'>(this: Stream<K, V>, options: SessionOptions<E>): SessionStream<NonNullable<K>, V, E>
  window(this: Stream<K, V>, options: TimeWindowOptions<Emit> | SessionOptions<Emit>): TimeWindowStream<NonNullable<K>, V> | SessionStream<NonNullable<K>, V, Emit> {
    const spec = windowSpec(options)
    return spec.kind === 'session' ? new SessionStream(this.graph, this.edge, spec) : new TimeWindowStream(this.graph, this.edge, spec)
  }

  /** Folds the values of each key into a state, kept and passed on at each record. The result is also a table to join with. */
  aggregate<S>(this: Stream<K, V>, options: AggregateOptions<NonNullable<K>, V, S> & StateSerde<S>): TableStream<NonNullable<K>, S>
  aggregate<S>(this: Stream<K, V>, name: string, options: AggregateOptions<NonNullable<K>, V, S> & StateSerde<S>): TableStream<NonNullable<K>, S>
  aggregate<S>(this: Stream<K, V>, ...args: [AggregateOptions<NonNullable<K>, V, S>] | [string, AggregateOptions<NonNullable<K>, V, S>]): TableStream<NonNullable<K>, S> {
    const [name, options] = args.length === 2 ? args : [undefined, args[0]]
    return new TableStream(this.graph, addFold(this.graph, this.edge, { flavour: 'aggregate', name, window: undefined, zero: options.zero, add: options.add, merge: options.merge, state: options.state }))
  }

  /** Counts the records of each key. */
  count(this: Stream<K, V>, name?: string): TableStream<NonNullable<K>, number> {
    return new TableStream(this.graph, addFold(this.graph, this.edge, { ...countFold, name, window: undefined }))
  }

  /** Combines the values of each key two by two; the first stands for itself. */
  reduce(this: Stream<K, V>, reduce: (left: V, right: V) => Sync<V>): TableStream<NonNullable<K>, V>
  reduce(this: Stream<K, V>, name: string, reduce: (left: V, right: V) => Sync<V>): TableStream<NonNullable<K>, V>
  reduce(this: Stream<K, V>, ...args: [(left: V, right: V) => V] | [string, (left: V, right: V) => V]): TableStream<NonNullable<K>, V> {
    const [name, reduce] = args.length === 2 ? args : [undefined, args[0]]
    return new TableStream(this.graph, addFold(this.graph, this.edge, { ...reduceFold(reduce), merge: undefined, name, window: undefined }))
  }

  /**
   * Drops a record if an equal one passed less than `within` away in event time. Equal: the same key, or with `by` the same result for
   * the same key. Records that may be equal must share a key: `keyBy` first where they do not.
   */
  distinct(this: Stream<K, V>, options: DistinctOptions<K, V>): Stream<NonNullable<K>, V> {
    const withinMs = durationMs(options.within, 'within')
    const part = { kind: 'distinct', by: options.by && erased<unknown>(options.by), bySerde: ANY_JSON, withinMs, store: options.name ?? 'distinct' } as const
    return new Stream(this.graph, this.graph.add(part, { inputs: [this.edge], name: options.name, defaultName: 'distinct' }))
  }

  /** Adds the table's row of the same key, as it is when the record is processed. Records without a row are dropped. */
  join<T, R>(this: Stream<K, V>, table: Joinable<NonNullable<K>, T>, join: (value: V, row: T, context: Context<K>) => Sync<R>, options: JoinOptions = {}): Stream<NonNullable<K>, R> {
    return new Stream(this.graph, this.#join(table.table, false, join, options))
  }

  /** As `join`, but a record without a row is kept: `row` is `undefined`. */
  leftJoin<T, R>(this: Stream<K, V>, table: Joinable<NonNullable<K>, T>, join: (value: V, row: T | undefined, context: Context<K>) => Sync<R>, options: JoinOptions = {}): Stream<K, R> {
    return new Stream(this.graph, this.#join(table.table, true, join, options))
  }

  /** Adds the row of a global table under any key that `keyOf` finds. Records without a row are dropped; nothing is repartitioned. */
  joinGlobal<GK, T, R>(table: GlobalTable<GK, T>, keyOf: (value: V, context: Context<K, W>) => NoInfer<GK> | undefined, join: (value: V, row: T, context: Context<K, W>) => Sync<R>): Stream<K, R, W> {
    return this.#joinGlobal(table, false, keyOf, join)
  }

  /** As `joinGlobal`, but a record without a row is kept: `row` is `undefined`. */
  leftJoinGlobal<GK, T, R>(table: GlobalTable<GK, T>, keyOf: (value: V, context: Context<K, W>) => NoInfer<GK> | undefined, join: (value: V, row: T | undefined, context: Context<K, W>) => Sync<R>): Stream<K, R, W> {
    return this.#joinGlobal(table, true, keyOf, join)
  }

  /**
   * A function over records, keyed state and timers, for what the other steps do not do. The serdes give the types of state and output.
   *
   * @example
   *   .process('remind', {
   *     state: Cart, emits: Reminder,
   *     onRecord(event, { state, timers, time }) { state.set(event); timers.set(time + 3_600_000) },
   *     onTimer(timer, { key, state, emit }) { emit({ shopper: key }); state.delete() },
   *   })
   */
  process<S, O = never, const T extends GlobalTables = Record<never, never>>(this: Stream<K, V>, name: string, options: ProcessOptions<NonNullable<K>, V, S, O, T>): Stream<NonNullable<K>, O> {
    const { onTimer } = options
    const tables = Object.entries<GlobalTable<never, unknown>>(options.tables ?? {})
    for (const [, { table }] of tables) this.graph.mustOwn(table.graph, 'global table')
    return new Stream(this.graph, this.graph.add({
      kind: 'process',
      onRecord: erased<void>(options.onRecord),
      onTimer: onTimer === undefined ? undefined : erased<void>(onTimer),
      tables: tables.map(([as, { table }]) => ({ name: as, node: table.node })),
      state: options.state,
      emits: options.emits ?? ANY_JSON,
      store: name,
      timersStore: onTimer === undefined ? undefined : `${name}-timers`,
    }, { inputs: [this.edge], name }))
  }

  /** Writes to a topic. Without `key` the record's own key is written, window and all: types must fit. `key` may be the name of a field. */
  write(topic: WritableTopic<KeyOf<K, W>, V>): void
  write<TK>(topic: WritableTopic<TK, V>, options: { readonly key: ((value: V, context: Context<K, W>) => NoInfer<TK>) | FieldsOf<V, NoInfer<TK>> }): void
  write(topic: WritableTopic<never, V>, options: { readonly key?: ((value: V, context: Context<K, W>) => unknown) | string } = {}): void {
    const keyField = typeof options.key === 'string' ? options.key : undefined
    this.graph.add({ kind: 'sink', topic, keyOf: options.key === undefined ? undefined : erased<unknown>(keyField === undefined ? options.key : fieldOf(keyField)), keyField }, { inputs: [this.edge] })
  }

  /**
   * Hands each row to a target beside Kafka, which takes part in the task's commit: `files`, `http`, `postgres`, `each` of `millrace/sinks`. `name` is
   * that of the positions kept there, the target's kind without it.
   *
   * @example
   *   read(orders).map(({ id, total }) => ({ id, total })).to(postgres({ connection, table: 'orders' }))
   */
  to(target: TargetOf<K, V>): void
  to(name: string, target: TargetOf<K, V>): void
  to(...args: [TargetOf<K, V>] | [string, TargetOf<K, V>]): void {
    const [name, target] = args.length === 2 ? args : [undefined, args[0]]
    this.graph.add({ kind: 'to', target }, { inputs: [this.edge], name, defaultName: target.kind })
  }

  #next<V2>(part: Parameters<TaskGraph['add']>[0]): Stream<K, V2, W> {
    return new Stream(this.graph, this.graph.add(part, { inputs: [this.edge] }))
  }

  #join(table: TableHandle, left: boolean, join: unknown, options: JoinOptions): NodeId {
    this.graph.mustOwn(table.graph, 'table')
    return this.graph.add({ kind: 'streamTableJoin', table: table.node, left, join: erased(join) }, { inputs: [this.edge], name: options.name, defaultName: 'join' })
  }

  #joinGlobal<R>(table: GlobalTable<never, unknown>, left: boolean, keyOf: unknown, join: unknown): Stream<K, R, W> {
    this.graph.mustOwn(table.table.graph, 'global table')
    return this.#next({ kind: 'streamGlobalJoin', table: table.table.node, left, keyOf: erased(keyOf), join: erased(join) })
  }
}

/** The stream of a table's new states, which is also that table, to join with. */
export class TableStream<K, V> extends Stream<K, V> implements Joinable<K, V> {
  declare readonly lookup?: ((key: K) => V) | undefined
  readonly table: Joinable<K, V>['table']

  constructor(graph: TaskGraph, node: NodeId) {
    super(graph, node)
    this.table = { scope: 'keyed', graph, node }
  }

  /** The table alone: what `filter` takes out of it is deleted, where the stream's `filter` would just keep silent. */
  asTable(): Table<K, V> {
    return new Table(this.table.graph, this.table.node)
  }
}

/** What is known of a row besides itself. */
export interface RowContext<K> {
  readonly key: K
}

/** A topic read as a table, the last value of each key; or what was made of one. */
export class Table<K, V> implements Joinable<K, V> {
  declare readonly lookup?: ((key: K) => V) | undefined
  readonly table: Joinable<K, V>['table']

  constructor(graph: TaskGraph, node: NodeId) {
    this.table = { scope: 'keyed', graph, node }
  }

  /**
   * The rows that `test` holds for, as a table: to join with, or for its changes. A row that leaves it is deleted. `test` sees the row and its key, and
   * must say the same of the same row each time: nothing more is stored.
   *
   * @example
   *   table(products).filter(product => product.stock > 0).changes().write(available)
   */
  filter<U extends V>(test: (row: V, context: RowContext<K>) => row is U): Table<K, U>
  filter(test: (row: V, context: RowContext<K>) => boolean): Table<K, V>
  filter(test: (row: V, context: RowContext<K>) => boolean): Table<K, V> {
    const { graph, node } = this.table
    return new Table(graph, graph.add({ kind: 'tableFilter', test: erased(test) }, { inputs: [{ node, arm: undefined }] }))
  }

  /** Its changes as a stream: a deleted row is `undefined`. */
  changes(): Stream<K, V | undefined> {
    return new Stream(this.table.graph, this.table.node)
  }
}

/** A topic read whole by every process: to look up by any key. */
export class GlobalTable<in K, out V> {
  declare readonly lookup?: ((key: K) => V) | undefined
  readonly table: TableHandle

  constructor(graph: TaskGraph, node: NodeId) {
    this.table = { scope: 'global', graph, node }
  }
}

export interface KeyByOptions {
  /** Name of the repartition topic: `<app>.<task>.<name>.repartition`. */
  readonly name?: string | undefined
  /** Its partition count; without it, as many as what it is made from. */
  readonly partitions?: number | undefined
}

export interface JoinOptions {
  readonly name?: string | undefined
}

export interface DistinctOptions<K, V> {
  readonly name?: string | undefined
  /** What makes two records of a key equal; without it, the key alone. */
  readonly by?: ((value: V, context: Context<K>) => string | number | boolean | readonly (string | number | boolean)[]) | undefined
  readonly within: Duration
}

export type GlobalTables = Readonly<Record<string, GlobalTable<never, unknown>>>

/** What `context.tables` is, for the tables that were asked for. */
export type TableReaders<T> = { readonly [N in keyof T]: T[N] extends GlobalTable<infer K, infer V> ? TableReader<K, V> : never }

export interface ProcessOptions<K, V, S, O, T> {
  /** How the state of a key is kept; gives its type. */
  readonly state: Serde<S>
  /** What `emit` takes; without it nothing can be emitted. */
  readonly emits?: Serde<O> | undefined
  /** Global tables to look up: `context.tables.<name>.get(key)`. */
  readonly tables?: T | undefined
  readonly onRecord: (value: V, context: ProcessContext<K, S, O, undefined, TableReaders<T>>) => void | undefined
  readonly onTimer?: ((timer: Timer, context: ProcessContext<K, S, O, undefined, TableReaders<T>>) => void | undefined) | undefined
}

type Guarded<T, V> = T extends (value: V, ...rest: never[]) => value is (infer U extends V) ? U : V

export type Branches<K, V, W extends Window | undefined, B> =
  & { readonly [N in keyof B]: Stream<K, Guarded<B[N], V>, W> }
  & { readonly otherwise: Stream<K, V, W> }
