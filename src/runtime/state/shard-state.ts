/**
 * All state of one shard: the live objects of its stores, what of them is not yet in the store under them, and the commit between the two.
 *
 *   operators ⇄ KeyedStore / WindowStore / TimerStore (live objects) ── freeze ──▶ FrozenState ── changelog ──▶ engine
 *                                                                                      └── committed ──▶ StateStore
 * The engine's side:
 * H1. `freeze()` at a record boundary, after `SubTopologyRun.flush()`: serializes what changed since the last freeze, once. Processing may go on.
 * H2. At most one frozen state is open: it ends with `committed(frozen, position)` or with `rollback()`.
 * H3. `committed` returns at once; the write to the store is asynchronous, coalesced up to `storeLagMaxMs`. After a failed write
 *     `written()` rejects and `committed` throws: the shard must be closed and its state rebuilt or reopened.
 * H4. `rollback()` forgets everything since the last `committed` and resolves once the store has all that was committed; then build the run anew (O5).
 * H5. A changelog record's own timestamp is not the row's time (that is in the value): stamp it with the wall clock, as
 *     the changelogs of windows are deleted by time.
 */
import { assert } from '../../base/assert.ts'
import { MillraceError } from '../../base/errors.ts'
import type { Clock, Timer } from '../../env/env.ts'
import type { EntryOwner, LiveEntry } from './live-entry.ts'
import { PREFIX_BYTES, storePrefix, storeStart } from './layout.ts'
import type { StateStore, StorePosition } from './store.ts'

export interface ShardStateOptions {
  readonly clock: Clock
  /** Names of all stores of the shard. */
  readonly stores: readonly string[]
  /** Budget for live objects; what is held is not evicted, so it can be exceeded by what one commit interval changes. Default 64 MiB. */
  readonly liveBytesMax?: number | undefined
  /** Longest time that a commit waits for more before it is written. Default 1 s. */
  readonly storeLagMaxMs?: number | undefined
  /** Bytes of committed, unwritten changes at which the write starts at once. Default 16 MiB. */
  readonly unwrittenBytesMax?: number | undefined
}

/** What changed between two freezes. */
export interface FrozenState {
  /** Changed entries. */
  readonly count: number
  readonly bytes: number
  /** Calls `emit` for every change: `key` and `value` are the changelog record (null: deleted). The buffers stay unchanged and may be kept. */
  changes(emit: (store: string, key: Buffer, value: Buffer | null) => void): void
}

/** What the stores of the shard need of it. */
export interface ShardStateCore {
  readonly store: StateStore
  markDirty(entry: LiveEntry): void
  /** A new live entry that came from the store. */
  loaded(entry: LiveEntry): void
  /** The store was dropped from a map by its owner. */
  dropped(entry: LiveEntry): void
  /** All keys in [start of the store, `to`) are to be deleted, without changelog records. */
  expire(prefix: number, to: Buffer): void
}

const MIB = 1 << 20

/** One changed row of a commit. */
interface Change {
  readonly entry: LiveEntry
  readonly key: Buffer
  readonly value: Buffer | undefined
}

class Frozen implements FrozenState {
  readonly changed: readonly Change[]
  readonly ranges: ReadonlyMap<number, Buffer>
  readonly bytes: number

  constructor(changed: readonly Change[], ranges: ReadonlyMap<number, Buffer>, bytes: number) {
    this.changed = changed
    this.ranges = ranges
    this.bytes = bytes
  }

  get count(): number {
    return this.changed.length
  }

  changes(emit: (store: string, key: Buffer, value: Buffer | null) => void): void {
    for (const { entry, key, value } of this.changed) emit(entry.owner.name, key.subarray(PREFIX_BYTES), value ?? null)
  }
}

export class ShardState implements ShardStateCore {
  readonly store: StateStore
  readonly #clock: Clock
  readonly #liveBytesMax: number
  readonly #storeLagMaxMs: number
  readonly #unwrittenBytesMax: number
  readonly #prefixes = new Map<string, number>()
  #owners = new Map<string, EntryOwner>()
  #dirty: LiveEntry[] = []
  #expired = new Map<number, Buffer>()
  #frozen: Frozen | undefined
  #unwritten = new Map<LiveEntry, Change>()
  #unwrittenRanges = new Map<number, Buffer>()
  #unwrittenBytes = 0
  #unwrittenPosition: StorePosition | undefined
  #firstUnwrittenAt = 0
  #timer: Timer | undefined
  #writing: Promise<void> | undefined
  #failure: unknown
  #closed = false
  #position: StorePosition | undefined
  #evictNext = 0
  #trimAt: number
  liveBytes = 0
  dirtyBytes = 0

  constructor(store: StateStore, options: ShardStateOptions) {
    this.store = store
    this.#clock = options.clock
    this.#liveBytesMax = options.liveBytesMax ?? 64 * MIB
    this.#trimAt = this.#liveBytesMax
    this.#storeLagMaxMs = options.storeLagMaxMs ?? 1_000
    this.#unwrittenBytesMax = options.unwrittenBytesMax ?? 16 * MIB
    this.#position = store.position()
    const names = new Map<number, string>()
    for (const name of options.stores) {
      const prefix = storePrefix(name)
      const other = names.get(prefix)
      if (other !== undefined) throw new MillraceError('TOPOLOGY_INVALID', `The stores '${other}' and '${name}' of one task would share their key prefix: rename one of the two operators.`)
      names.set(prefix, name)
      this.#prefixes.set(name, prefix)
    }
  }

  /** Position of the last commit (also where its write is still under way). */
  position(): StorePosition | undefined {
    return this.#position
  }

  /** Committed bytes that the store does not have yet. */
  get unwrittenBytes(): number {
    return this.#unwrittenBytes
  }

  /** The live store called `name`, made by `make` when first asked for. Operators that share a store get the same object. */
  owner<T extends EntryOwner>(name: string, make: (core: ShardStateCore, prefix: number) => T): T {
    const known = this.#owners.get(name)
    // The plan gives a store one kind, and each kind has one class, so what was made under this name is a T.
    if (known !== undefined) return known as T
    const prefix = this.#prefixes.get(name)
    assert(prefix !== undefined, `store '${name}' is not one of the shard's`)
    const made = make(this, prefix)
    this.#owners.set(name, made)
    return made
  }

  // ------------------------------------------------------------ live objects

  markDirty(entry: LiveEntry): void {
    entry.dirty = true
    this.dirtyBytes += entry.bytes
    this.#dirty.push(entry)
    if (entry.evicted) {
      entry.evicted = false
      this.liveBytes += entry.bytes
      entry.owner.revive(entry)
    }
  }

  loaded(entry: LiveEntry): void {
    this.liveBytes += entry.bytes
  }

  dropped(entry: LiveEntry): void {
    entry.evicted = true
    this.liveBytes -= entry.bytes
  }

  expire(prefix: number, to: Buffer): void {
    this.#expired.set(prefix, to)
  }

  /**
   * Evicts down to the budget. To be called between records only: operators hold entries within one. Where what is held keeps it from
   * that, it is not worth trying again before a write has let go of some, or much more has come.
   */
  trim(): void {
    if (!this.overBudget) return
    const owners = [...this.#owners.values()]
    for (let tries = 0; tries < owners.length * 2 && this.liveBytes > this.#liveBytesMax * 0.9; tries++) {
      const owner = owners[this.#evictNext++ % owners.length]
      owner?.evict(this.liveBytes - this.#liveBytesMax * 0.9)
    }
    this.#trimAt = Math.max(this.#liveBytesMax, this.liveBytes * 1.1)
    this.#schedule()
  }

  /** Whether `trim` has something to do. */
  get overBudget(): boolean {
    return this.liveBytes > this.#trimAt
  }

  // ------------------------------------------------------------ commit

  freeze(): FrozenState {
    assert(this.#frozen === undefined, 'a frozen state is open: commit or roll back first')
    const changed: Change[] = []
    let bytes = 0
    for (const entry of this.#dirty) {
      entry.dirty = false
      // Dropped by an expiry since it was changed: the range delete takes care of it.
      if (entry.evicted) continue
      const { owner } = entry
      const key = owner.keyOf(entry)
      const value = owner.encode(entry)
      this.#resize(entry, key.length, value?.length ?? 0)
      entry.holds++
      changed.push({ entry, key, value })
      bytes += key.length + (value?.length ?? 0)
    }
    const frozen = new Frozen(changed, this.#expired, bytes)
    this.#dirty = []
    this.dirtyBytes = 0
    this.#expired = new Map()
    this.#frozen = frozen
    return frozen
  }

  committed(frozen: FrozenState, position: StorePosition): void {
    assert(frozen === this.#frozen, 'this frozen state is not the open one')
    if (this.#failure !== undefined) throw this.#failure
    const { changed, ranges } = this.#frozen
    this.#frozen = undefined
    this.#position = position
    this.#unwrittenPosition = position
    if (this.#unwritten.size === 0 && this.#unwrittenRanges.size === 0) this.#firstUnwrittenAt = this.#clock.monotonic()
    for (const [prefix, to] of ranges) this.#expireUnwritten(prefix, to)
    for (const change of changed) {
      if (this.#unwritten.has(change.entry)) change.entry.holds--
      this.#unwritten.set(change.entry, change)
    }
    this.#unwrittenBytes += frozen.bytes
    this.#schedule()
  }

  /** The same commit, with more known of where its changelogs stand. Written with what comes next, or by itself. */
  amend(changelogs: StorePosition['changelogs']): void {
    if (this.#closed || this.#position === undefined || this.#failure !== undefined) return
    if (this.#unwrittenPosition === undefined) this.#firstUnwrittenAt = this.#clock.monotonic()
    this.#position = { ...this.#position, changelogs, cleanClose: false }
    this.#unwrittenPosition = this.#position
    this.#schedule()
  }

  async rollback(): Promise<void> {
    this.#frozen = undefined
    this.#dirty = []
    this.#expired = new Map()
    this.#owners = new Map()
    this.dirtyBytes = 0
    await this.written()
    this.liveBytes = 0
    this.#trimAt = this.#liveBytesMax
  }

  async written(): Promise<void> {
    while (this.#failure === undefined && (this.#writing !== undefined || this.#unwrittenPosition !== undefined)) {
      await (this.#writing ?? this.#write())
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Restore: applies changelog records of one store, in order, under `position`; only while nothing is live. `values[i]` undefined deletes.
   * Keys are copied before it returns, values before it resolves.
   */
  async restore(store: string, keys: readonly Buffer[], values: readonly (Buffer | undefined)[], position: StorePosition): Promise<void> {
    assert(this.#owners.size === 0 && this.#unwritten.size === 0, 'restore comes before processing')
    const prefix = this.#prefixes.get(store)
    assert(prefix !== undefined, `store '${store}' is not one of the shard's`)
    await this.store.commit({ deleteRanges: [], keys: prefixed(prefix, keys), values }, position)
    this.#position = position
  }

  /** Writes what is committed and closes the store cleanly. What is not committed is dropped. */
  async close(): Promise<void> {
    this.#closed = true
    try {
      await this.written()
    } finally {
      this.#timer?.cancel()
      await this.store.close()
    }
  }

  /** A write deletes ranges first, so rows of earlier commits that an expiry covers must not come after it. */
  #expireUnwritten(prefix: number, to: Buffer): void {
    this.#unwrittenRanges.set(prefix, to)
    const from = storeStart(prefix)
    for (const { entry, key } of this.#unwritten.values()) {
      if (key.compare(from) < 0 || key.compare(to) >= 0) continue
      entry.holds--
      this.#unwritten.delete(entry)
    }
  }

  #schedule(): void {
    if (this.#writing !== undefined || this.#unwrittenPosition === undefined) return
    const waited = this.#clock.monotonic() - this.#firstUnwrittenAt
    if (this.#unwrittenBytes >= this.#unwrittenBytesMax || this.liveBytes > this.#liveBytesMax || waited >= this.#storeLagMaxMs) void this.#write()
    else this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined
      this.#schedule()
    }, Math.max(1, Math.ceil(this.#storeLagMaxMs - waited)), { background: true })
  }

  /** Writes all that is unwritten in one commit. Does not reject: a failure is kept for `written` and `committed`. */
  #write(): Promise<void> {
    const position = this.#unwrittenPosition
    assert(position !== undefined && this.#writing === undefined, 'nothing to write, or a write is under way')
    const changed = [...this.#unwritten.values()]
    const ranges = this.#unwrittenRanges
    this.#unwritten = new Map()
    this.#unwrittenRanges = new Map()
    this.#unwrittenBytes = 0
    this.#unwrittenPosition = undefined
    this.#timer?.cancel()
    this.#timer = undefined
    this.#writing = this.#writeChanges(changed, ranges, position)
    return this.#writing
  }

  async #writeChanges(changed: readonly Change[], ranges: ReadonlyMap<number, Buffer>, position: StorePosition): Promise<void> {
    try {
      const deleteRanges = [...ranges].map(([prefix, to]) => [storeStart(prefix), to] as const)
      const { rangesEmpty } = await this.store.commit({ deleteRanges, keys: changed.map(change => change.key), values: changed.map(change => change.value) }, position)
      this.#writing = undefined
      this.#trimAt = this.#liveBytesMax
      for (const { entry } of changed) {
        entry.holds--
        if (!entry.held && !entry.evicted) entry.owner.written(entry)
      }
      if (!rangesEmpty) {
        for (const [prefix, to] of ranges) if (!this.#unwrittenRanges.has(prefix)) this.#unwrittenRanges.set(prefix, to)
        this.#unwrittenPosition ??= position
      }
      if (this.#unwrittenPosition === undefined) return
      this.#firstUnwrittenAt = this.#clock.monotonic()
      this.#schedule()
    } catch (error) {
      this.#writing = undefined
      this.#failure = error
    }
  }

  #resize(entry: LiveEntry, keyBytes: number, valueBytes: number): void {
    const bytes = entry.bytes
    entry.resize(keyBytes, valueBytes)
    this.liveBytes += entry.bytes - bytes
  }
}

/** Store keys of changelog keys, in one buffer. */
function prefixed(prefix: number, keys: readonly Buffer[]): Buffer[] {
  let bytes = 0
  for (const key of keys) bytes += PREFIX_BYTES + key.length
  const all = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  return keys.map(key => {
    const start = at
    at = all.writeUInt32BE(prefix, at)
    at += key.copy(all, at)
    return all.subarray(start, at)
  })
}
