/**
 * One live object: a row of a store as user code knows it, in front of the store.
 *
 * L1. What is not in the store is live: an entry that is dirty, frozen or committed but not yet written is held and never evicted.
 *     So a read that finds no live entry may ask the store, and needs no other place.
 * L2. At most one entry of a key is live. One that was evicted between a read and a write of the same record is put back by the write.
 * L3. An entry keeps no bytes: its key is made from its identity when it is frozen. A small Buffer would cost more memory than the rest.
 */
import type { ShardStateCore } from './shard-state.ts'

/** The store of a kind of entries, as `ShardState` sees it. */
export interface EntryOwner {
  /** Name of the store, of its changelog and of its key prefix. */
  readonly name: string
  /** Store key: prefix ‖ local key. */
  keyOf(entry: LiveEntry): Buffer
  /** Value as it is stored (`encodeValue`), `undefined`: the row is gone. */
  encode(entry: LiveEntry): Buffer | undefined
  /** The store now has what the entry says: it is no longer held. */
  written(entry: LiveEntry): void
  /** Puts back an entry that was evicted (L2). */
  revive(entry: LiveEntry): void
  /** Evicts entries that are not held and were not used of late, until about `bytes` are free or all were looked at; returns bytes freed. */
  evict(bytes: number): number
}

/** Bytes of a live row that its serialized form does not show: entry, key string, slot in the map, value on the heap. Measured by bench/micro/state. */
export const ENTRY_OVERHEAD_BYTES = 176

export class LiveEntry {
  readonly owner: EntryOwner
  /** Key in the owner's map. */
  readonly identity: unknown
  /** Window start or bucket; 0 in stores without. */
  readonly start: number
  /** `undefined`: no such row. */
  value: unknown
  /** Of the row, event time; −1 without a row. */
  time: number
  dirty = false
  /** How many frozen or unwritten commits hold it. */
  holds = 0
  /** Used since the eviction hand last came by. */
  used = true
  evicted = false
  /** What it counts for in the budget. */
  bytes: number

  constructor(owner: EntryOwner, identity: unknown, start: number, value: unknown, time: number, valueBytes: number) {
    this.owner = owner
    this.identity = identity
    this.start = start
    this.value = value
    this.time = time
    this.bytes = ENTRY_OVERHEAD_BYTES + valueBytes * 3
  }

  get held(): boolean {
    return this.dirty || this.holds > 0
  }

  /** Counts the entry anew for a key and a value of that many serialized bytes. */
  resize(keyBytes: number, valueBytes: number): void {
    this.bytes = ENTRY_OVERHEAD_BYTES + keyBytes + valueBytes * 3
  }
}

/** Sets a row and remembers that it changed. `undefined` deletes. */
export function setEntry(core: ShardStateCore, entry: LiveEntry, value: unknown, time: number): void {
  entry.value = value
  entry.time = time
  entry.used = true
  if (!entry.dirty) core.markDirty(entry)
}
