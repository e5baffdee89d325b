/** What count, reduce and aggregate have in common: a fold over the values of a key, or of a key and window. */
import { ANY_JSON } from '../serde/json.ts'
import { int64 } from '../serde/number.ts'
import type { Serde } from '../serde/serde.ts'
import type { Window } from '../serde/windowed.ts'
import type { AggregateNode, Edge, NodeId, WindowSpec } from '../topology/node.ts'
import { erased } from './erased.ts'
import type { TaskGraph } from './graph.ts'
import type { Context } from './types.ts'

export interface AggregateOptions<K, V, S, W extends Window | undefined = undefined> {
  /** The state of a key that has none yet. */
  readonly zero: () => S
  /** The state after one more value. Gives a new state; the old one must not be changed. */
  readonly add: (state: NoInfer<S>, value: V, context: Context<K, W>) => NoInfer<S>
  /**
   * The state of two that are of different records of the same key; `merge(zero(), state)` is `state`. With it, records whose key was changed by `keyBy` are
   * combined before they travel: far fewer records, and as many fewer intermediate rows. Records of a key may then be added in groups.
   */
  readonly merge?: ((left: NoInfer<S>, right: NoInfer<S>) => NoInfer<S>) | undefined
  /** How the state is kept; JSON without it. */
  readonly state?: Serde<S> | undefined
}

interface Fold {
  readonly flavour: AggregateNode['flavour']
  readonly name: string | undefined
  readonly window: WindowSpec | undefined
  readonly zero: () => unknown
  readonly add: unknown
  readonly merge: unknown
  readonly state: Serde<unknown> | undefined
}

export function addFold(graph: TaskGraph, edge: Edge, fold: Fold): NodeId {
  const { flavour, window } = fold
  const state = fold.state ?? (flavour === 'reduce' ? graph.shapeOf(edge.node).value : ANY_JSON)
  const merge = fold.merge === undefined ? undefined : erased<unknown>(fold.merge)
  const part = { kind: 'aggregate', flavour, window, zero: fold.zero, add: erased<unknown>(fold.add), merge, state, store: fold.name ?? flavour } as const
  return graph.add(part, { inputs: [edge], name: fold.name, defaultName: flavour })
}

export const countFold = {
  flavour: 'count',
  zero: () => 0,
  add: (count: number) => count + 1,
  merge: (left: number, right: number) => left + right,
  state: int64,
} as const

/** `undefined` is the state before the first value, which then stands for itself. */
export function reduceFold<V>(reduce: (left: V, right: V) => V): Omit<Fold, 'name' | 'window'> {
  const both = (left: V | undefined, right: V): V => left === undefined ? right : reduce(left, right)
  return { flavour: 'reduce', zero: () => undefined, add: both, merge: both, state: undefined }
}
