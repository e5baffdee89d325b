/**
 * One live object: a row of a store as user code knows it, in front of the store.
 *
 * L1. What is not in the store is live: an entry that is dirty, frozen or committed but not yet written is held and never evicted.
 *     So a read that finds no live entry may ask the store, and needs no other place.
 * L2. At most one entry of a key is live. One that was evicted between a read and a write of the same record is put back by the write.
 */
import type { ShardStateCore } from './shard-state.ts'

/** The store of a kind of entries, as `ShardState` sees it. */
export interface EntryOwner {
  /** Name of the store, of its changelog and of its key prefix. */
  readonly name: string
  /** Value as it is stored (`encodeValue`), `undefined`: the row is gone. */
  encode(entry: LiveEntry): Buffer | undefined
  /** The store now has what the entry says: it is no longer held. */
  written(entry: LiveEntry): void
  /** Puts back an entry that was evicted (L2). */
  revive(entry: LiveEntry): void
  /** Evicts entries that are not held and were not used of late, until about `bytes` are free or all were looked at; returns bytes freed. */
  evict(bytes: number): number
}

/** Bytes of a live object that its serialized form does not show: the entry, the key, the slot in a map. A measured average. */
export const ENTRY_OVERHEAD_BYTES = 240

export class LiveEntry {
  readonly owner: EntryOwner
  /** Key in the owner's map. */
  readonly identity: unknown
  /** Store key: prefix ‖ local key. */
  readonly key: Buffer
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

  constructor(owner: EntryOwner, identity: unknown, key: Buffer, value: unknown, time: number, valueBytes: number) {
    this.owner = owner
    this.identity = identity
    this.key = key
    this.value = value
    this.time = time
    this.bytes = sizeOf(key, valueBytes)
  }

  /** Counts the entry anew for a value of `valueBytes` serialized bytes. */
  resize(valueBytes: number): void {
    this.bytes = sizeOf(this.key, valueBytes)
  }

  get held(): boolean {
    return this.dirty || this.holds > 0
  }
}

function sizeOf(key: Buffer, valueBytes: number): number {
  return ENTRY_OVERHEAD_BYTES + key.length * 2 + valueBytes * 3
}

/** Sets a row and remembers that it changed. `undefined` deletes. */
export function setEntry(core: ShardStateCore, entry: LiveEntry, value: unknown, time: number): void {
  entry.value = value
  entry.time = time
  entry.used = true
  if (!entry.dirty) core.markDirty(entry)
}
