/**
 * One row per key and window start: windowed aggregates, buckets of sessions, times of `distinct`, as live objects.
 *
 * W1. Rows of starts below `expiredBelow` do not exist any more: they are gone from memory at once, from the store by one range delete
 *     with the next commit, from the changelog by its retention. Nobody may ask for them.
 * W2. Windows are few and keys are many: live rows are kept per window, so that expiry drops a map and not rows.
 */
import { assert } from '../../base/assert.ts'
import type { Serde } from '../../serde/serde.ts'
import { EMPTY, PREFIX_BYTES, TIME_BYTES, readTime, timeKey, valueTime } from './layout.ts'
import { type EntryOwner, LiveEntry, setEntry } from './live-entry.ts'
import { RowCodec } from './row-codec.ts'
import type { Row } from './keyed-store.ts'
import type { ShardState, ShardStateCore } from './shard-state.ts'

const KEY_AT = PREFIX_BYTES + TIME_BYTES
/** No window is the last one used. */
const START_NONE = -1

export interface WindowRow extends Row {
  readonly start: number
}

export class WindowStore implements EntryOwner {
  readonly name: string
  readonly #core: ShardStateCore
  readonly #prefix: number
  readonly #codec: RowCodec
  readonly #live = new Map<number, Map<unknown, LiveEntry>>()
  #lastStart = START_NONE
  #lastRows: Map<unknown, LiveEntry> = new Map()
  #hand: Iterator<LiveEntry> = [].values()
  #handStarts: Iterator<Map<unknown, LiveEntry>> = [].values()
  #expiredBelow = 0

  constructor(name: string, core: ShardStateCore, prefix: number, codec: RowCodec) {
    this.name = name
    this.#core = core
    this.#prefix = prefix
    this.#codec = codec
  }

  static of(state: ShardState, name: string, key: Serde<unknown>, value: Serde<unknown>): WindowStore {
    return state.owner(name, (core, prefix) => new WindowStore(name, core, prefix, new RowCodec(key, value)))
  }

  get expiredBelow(): number {
    return this.#expiredBelow
  }

  entry(start: number, key: unknown): LiveEntry {
    assert(start >= this.#expiredBelow, `store '${this.name}': the window at ${start} has expired`)
    const rows = start === this.#lastStart ? this.#lastRows : this.#rowsOf(start)
    const identity = this.#codec.identity(key)
    const entry = rows.get(identity)
    if (entry === undefined) return this.#load(start, rows, identity, key)
    entry.used = true
    return entry
  }

  /** Sets the row of an entry; `undefined` deletes it. */
  set(entry: LiveEntry, value: unknown, time: number): void {
    setEntry(this.#core, entry, value, time)
  }

  /** Forgets every row of a start below `start` (W1). */
  expire(start: number): void {
    if (start <= this.#expiredBelow) return
    this.#expiredBelow = start
    for (const [at, rows] of this.#live) {
      if (at >= start) continue
      for (const entry of rows.values()) this.#core.dropped(entry)
      this.#live.delete(at)
      if (at === this.#lastStart) this.#lastStart = START_NONE
    }
    this.#core.expire(this.#prefix, timeKey(this.#prefix, start, EMPTY))
  }

  /** Rows with `from` ≤ start < `to`, by start, then by the bytes of the key. Reads the store: for closing windows and for queries. */
  rows(from: number, to: number): WindowRow[] {
    const rows = new Map<string, WindowRow>()
    for (const { key, value } of this.#core.store.range(timeKey(this.#prefix, Math.max(from, this.#expiredBelow), EMPTY), timeKey(this.#prefix, to, EMPTY))) {
      rows.set(key.toString('latin1'), { start: readTime(key, PREFIX_BYTES), key: this.#codec.keyOf(key, KEY_AT), value: this.#codec.valueOf(value), time: valueTime(value) })
    }
    for (const [start, entries] of this.#live) {
      if (start < from || start >= to) continue
      for (const entry of entries.values()) {
        const at = entry.key.toString('latin1')
        if (entry.value === undefined) rows.delete(at)
        else rows.set(at, { start, key: this.#codec.keyOf(entry.key, KEY_AT), value: entry.value, time: entry.time })
      }
    }
    return [...rows].sort(([left], [right]) => left < right ? -1 : 1).map(([, row]) => row)
  }

  /** A start ≥ `from` below which (and ≥ `from`) there is no row, `undefined` where there is none at all above. Reads the store. */
  nextStart(from: number): number | undefined {
    const low = Math.max(from, this.#expiredBelow)
    let lowest: number | undefined
    for (const { key } of this.#core.store.range(timeKey(this.#prefix, low, EMPTY), timeKey(this.#prefix, Number.MAX_SAFE_INTEGER, EMPTY), { limit: 1 })) lowest = readTime(key, PREFIX_BYTES)
    for (const [start, rows] of this.#live) if (start >= low && rows.size > 0 && (lowest === undefined || start < lowest)) lowest = start
    return lowest
  }

  // ------------------------------------------------------------ EntryOwner

  encode(entry: LiveEntry): Buffer | undefined {
    return this.#codec.encode(entry.value, entry.time)
  }

  written(entry: LiveEntry): void {
    if (entry.value === undefined) this.#drop(entry)
  }

  revive(entry: LiveEntry): void {
    this.#rowsOf(readTime(entry.key, PREFIX_BYTES)).set(entry.identity, entry)
  }

  evict(bytes: number): number {
    let freed = 0
    let restarts = 0
    while (freed < bytes) {
      const next = this.#hand.next()
      if (next.done === true) {
        let rows = this.#handStarts.next()
        if (rows.done === true) {
          if (++restarts > 1) return freed
          this.#handStarts = this.#live.values()
          rows = this.#handStarts.next()
          if (rows.done === true) return freed
        }
        this.#hand = rows.value.values()
        continue
      }
      const entry = next.value
      if (entry.held || entry.evicted) continue
      if (entry.used) entry.used = false
      else {
        freed += entry.bytes
        this.#drop(entry)
      }
    }
    return freed
  }

  #rowsOf(start: number): Map<unknown, LiveEntry> {
    let rows = this.#live.get(start)
    if (rows === undefined) this.#live.set(start, rows = new Map())
    this.#lastStart = start
    this.#lastRows = rows
    return rows
  }

  #load(start: number, rows: Map<unknown, LiveEntry>, identity: unknown, key: unknown): LiveEntry {
    const bytes = timeKey(this.#prefix, start, this.#codec.keyBytes(key))
    const stored = this.#core.store.get(bytes)
    const entry = stored === undefined
      ? new LiveEntry(this, identity, bytes, undefined, -1, 0)
      : new LiveEntry(this, identity, bytes, this.#codec.valueOf(stored), valueTime(stored), stored.length)
    rows.set(identity, entry)
    this.#core.loaded(entry)
    return entry
  }

  #drop(entry: LiveEntry): void {
    const start = readTime(entry.key, PREFIX_BYTES)
    const rows = this.#live.get(start)
    rows?.delete(entry.identity)
    this.#core.dropped(entry)
    if (rows?.size !== 0) return
    this.#live.delete(start)
    if (start === this.#lastStart) this.#lastStart = START_NONE
  }
}
