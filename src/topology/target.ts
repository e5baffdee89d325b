/**
 * The contract between a task and what its rows go to beside Kafka: files, a database, a service, any function (`millrace/sinks`).
 *
 * ```
 *   to(target) ─row─▶ held back ──freeze──▶ deliver ──────────▶ offsets commit (Kafka)
 *                        ▲                  │ rows + positions      │
 *                        └── below the position: left out ◀── claim ┘ after a start, a rebalance, a failure
 * ```
 * TG1. A row is a function of one record of a topic, and has its coordinates for ever: topic, partition, offset, and the index among that record's
 *      rows. `build` sees to it: behind an operator with state, an internal topic comes before the target (`repartition.ts`).
 * TG2. Nothing of a commit's offsets is committed before `deliver` of all its rows has resolved: no row is ever lost.
 * TG3. Exactly once: the target keeps the positions, that is the offsets up to which rows are in it, with the rows in one atomic step. `claim` says them; the runtime
 *      leaves out the rows of records below them. So it does not matter which of the two, rows or offsets, a crash was before.
 * TG4. Zombies: `claim` shuts out whoever had the shard before. From when it resolves, a `deliver` under the older claim has no effect and rejects with `FENCED`.
 * TG5. At least once: `claim` says no positions; after a crash the rows since the last commit come again, with the same coordinates.
 */
import type { Logger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import type { Window } from '../serde/windowed.ts'

/** A value on its way to a target, with the coordinates of the record it was made from (TG1). It may be kept. */
export interface TargetRow<K = unknown, V = unknown> {
  readonly key: K
  /** Of a windowed row; `undefined` elsewhere. */
  readonly window: Window | undefined
  readonly value: V
  /** Event time, epoch milliseconds. */
  readonly time: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** 0, 1, 2 … among the rows of this record for this target. */
  readonly index: number
}

/** `orders-3-4711-0`: the same over retries, restarts and machines, and no other row's. */
export function rowId(row: TargetRow): string {
  return `${row.topic}-${row.partition}-${row.offset}-${row.index}`
}

/** Rows of records of `topic/partition` below `offset` are in the target. */
export interface TargetPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface TargetShard {
  /** `<sub-topology>_<partition>`. */
  readonly key: string
  readonly partition: number
  readonly inputs: readonly { readonly topic: string; readonly partition: number }[]
}

/** What one shard gives to one commit. */
export interface TargetBatch {
  readonly shard: TargetShard
  /** In the order in which they were made: of one topic partition, by offset and index. */
  readonly rows: readonly TargetRow[]
  /** Where the shard's inputs stand after these rows. */
  readonly ends: readonly TargetPosition[]
}

/** How a target is opened: what the functions of `millrace/sinks` make. Plain description until `open` is called. */
export interface TargetSpec {
  /** `files`, `http`, `postgres`, `each`: the sink's name where it is given none. */
  readonly kind: string
  readonly delivery: 'exactlyOnce' | 'atLeastOnce'
  /** Where it goes, for people; without secrets. */
  readonly detail: string
  /** Rows held back for one commit; at this many the task commits before it takes more. */
  readonly rowsMax: number
  /** Reaches out of `Env` (a database's driver, HTTP): the test driver puts rows into a list instead. */
  readonly outside: boolean
  /** Once per task and worker, before the first shard. Retried while it rejects with a `MillraceError` that is retriable. */
  open(context: TargetContext): Promise<Target>
}

export interface TargetContext {
  readonly env: Env
  readonly logger: Logger
  /** `<app>.<task>.<sink>`: under this name positions are kept. */
  readonly name: string
  /** For kill tests: the middle of a delivery, when something of it is out and not all. */
  reach(): void
}

/** One per sink and worker. Calls come one after the other, but `close` may come while `deliver` runs. */
export interface Target {
  /** The worker owns this shard from now on (TG4). Also after a failure: then it says what of the delivery in doubt has landed. */
  claim(shard: TargetShard): Promise<readonly TargetPosition[]>
  /**
   * Rows of one commit, all shards of the worker. Resolves when they are durable. Rejects with `RowsRejected` for rows that the target will never take,
   * with a retriable `MillraceError` where going back to the last commit and trying again may help, with another one where it will not.
   */
  deliver(batches: readonly TargetBatch[]): Promise<void>
  /** The shard is given up; what was delivered stays. `clean`: in order, everything committed. */
  release(shard: TargetShard, clean: boolean): Promise<void>
  close(): Promise<void>
}

export interface RejectedRow {
  readonly row: TargetRow
  readonly error: unknown
}

/** Rows that the target refuses for what is in them: the task's `onError` says what becomes of their records. Nothing else of the delivery counts as delivered. */
export class RowsRejected extends Error {
  override readonly name = 'RowsRejected'
  readonly rejected: readonly RejectedRow[]

  constructor(rejected: readonly RejectedRow[]) {
    super(`${rejected.length} rows were refused`)
    this.rejected = rejected
  }
}

/** A row without its types: what `to` of a stream of `K`, `V` accepts is a target of these, or of less. */
export interface TargetOf<in K, in V> extends TargetSpec {
  /** Never set; gives the compiler the types of the rows that it takes. */
  readonly takes?: ((key: K, value: V) => void) | undefined
}
