/**
 * One row per key and window start: windowed aggregates, buckets of sessions, times of `distinct`, as live objects.
 *
 * W1. Rows of starts below `expiredBelow` do not exist any more: they are gone from memory at once, from the store by one range delete
 *     with the next commit, from the changelog by its retention. Nobody may ask for them.
 * W2. Windows are few and keys are many: live rows are kept per window, so that expiry drops a map and not rows.
 * W3. A window that began in memory and of which no row has been evicted is complete: a key that is not there is in no place. So records of
 *     new windows, which are most, never read the store.
 */
import { assert } from '../../base/assert.ts'
import type { Serde } from '../../serde/serde.ts'
import { EMPTY, PREFIX_BYTES, TIME_BYTES, readTime, timeKey, valueTime } from './layout.ts'
import { type EntryOwner, LiveEntry, setEntry } from './live-entry.ts'
import { RowCodec } from './row-codec.ts'
import type { Row } from './keyed-store.ts'
import type { ShardState, ShardStateCore } from './shard-state.ts'

const KEY_AT = PREFIX_BYTES + TIME_BYTES

export interface WindowRow extends Row {
  readonly start: number
}

class Window {
  readonly start: number
  readonly rows = new Map<unknown, LiveEntry>()
  complete: boolean

  constructor(start: number, complete: boolean) {
    this.start = start
    this.complete = complete
  }
}

const NO_WINDOW = new Window(-1, false)

export class WindowStore implements EntryOwner {
  readonly name: string
  readonly #core: ShardStateCore
  readonly #prefix: number
  readonly #codec: RowCodec
  readonly #live = new Map<number, Window>()
  #last = NO_WINDOW
  /** No row anywhere has a higher start. */
  #highest: number
  #expiredBelow = 0
  #hand: Iterator<LiveEntry> = [].values()
  #handWindows: Iterator<Window> = [].values()

  constructor(name: string, core: ShardStateCore, prefix: number, codec: RowCodec) {
    this.name = name
    this.#core = core
    this.#prefix = prefix
    this.#codec = codec
    this.#highest = this.#highestStored()
  }

  static of(state: ShardState, name: string, key: Serde<unknown>, value: Serde<unknown>): WindowStore {
    return state.owner(name, (core, prefix) => new WindowStore(name, core, prefix, new RowCodec(prefix, key, value)))
  }

  get expiredBelow(): number {
    return this.#expiredBelow
  }

  /** The entry of window and key, with value `undefined` where there is no row. */
  entry(start: number, key: unknown): LiveEntry {
    const window = this.#window(start)
    const identity = this.#codec.identity(key)
    const entry = window.rows.get(identity)
    if (entry === undefined) return this.#load(window, identity)
    entry.used = true
    return entry
  }

  /** The same, but `undefined` where it is known without looking that there is no row: cheaper for what is mostly absent. */
  find(start: number, key: unknown): LiveEntry | undefined {
    if (start > this.#highest || start < this.#expiredBelow) return undefined
    const window = this.#window(start)
    const identity = this.#codec.identity(key)
    const entry = window.rows.get(identity)
    if (entry === undefined) return window.complete ? undefined : this.#load(window, identity)
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
    for (const [at, window] of this.#live) {
      if (at >= start) continue
      for (const entry of window.rows.values()) this.#core.dropped(entry)
      this.#forget(window)
    }
    this.#core.expire(this.#prefix, timeKey(this.#prefix, start, EMPTY))
  }

  /** Rows with `from` ≤ start < `to`, by start, then by the bytes of the key. Reads the store: for closing windows and for queries. */
  rows(from: number, to: number): WindowRow[] {
    const rows = new Map<string, WindowRow>()
    for (const { key, value } of this.#core.store.range(timeKey(this.#prefix, Math.max(from, this.#expiredBelow), EMPTY), timeKey(this.#prefix, to, EMPTY))) {
      rows.set(key.toString('latin1'), { start: readTime(key, PREFIX_BYTES), key: this.#codec.keyOf(key, KEY_AT), value: this.#codec.valueOf(value), time: valueTime(value) })
    }
    for (const window of this.#live.values()) {
      if (window.start < from || window.start >= to) continue
      for (const entry of window.rows.values()) {
        const at = this.order(entry)
        if (entry.value === undefined) rows.delete(at)
        else rows.set(at, { start: window.start, key: this.#codec.keyOfIdentity(entry.identity), value: entry.value, time: entry.time })
      }
    }
    return [...rows].sort(([left], [right]) => left < right ? -1 : 1).map(([, row]) => row)
  }

  /** A start ≥ `from` below which (and ≥ `from`) there is no row, `undefined` where there is none at all above. Reads the store. */
  nextStart(from: number): number | undefined {
    const low = Math.max(from, this.#expiredBelow)
    let lowest = this.#nextStored(low)
    for (const { start, rows } of this.#live.values()) if (start >= low && rows.size > 0 && (lowest === undefined || start < lowest)) lowest = start
    return lowest
  }

  /** A string whose order is that of the entry's store key: by start, then by the bytes of the key. */
  order(entry: LiveEntry): string {
    return this.#codec.timeKeyView(entry.start, entry.identity).toString('latin1')
  }

  // ------------------------------------------------------------ EntryOwner

  keyOf(entry: LiveEntry): Buffer {
    return Buffer.from(this.#codec.timeKeyView(entry.start, entry.identity))
  }

  encode(entry: LiveEntry): Buffer | undefined {
    return this.#codec.encode(entry.value, entry.time)
  }

  written(entry: LiveEntry): void {
    if (entry.value === undefined) this.#drop(entry)
  }

  revive(entry: LiveEntry): void {
    this.#window(entry.start).rows.set(entry.identity, entry)
  }

  evict(bytes: number): number {
    let freed = 0
    let restarts = 0
    while (freed < bytes) {
      const next = this.#hand.next()
      if (next.done === true) {
        let window = this.#handWindows.next()
        if (window.done === true) {
          if (++restarts > 1) return freed
          this.#handWindows = this.#live.values()
          window = this.#handWindows.next()
          if (window.done === true) return freed
        }
        this.#hand = window.value.rows.values()
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

  #window(start: number): Window {
    if (start === this.#last.start) return this.#last
    assert(start >= this.#expiredBelow, `store '${this.name}': the window at ${start} has expired`)
    let window = this.#live.get(start)
    if (window === undefined) {
      this.#live.set(start, window = new Window(start, start > this.#highest))
      if (start > this.#highest) this.#highest = start
    }
    this.#last = window
    return window
  }

  #forget(window: Window): void {
    this.#live.delete(window.start)
    if (this.#last === window) this.#last = NO_WINDOW
  }

  #load(window: Window, identity: unknown): LiveEntry {
    const stored = window.complete ? undefined : this.#core.store.get(this.#codec.timeKeyView(window.start, identity))
    const entry = stored === undefined
      ? new LiveEntry(this, identity, window.start, undefined, -1, 0)
      : new LiveEntry(this, identity, window.start, this.#codec.valueOf(stored), valueTime(stored), stored.length)
    window.rows.set(identity, entry)
    this.#core.loaded(entry)
    return entry
  }

  #drop(entry: LiveEntry): void {
    const window = this.#live.get(entry.start)
    this.#core.dropped(entry)
    if (window === undefined) return
    window.rows.delete(entry.identity)
    if (entry.value !== undefined) window.complete = false
    if (window.rows.size === 0) this.#forget(window)
  }

  #nextStored(from: number): number | undefined {
    for (const { key } of this.#core.store.range(timeKey(this.#prefix, from, EMPTY), timeKey(this.#prefix, Number.MAX_SAFE_INTEGER, EMPTY), { limit: 1 })) return readTime(key, PREFIX_BYTES)
    return undefined
  }

  /** By halving: at most 53 seeks, once. */
  #highestStored(): number {
    let low = this.#nextStored(0) ?? -1
    for (let high = low === -1 ? -1 : Number.MAX_SAFE_INTEGER - 1; low < high;) {
      const middle = low + Math.ceil((high - low) / 2)
      const next = this.#nextStored(middle)
      if (next === undefined) high = middle - 1
      else low = next
    }
    return low
  }
}
