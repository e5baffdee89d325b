/** A stream cut into windows of event time, waiting for count, reduce or aggregate. Its results carry the window (`{ key, window }`). */
import { durationMs, type Duration } from '../base/duration.ts'
import type { Window } from '../serde/windowed.ts'
import type { Edge, WindowSpec } from '../topology/node.ts'
import { topologyError } from '../topology/names.ts'
import { addFold, countFold, reduceFold, type AggregateOptions } from './aggregate.ts'
import type { TaskGraph } from './graph.ts'
import { callerSite } from './site.ts'
import { Stream } from './stream.ts'
import type { StateSerde, Sync } from './types.ts'

/** `updates`: the row after each record. `final`: one row, once the window is over and its grace has passed. */
export type Emit = 'updates' | 'final'

interface Lateness<E> {
  /** How long after its end a window still takes records; '0 ms' without it. */
  readonly grace?: Duration | undefined
  readonly emit?: E | undefined
}

/** Windows of one length: `{ tumbling: '1 minute' }`, or overlapping `{ hopping: '5 minutes', every: '1 minute' }`. */
export type TimeWindowOptions<E> = Lateness<E> & (
  | { readonly tumbling: Duration; readonly hopping?: undefined; readonly every?: undefined; readonly session?: undefined }
  | { readonly hopping: Duration; readonly every: Duration; readonly tumbling?: undefined; readonly session?: undefined }
)

/** Windows that end after a gap without records: `{ session: '30 minutes' }`. */
export type SessionOptions<E> = Lateness<E> & { readonly session: Duration; readonly tumbling?: undefined; readonly hopping?: undefined; readonly every?: undefined }

export function windowSpec(options: TimeWindowOptions<Emit> | SessionOptions<Emit>): WindowSpec {
  const graceMs = options.grace === undefined ? 0 : durationMs(options.grace, 'grace')
  const emit = options.emit ?? 'updates'
  if (options.session !== undefined) return { kind: 'session', gapMs: positiveMs(options.session, 'session'), graceMs, emit }
  if (options.tumbling !== undefined) {
    const sizeMs = positiveMs(options.tumbling, 'tumbling')
    return { kind: 'time', sizeMs, advanceMs: sizeMs, graceMs, emit }
  }
  const sizeMs = positiveMs(options.hopping, 'hopping')
  const advanceMs = positiveMs(options.every, 'every')
  if (advanceMs > sizeMs) throw topologyError(`a window of '${options.hopping}' every '${options.every}' would leave gaps that no record is in: 'every' must not be longer`, callerSite())
  return { kind: 'time', sizeMs, advanceMs, graceMs, emit }
}

function positiveMs(duration: Duration, what: string): number {
  const ms = durationMs(duration, what)
  if (ms < 1) throw topologyError(`${what}: '${duration}' is too short for a window`, callerSite())
  return ms
}

export class TimeWindowStream<K, V> {
  readonly #graph: TaskGraph
  readonly #edge: Edge
  readonly #window: WindowSpec

  constructor(graph: TaskGraph, edge: Edge, window: WindowSpec) {
    this.#graph = graph
    this.#edge = edge
    this.#window = window
  }

  /** Folds the values of each key and window into a state. */
  aggregate<S>(options: AggregateOptions<K, V, S> & StateSerde<S>): Stream<K, S, Window>
  aggregate<S>(name: string, options: AggregateOptions<K, V, S> & StateSerde<S>): Stream<K, S, Window>
  aggregate<S>(...args: [AggregateOptions<K, V, S>] | [string, AggregateOptions<K, V, S>]): Stream<K, S, Window> {
    const [name, options] = args.length === 2 ? args : [undefined, args[0]]
    return this.#fold({ flavour: 'aggregate', name, zero: options.zero, add: options.add, merge: options.merge, state: options.state })
  }

  /** Counts the records of each key and window. */
  count(name?: string): Stream<K, number, Window> {
    return this.#fold({ ...countFold, name })
  }

  /** Combines the values of each key and window two by two. */
  reduce(reduce: (left: V, right: V) => Sync<V>): Stream<K, V, Window>
  reduce(name: string, reduce: (left: V, right: V) => Sync<V>): Stream<K, V, Window>
  reduce(...args: [(left: V, right: V) => V] | [string, (left: V, right: V) => V]): Stream<K, V, Window> {
    const [name, reduce] = args.length === 2 ? args : [undefined, args[0]]
    return this.#fold({ ...reduceFold(reduce), merge: undefined, name })
  }

  #fold<S>(fold: Omit<Parameters<typeof addFold>[2], 'window'>): Stream<K, S, Window> {
    return new Stream(this.#graph, addFold(this.#graph, this.#edge, { ...fold, window: this.#window }))
  }
}

/** With `emit: 'updates'` a session that was absorbed into a longer one is passed on as `undefined`, under its old window (W4). */
type SessionRow<S, E> = E extends 'final' ? S : S | undefined

/** A session's state must say how two of them become one. */
export interface SessionAggregateOptions<K, V, S> extends AggregateOptions<K, V, S> {
  /** The state of two sessions that a record has joined, earlier first; starts from `zero()`. */
  readonly merge: (left: NoInfer<S>, right: NoInfer<S>) => NoInfer<S>
}

export class SessionStream<K, V, E extends Emit> {
  readonly #graph: TaskGraph
  readonly #edge: Edge
  readonly #window: WindowSpec

  constructor(graph: TaskGraph, edge: Edge, window: WindowSpec) {
    this.#graph = graph
    this.#edge = edge
    this.#window = window
  }

  /** Folds the values of each key and session into a state. */
  aggregate<S>(options: SessionAggregateOptions<K, V, S> & StateSerde<S>): Stream<K, SessionRow<S, E>, Window>
  aggregate<S>(name: string, options: SessionAggregateOptions<K, V, S> & StateSerde<S>): Stream<K, SessionRow<S, E>, Window>
  aggregate<S>(...args: [SessionAggregateOptions<K, V, S>] | [string, SessionAggregateOptions<K, V, S>]): Stream<K, SessionRow<S, E>, Window> {
    const [name, options] = args.length === 2 ? args : [undefined, args[0]]
    return this.#fold({ flavour: 'aggregate', name, zero: options.zero, add: options.add, merge: options.merge, state: options.state })
  }

  /** Counts the records of each key and session. */
  count(name?: string): Stream<K, SessionRow<number, E>, Window> {
    return this.#fold({ ...countFold, name })
  }

  /** Combines the values of each key and session two by two. */
  reduce(reduce: (left: V, right: V) => Sync<V>): Stream<K, SessionRow<V, E>, Window>
  reduce(name: string, reduce: (left: V, right: V) => Sync<V>): Stream<K, SessionRow<V, E>, Window>
  reduce(...args: [(left: V, right: V) => V] | [string, (left: V, right: V) => V]): Stream<K, SessionRow<V, E>, Window> {
    const [name, reduce] = args.length === 2 ? args : [undefined, args[0]]
    return this.#fold({ ...reduceFold(reduce), name })
  }

  #fold<S>(fold: Omit<Parameters<typeof addFold>[2], 'window'>): Stream<K, S, Window> {
    return new Stream(this.#graph, addFold(this.#graph, this.#edge, { ...fold, window: this.#window }))
  }
}
