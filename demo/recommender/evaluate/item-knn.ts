/**
 * Item-kNN for baskets: items bought together often, for how often each is bought: n(i, j) / √((n(i) + shrink) (n(j) + shrink)), summed over the
 * basket's last items. Counts are of baskets.
 *
 * K1. Counts of pairs are rows of a dense table, since a basket of a thousand lines counts half a million pairs: `ITEMS_MAX` items take 400 MB, and
 *     a stream of more has no such rival in its report.
 */
import type { Click, Rival } from './rivals.ts'
import { Votes } from './votes.ts'

export const ITEMS_MAX = 10_000

export interface ItemKnnOptions {
  /** So many of the basket's last items are asked. */
  readonly last: number
  readonly shrink: number
  readonly count: number
  /** Items of the whole stream. */
  readonly items: number
}

export class ItemKnn implements Rival {
  readonly #options: ItemKnnOptions
  readonly #baskets: Float64Array
  readonly #together: (Uint32Array | undefined)[] = []
  readonly #votes: Votes

  constructor(options: ItemKnnOptions) {
    this.#options = options
    this.#baskets = new Float64Array(options.items)
    this.#votes = new Votes(options.items)
  }

  recommend(items: readonly number[], _query: Click, filtered?: ReadonlySet<number>): number[] {
    const { last, shrink, count } = this.#options
    const baskets = this.#baskets
    const votes = this.#votes.start()
    for (const item of new Set(items.slice(-last))) {
      const row = this.#together[item]
      const own = (baskets[item] ?? 0) + shrink
      for (let other = 0; row !== undefined && other < row.length; other += 1) {
        const pairs = row[other] ?? 0
        if (pairs > 0) votes.add(other, pairs / Math.sqrt(own * ((baskets[other] ?? 0) + shrink)))
      }
    }
    return votes.top(count, items.at(-1), filtered)
  }

  /** An item counts once a basket. */
  learn(click: Click, before: readonly number[], seen: ReadonlySet<number> = new Set(before)): void {
    const { item } = click
    if (seen.has(item)) return
    this.#baskets[item] = (this.#baskets[item] ?? 0) + 1
    const row = this.#rowOf(item)
    for (const other of seen) {
      row[other] = (row[other] ?? 0) + 1
      const otherRow = this.#rowOf(other)
      otherRow[item] = (otherRow[item] ?? 0) + 1
    }
  }

  #rowOf(item: number): Uint32Array {
    return this.#together[item] ??= new Uint32Array(this.#options.items)
  }
}
