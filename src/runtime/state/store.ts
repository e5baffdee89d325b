/**
 * The store contract: what is under the live objects of a shard. Byte keys in order, one writer, an atomic commit with a position.
 *
 * Callers (only `ShardState`) and implementers (`LmdbStore`, `MemoryStore`) hold to this; `store-contract.ts` tests both on it.
 *
 * S1. `get` and `range` are synchronous and see the last commit whose promise has resolved, whole, never a part of one.
 * S2. `commit` is atomic: after a crash at any moment the store is exactly at some commit whose call had begun, and `position()` is that one's.
 *     Commits take effect in the order of the calls. At most one is under way (the caller waits).
 * S3. The process may die at any moment (SIGKILL) without harm. After a power cut or a crash of the machine nothing is promised
 *     (`noSync`): the boot id in the position tells, and the changelog is the copy that counts.
 * S4. A value that comes back is one that was put for that key, checked by a checksum; otherwise `STORE_CORRUPT` is thrown and the caller rebuilds.
 * S5. Keys are 1 to `KEY_BYTES_MAX` bytes; order is that of unsigned bytes.
 * S6. A Buffer from `get` is valid until the next call on the store. What `range` gives belongs to the caller.
 */
export interface StateStore {
  get(key: Buffer): Buffer | undefined
  /** Entries with `from` ≤ key < `to` in order of keys. `limit`: at most that many. The store must not change while iterating. */
  range(from: Buffer, to: Buffer, options?: RangeOptions): Iterable<StoreEntry>
  /**
   * Applies `changes` and sets the position, atomically; resolves once both are visible to `get`. The buffers must not change before.
   * Of the ranges at most `RANGE_DELETES_MAX` entries go in one commit, lowest first: the answer says whether the ranges are empty now;
   * where not, the caller names them again in a later commit.
   */
  commit(changes: StoreChanges, position: StorePosition): Promise<CommitResult>
  /** Position of the last commit; `undefined` in a new store. */
  position(): StorePosition | undefined
  /** Number of entries, by the store's own statistics. */
  entryCount(): number
  /** Waits for the commit under way, makes everything durable, marks the close as clean and releases the files. */
  close(): Promise<void>
}

/** Opens stores by directory: one per shard. `lmdbStores` in life, `MemoryStores` in tests and simulation. */
export interface StoreProvider {
  /** Opens or makes it. Rejects with `STORE_CORRUPT` where its bytes are no store: then `remove` and open again, to rebuild. */
  open(directory: string): Promise<StateStore>
  /** Deletes a store that is not open. */
  remove(directory: string): void
}

export interface RangeOptions {
  readonly limit?: number | undefined
}

export interface StoreEntry {
  readonly key: Buffer
  readonly value: Buffer
}

export interface CommitResult {
  readonly rangesEmpty: boolean
}

/** Applied in this order: first `deleteRanges`, then `keys[i]` = `values[i]` (`undefined`: delete). Of a key that comes more than once the last counts. */
export interface StoreChanges {
  /** Each [from, to). */
  readonly deleteRanges: readonly (readonly [from: Buffer, to: Buffer])[]
  readonly keys: readonly Buffer[]
  readonly values: readonly (Buffer | undefined)[]
}

/** How far a store has got in its changelog, and what is needed to know whether it may go on from there (DESIGN 6.5). */
export interface StorePosition {
  /** By store name. */
  readonly changelogs: Readonly<Record<string, ChangelogPosition>>
  /** Wall clock of the last commit, epoch milliseconds: away longer than half of `delete.retention.ms` means rebuild. */
  readonly committedAtMs: number
  /** Of the machine's current boot; it differs after a power cut. */
  readonly bootId: string
  /** Set by `close()`, cleared by the first commit after open. */
  readonly cleanClose: boolean
  /** `SubTopologyRun.clocks()` at that commit. */
  readonly clocks: string
}

export interface ChangelogPosition {
  readonly topicId: string
  /** Offset of the next changelog record to apply. */
  readonly offsetNext: number
  /** The log's leader of this epoch held everything below `epochOffset` (KIP-320); -1: no leader was asked yet. */
  readonly leaderEpoch: number
  /** At most `offsetNext`; absent: `offsetNext` itself. */
  readonly epochOffset?: number | undefined
  /** The log was seen to have lost something below `offsetNext`: the store is rebuilt when it is opened next. */
  readonly truncated?: true | undefined
}

/** Entries that one commit deletes for its ranges at most, so that a large expiry does not hold up the shard. */
export const RANGE_DELETES_MAX = 10_000

/** Longest key, in bytes: a record's key and what a store puts before it. */
export const KEY_BYTES_MAX = 1_048_576

export const NO_CHANGES: StoreChanges = { deleteRanges: [], keys: [], values: [] }
