/**
 * All state of one shard: the live objects of its stores, what of them is not yet in the store under them, and the commit between the two.
 *
 *   operators ⇄ KeyedStore / WindowStore / TimerStore (live objects) ── freeze ──▶ FrozenState ── changelog ──▶ engine
 *                                                                                      └── committed ──▶ StateStore
 * The engine's side:
 * H1. `freeze()` at a record boundary, after `SubTopologyRun.flush()`: serializes what changed since the last freeze, once. Processing may go on.
 * H2. At most one frozen state is open: it ends with `committed(frozen, position)` or with `rollback()`.
 * H3. `committed` returns at once; the write to the store is asynchronous, coalesced up to `storeLagMaxMs`. A failed write rejects `written()`.
 * H4. `rollback()` forgets everything since the last `committed` and resolves once the store has all that was committed; then build the run anew (O5).
 */
import type { StorePosition } from './store.ts'

/** A store of a shard, from the plan. */
export interface StoreSpec {
  readonly name: string
  readonly kind: 'keyed' | 'window' | 'timers'
}

/** What changed between two freezes. */
export interface FrozenState {
  /** Changed entries. */
  readonly count: number
  readonly bytes: number
  /** Calls `emit` for every change: `key` and `value` are the changelog record (null: deleted). The buffers stay unchanged and may be kept. */
  changes(emit: (store: string, key: Buffer, value: Buffer | null) => void): void
}

export interface ShardState {
  /** Position of the last commit in the store under it. */
  position(): StorePosition | undefined
  /** Bytes (estimated) changed since the last freeze. */
  readonly dirtyBytes: number
  /** Bytes (estimated) of live objects. */
  readonly liveBytes: number
  freeze(): FrozenState
  committed(frozen: FrozenState, position: StorePosition): void
  rollback(): Promise<void>
  /** Resolves once everything committed is in the store; rejects if a write has failed. */
  written(): Promise<void>
  /** Restore: applies changelog records of one store, in order, under `position`; only before the first record is processed. */
  restore(store: string, records: readonly ChangelogRecord[], position: StorePosition): Promise<void>
  close(): Promise<void>
}

export interface ChangelogRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}
