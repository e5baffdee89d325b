/**
 * One row per key: the state of tables, of aggregates without a window and of `process` operators, as live objects.
 *
 * Y1. An entry that an operator holds is good until the end of the record at hand; `set` at any time in between counts.
 * Y2. While the store was empty at the start and no row has been evicted since, memory is complete: a key that is not there is in no place.
 *     Otherwise a missing row that was asked for has an entry too (value `undefined`), so that asking again costs no read of the store.
 */
import type { Serde } from '../../serde/serde.ts'
import { EvictionHand } from './eviction-hand.ts'
import { PREFIX_BYTES, storeEnd, storeStart, valueTime } from './layout.ts'
import { type EntryOwner, LiveEntry, setEntry } from './live-entry.ts'
import { RowCodec } from './row-codec.ts'
import type { ShardState, ShardStateCore } from './shard-state.ts'

/** A row as a scan gives it. */
export interface Row {
  readonly key: unknown
  readonly value: unknown
  readonly time: number
}

export class KeyedStore implements EntryOwner {
  readonly name: string
  readonly #core: ShardStateCore
  readonly #prefix: number
  readonly #codec: RowCodec
  readonly #live = new Map<unknown, LiveEntry>()
  #complete: boolean
  readonly #hand = new EvictionHand(this.#live, entry => this.#drop(entry))

  constructor(name: string, core: ShardStateCore, prefix: number, codec: RowCodec) {
    this.name = name
    this.#core = core
    this.#prefix = prefix
    this.#codec = codec
    this.#complete = [...core.store.range(storeStart(prefix), storeEnd(prefix), { limit: 1 })].length === 0
  }

  /** The store called `name` of `state`. */
  static of(state: ShardState, name: string, key: Serde<unknown>, value: Serde<unknown>): KeyedStore {
    return state.owner(name, (core, prefix) => new KeyedStore(name, core, prefix, new RowCodec(prefix, key, value)))
  }

  /** The entry of `key`, with value `undefined` where there is no row. */
  entry(key: unknown): LiveEntry {
    const identity = this.#codec.identity(key)
    const entry = this.#live.get(identity)
    if (entry === undefined) return this.#load(identity)
    entry.used = true
    return entry
  }

  /** The row of `key`. */
  get(key: unknown): unknown {
    const identity = this.#codec.identity(key)
    const entry = this.#live.get(identity)
    if (entry === undefined) return this.#complete ? undefined : this.#load(identity).value
    entry.used = true
    return entry.value
  }

  /** Sets the row of an entry; `undefined` deletes it. */
  set(entry: LiveEntry, value: unknown, time: number): void {
    setEntry(this.#core, entry, value, time)
  }

  /** All rows, in the order of their keys' bytes. Reads the whole store: for queries and tests, not for a record. */
  rows(): Row[] {
    const rows = new Map<string, Row>()
    for (const { key, value } of this.#core.store.range(storeStart(this.#prefix), storeEnd(this.#prefix))) {
      rows.set(key.toString('latin1'), { key: this.#codec.keyOf(key, PREFIX_BYTES), value: this.#codec.valueOf(value), time: valueTime(value) })
    }
    for (const entry of this.#live.values()) {
      const at = this.#codec.keyView(entry.identity).toString('latin1')
      if (entry.value === undefined) rows.delete(at)
      else rows.set(at, { key: this.#codec.keyOfIdentity(entry.identity), value: entry.value, time: entry.time })
    }
    return [...rows].sort(([left], [right]) => left < right ? -1 : 1).map(([, row]) => row)
  }

  // ------------------------------------------------------------ EntryOwner

  keyOf(entry: LiveEntry): Buffer {
    return Buffer.from(this.#codec.keyView(entry.identity))
  }

  encode(entry: LiveEntry): Buffer | undefined {
    return this.#codec.encode(entry.value, entry.time)
  }

  written(entry: LiveEntry): void {
    // Deleted rows need no memory any more.
    if (entry.value === undefined) this.#drop(entry)
  }

  revive(entry: LiveEntry): void {
    this.#live.set(entry.identity, entry)
  }

  evict(bytes: number): number {
    return this.#hand.evict(bytes)
  }

  #load(identity: unknown): LiveEntry {
    const stored = this.#complete ? undefined : this.#core.store.get(this.#codec.keyView(identity))
    const entry = stored === undefined
      ? new LiveEntry(this, identity, 0, undefined, -1, 0)
      : new LiveEntry(this, identity, 0, this.#codec.valueOf(stored), valueTime(stored), stored.length)
    this.#live.set(identity, entry)
    this.#core.loaded(entry)
    return entry
  }

  #drop(entry: LiveEntry): void {
    if (entry.value !== undefined) this.#complete = false
    this.#live.delete(entry.identity)
    this.#core.dropped(entry)
  }
}
