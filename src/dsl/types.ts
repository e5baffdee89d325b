/** Types that the steps of the DSL share: what a user's function may be, and what stands in its way. */
import type { Serde } from '../serde/serde.ts'
import type { Window, Windowed } from '../serde/windowed.ts'
import type { RecordContext } from '../topology/node.ts'
import type { TaskGraph } from './graph.ts'

/** What a closure may return: anything but a promise, as operators are synchronous. A closure that returns one does not compile. */
export type Sync<R> = R & ([Extract<R, PromiseLike<unknown>>] extends [never] ? unknown : { readonly 'a closure must not return a promise': never })

export type Context<K, W extends Window | undefined = undefined> = RecordContext<K, W>

/** The key of a record as a topic gets it. */
export type KeyOf<K, W extends Window | undefined> = W extends Window ? Windowed<K> : K

/** `T` where JSON gives back what it was given, `never` inside where it does not (Map, Date, bigint …). */
export type Jsonable<T> =
  T extends string | number | boolean | null | undefined ? T
    : T extends bigint | symbol | Date | RegExp | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | ArrayBufferView | PromiseLike<unknown> | ((...args: never[]) => unknown) ? never
      : T extends object ? { [N in keyof T]: Jsonable<T[N]> }
        : T

/** State is kept as JSON, unless a serde says otherwise; one is required where JSON would lose something. */
export type StateSerde<S> = [S] extends [Jsonable<S>] ? { readonly state?: Serde<S> | undefined } : { readonly state: Serde<S> }

/** What a table's side of a join must be: takes keys `K`, gives rows `T`. Its key type must take the stream's. */
export interface Joinable<in K, out T> {
  readonly table: TableHandle & { readonly scope: 'keyed' }
  readonly lookup?: ((key: K) => T) | undefined
}

export interface TableHandle {
  /** `keyed`: the shard has the rows of its own keys. `global`: every process has all rows. */
  readonly scope: 'keyed' | 'global'
  readonly graph: TaskGraph
  readonly node: number
}
