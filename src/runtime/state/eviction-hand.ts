/**
 * Which live entries to let go of when memory is short: a hand goes round over a map's entries and drops those that were not used since it last came by
 * (second chance). Entries that are held are passed over (L1 of `live-entry.ts`).
 */
import type { LiveEntry } from './live-entry.ts'

export class EvictionHand {
  readonly #entries: ReadonlyMap<unknown, LiveEntry>
  readonly #drop: (entry: LiveEntry) => void
  #hand: Iterator<LiveEntry>

  /** `drop` takes the entry out of `entries`. */
  constructor(entries: ReadonlyMap<unknown, LiveEntry>, drop: (entry: LiveEntry) => void) {
    this.#entries = entries
    this.#drop = drop
    this.#hand = entries.values()
  }

  /** Drops entries until about `bytes` are free or each was looked at once; returns bytes freed. */
  evict(bytes: number): number {
    let freed = 0
    for (let looked = 0, limit = this.#entries.size; looked < limit && freed < bytes; looked++) {
      let next = this.#hand.next()
      if (next.done === true) {
        this.#hand = this.#entries.values()
        next = this.#hand.next()
        if (next.done === true) return freed
      }
      const entry = next.value
      if (entry.held) continue
      if (entry.used) entry.used = false
      else {
        freed += entry.bytes
        this.#drop(entry)
      }
    }
    return freed
  }
}
