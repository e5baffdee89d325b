/**
 * Timers of keys: per key, clock and name at most one. Persisted with the state (rule M2), found in order of time.
 *
 *   local key   1 ‖ time ‖ key   value: empty          the key has timers on the event clock at that time
 *               2 ‖ time ‖ key   value: empty          the same on the wall clock
 *               3 ‖ key          value: JSON           all timers of the key: [[clock, name, time], …]
 *
 * I1. The index (1, 2) has an entry exactly where the list (3) of the key has a timer of that clock and time.
 * I2. In memory, per clock: a heap of the index entries below `horizon`, complete; at and above it only what the store does not have yet
 *     (L1 of `live-entry.ts`). So millions of timers cost no memory until their time comes near.
 * I3. Timers fire by time, then by the bytes of the key, then by name.
 */
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import { EvictionHand } from './eviction-hand.ts'
import { EMPTY, PREFIX_BYTES, TIME_BYTES, VALUE_HEADER_BYTES, encodeValue, readTime, timerKey, valueTime } from './layout.ts'
import { type EntryOwner, LiveEntry, setEntry } from './live-entry.ts'
import { RowCodec } from './row-codec.ts'
import type { ShardState, ShardStateCore } from './shard-state.ts'
import { TimerHeap } from './timer-heap.ts'

export type TimerClock = 'event' | 'wall'

// An entry's `start` says what it is: the domain of its key.

/** A key's timers that are due at one time. */
export interface DueTimers {
  readonly key: unknown
  readonly time: number
  readonly names: readonly string[]
}

type ListedTimer = readonly [clock: TimerClock, name: string, time: number]
const NO_TIMERS: readonly ListedTimer[] = []

const DOMAINS = { event: 1, wall: 2 } as const
const LIST_DOMAIN = 3
const KEY_AT = PREFIX_BYTES + 1 + TIME_BYTES
/** Entries read from the store at once; a heap is cut back to this size when it has grown to `HEAP_MAX`. */
const BATCH = 4_096
const HEAP_MAX = 65_536
const PRESENT = true

interface Index {
  readonly domain: number
  readonly heap: TimerHeap
  /** Below it the heap is complete (I2). */
  horizon: number
  /** Size at which the heap is cut back. */
  cutAt: number
}

export class TimerStore implements EntryOwner {
  readonly name: string
  readonly #core: ShardStateCore
  readonly #prefix: number
  readonly #codec: RowCodec
  readonly #lists = new Map<unknown, LiveEntry>()
  readonly #live = new Map<string, LiveEntry>()
  readonly #indexes: Readonly<Record<TimerClock, Index>> = {
    event: { domain: DOMAINS.event, heap: new TimerHeap(), horizon: 0, cutAt: HEAP_MAX },
    wall: { domain: DOMAINS.wall, heap: new TimerHeap(), horizon: 0, cutAt: HEAP_MAX },
  }
  readonly #hand = new EvictionHand(this.#lists, entry => this.#dropList(entry))

  constructor(name: string, core: ShardStateCore, prefix: number, codec: RowCodec) {
    this.name = name
    this.#core = core
    this.#prefix = prefix
    this.#codec = codec
  }

  static of(state: ShardState, name: string, key: Serde<unknown>): TimerStore {
    return state.owner(name, (core, prefix) => new TimerStore(name, core, prefix, new RowCodec(prefix, key, timerLists)))
  }

  /** Sets the timer `name` of a key; one that is set already moves. */
  set(key: unknown, clock: TimerClock, name: string, time: number): void {
    const list = this.#list(key)
    const timers = timersOf(list)
    const before = timers.find(timer => timer[0] === clock && timer[1] === name)
    if (before !== undefined && before[2] === time) return
    this.#replace(list, [...timers.filter(timer => timer !== before), [clock, name, time]], time)
    if (before !== undefined) this.#unindexIfUnused(list, clock, before[2])
    this.#indexAdd(list, clock, time)
  }

  cancel(key: unknown, clock: TimerClock, name: string): void {
    const list = this.#list(key)
    const timers = timersOf(list)
    const before = timers.find(timer => timer[0] === clock && timer[1] === name)
    if (before === undefined) return
    this.#replace(list, timers.filter(timer => timer !== before), list.time)
    this.#unindexIfUnused(list, clock, before[2])
  }

  /** Time of the next timer on `clock`; Infinity where there is none. */
  nextTime(clock: TimerClock): number {
    return this.#first(this.#indexes[clock])?.time ?? Infinity
  }

  /** Takes the next timers that are due at `upTo`, all of one key and time; `undefined` where none are. They are set no longer. */
  take(clock: TimerClock, upTo: number): DueTimers | undefined {
    const index = this.#indexes[clock]
    const entry = this.#first(index)
    if (entry === undefined || entry.time > upTo) return undefined
    const { time } = entry
    index.heap.pop()
    setEntry(this.#core, entry, undefined, time)
    const key = this.#codec.keyOf(this.keyOf(entry), KEY_AT)
    const list = this.#list(key)
    const timers = timersOf(list)
    const due = timers.filter(timer => timer[0] === clock && timer[2] === time)
    this.#replace(list, timers.filter(timer => !due.includes(timer)), list.time)
    return { key, time, names: due.map(timer => timer[1]).sort() }
  }

  // ------------------------------------------------------------ EntryOwner

  keyOf(entry: LiveEntry): Buffer {
    return isList(entry) ? this.#listKey(entry.identity) : Buffer.from(String(entry.identity), 'latin1')
  }

  encode(entry: LiveEntry): Buffer | undefined {
    if (entry.value === undefined) return undefined
    return isList(entry) ? this.#codec.encode(entry.value, Math.max(entry.time, 0)) : encodeValue(entry.time, EMPTY)
  }

  written(entry: LiveEntry): void {
    if (isList(entry)) {
      if (entry.value === undefined) this.#dropList(entry)
      return
    }
    const index = entry.start === DOMAINS.event ? this.#indexes.event : this.#indexes.wall
    if (entry.value === undefined || entry.time >= index.horizon) this.#dropIndexed(entry)
  }

  revive(entry: LiveEntry): void {
    if (isList(entry)) this.#lists.set(entry.identity, entry)
    else this.#live.set(String(entry.identity), entry)
  }

  evict(bytes: number): number {
    return this.#hand.evict(bytes)
  }

  // ------------------------------------------------------------ lists

  #list(key: unknown): LiveEntry {
    const identity = this.#codec.identity(key)
    const known = this.#lists.get(identity)
    if (known !== undefined) {
      known.used = true
      return known
    }
    const stored = this.#core.store.get(this.#listKey(identity))
    const entry = stored === undefined
      ? new LiveEntry(this, identity, LIST_DOMAIN, undefined, -1, 0)
      : new LiveEntry(this, identity, LIST_DOMAIN, this.#codec.valueOf(stored), valueTime(stored), stored.length)
    this.#lists.set(identity, entry)
    this.#core.loaded(entry)
    return entry
  }

  #listKey(identity: unknown): Buffer {
    const plain = this.#codec.keyView(identity)
    const bytes = Buffer.allocUnsafe(plain.length + 1)
    plain.copy(bytes, 0, 0, PREFIX_BYTES)
    bytes[PREFIX_BYTES] = LIST_DOMAIN
    plain.copy(bytes, PREFIX_BYTES + 1, PREFIX_BYTES)
    return bytes
  }

  #replace(list: LiveEntry, timers: readonly ListedTimer[], time: number): void {
    setEntry(this.#core, list, timers.length === 0 ? undefined : timers, time)
  }

  #dropList(entry: LiveEntry): void {
    this.#lists.delete(entry.identity)
    this.#core.dropped(entry)
  }

  // ------------------------------------------------------------ index

  #indexAdd(list: LiveEntry, clock: TimerClock, time: number): void {
    const index = this.#indexes[clock]
    const entry = this.#indexed(list, index, time)
    if (entry.value === undefined && time < index.horizon) {
      index.heap.push(entry)
      if (index.heap.size > index.cutAt) this.#cutBack(index)
    }
    setEntry(this.#core, entry, PRESENT, time)
  }

  #unindexIfUnused(list: LiveEntry, clock: TimerClock, time: number): void {
    if (timersOf(list).some(timer => timer[0] === clock && timer[2] === time)) return
    // In the heap it stays until it comes up: without a value it is passed over.
    const index = this.#indexes[clock]
    const entry = this.#indexed(list, index, time)
    setEntry(this.#core, entry, undefined, time)
  }

  /** The live entry of (clock, key, time). One that is not live is either absent or, above the horizon, written: for both a new one will do. */
  #indexed(list: LiveEntry, index: Index, time: number): LiveEntry {
    const identity = timerKey(this.#prefix, index.domain, time, this.#codec.keyView(list.identity).subarray(PREFIX_BYTES)).toString('latin1')
    const known = this.#live.get(identity)
    if (known !== undefined) return known
    const entry = new LiveEntry(this, identity, index.domain, undefined, time, 0)
    this.#live.set(identity, entry)
    this.#core.loaded(entry)
    return entry
  }

  #first(index: Index): LiveEntry | undefined {
    while (index.heap.peek() === undefined && index.horizon !== Infinity) this.#load(index)
    return index.heap.peek()
  }

  /** Moves the horizon up by a batch of entries of the store, and takes over what is live below the new one. */
  #load(index: Index): void {
    const { store } = this.#core
    const from = timerKey(this.#prefix, index.domain, index.horizon, EMPTY)
    const end = timerKey(this.#prefix, index.domain + 1, 0, EMPTY)
    let keys = [...store.range(from, end, { limit: BATCH + 1 })].map(entry => entry.key)
    const beyond = keys[BATCH]
    let horizon = Infinity
    if (beyond !== undefined) {
      horizon = readTime(beyond, PREFIX_BYTES + 1)
      keys = keys.filter(key => readTime(key, PREFIX_BYTES + 1) < horizon)
      if (keys.length === 0) {
        // More timers at one time than a batch holds: take that time whole.
        keys = [...store.range(from, timerKey(this.#prefix, index.domain, horizon + 1, EMPTY))].map(entry => entry.key)
        horizon++
      }
    }
    for (const key of keys) {
      const identity = key.toString('latin1')
      if (this.#live.has(identity)) continue
      const entry = new LiveEntry(this, identity, index.domain, PRESENT, readTime(key, PREFIX_BYTES + 1), VALUE_HEADER_BYTES)
      this.#live.set(identity, entry)
      this.#core.loaded(entry)
    }
    for (const entry of this.#live.values()) {
      if (entry.start === index.domain && entry.time >= index.horizon && entry.time < horizon && entry.value !== undefined) index.heap.push(entry)
    }
    index.horizon = horizon
  }

  /** Gives back the later part of a heap that has grown large: the store has it, or will have it. */
  #cutBack(index: Index): void {
    const horizon = index.heap.cutBack(BATCH)
    // Where all of it is due at one time nothing can be given back: try again when it is twice as large.
    index.cutAt = Math.max(HEAP_MAX, index.heap.size * 2)
    if (horizon === undefined) return
    index.horizon = horizon
    for (const entry of [...this.#live.values()]) {
      if (entry.start === index.domain && entry.time >= horizon && !entry.held) this.#dropIndexed(entry)
    }
  }

  #dropIndexed(entry: LiveEntry): void {
    this.#live.delete(String(entry.identity))
    this.#core.dropped(entry)
  }
}

function isList(entry: LiveEntry): boolean {
  return entry.start === LIST_DOMAIN
}

function timersOf(list: LiveEntry): readonly ListedTimer[] {
  // Only `#replace` and the serde below give lists their values.
  return (list.value as readonly ListedTimer[] | undefined) ?? NO_TIMERS
}

/** How the list of a key is stored; names are whatever users chose, so JSON. */
const timerLists: Serde<unknown> = {
  kind: 'timers',
  optional: false,
  serialize(value) {
    const writer = new ByteWriter()
    this.write(value, writer)
    return writer.toBuffer()
  },
  deserialize: (buffer, start, end) => JSON.parse(buffer.toString('utf8', start, end)),
  write: (value, into) => into.utf8(JSON.stringify(value)),
}
