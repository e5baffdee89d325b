/**
 * The last list of every visitor, as a web process knows it.
 *
 * F2. A list older than the one known is dropped: lists of a visitor are ordered by their offset (one visitor, one partition).
 * F3. At most `visitorsMax` visitors are kept; who was heard of longest ago goes first, and gets what is trending.
 */
import type { Recs } from '../topics.ts'

export interface KnownList {
  readonly recs: Recs
  /** Offset in `recs`: F2. */
  readonly version: number
}

export class KnownLists {
  readonly #lists = new Map<string, KnownList>()
  readonly #visitorsMax: number

  constructor(options: { readonly visitorsMax: number }) {
    this.#visitorsMax = options.visitorsMax
  }

  /** False where it was dropped (F2). */
  take(visitor: string, list: KnownList): boolean {
    const known = this.#lists.get(visitor)
    if (known !== undefined && known.version >= list.version) return false
    // Out and in again: a Map keeps the order of insertion, so the first is who was heard of longest ago (F3).
    this.#lists.delete(visitor)
    this.#lists.set(visitor, list)
    if (this.#lists.size > this.#visitorsMax) {
      const oldest = this.#lists.keys().next()
      if (oldest.done !== true) this.#lists.delete(oldest.value)
    }
    return true
  }

  of(visitor: string): KnownList | undefined {
    return this.#lists.get(visitor)
  }
}
