/** The lists of a topology, kept for scoring: half a million of them, so an item's id is kept once. */
import type { Recs } from '../topics.ts'
import { LIST_LENGTH } from './metrics.ts'

/** For which item, and the first 20 of the list. */
export interface List {
  readonly item: string
  readonly items: readonly string[]
}

export type ScoredRecs = Pick<Recs, 'item'> & { readonly items: readonly { readonly item: string }[] }

/** Lists by visitor, in order. */
export class Lists {
  readonly #byVisitor = new Map<string, List[]>()
  readonly #ids = new Map<string, string>()

  add(visitor: string, recs: ScoredRecs): void {
    const items: string[] = []
    for (const { item } of recs.items) {
      if (items.length === LIST_LENGTH) break
      items.push(this.#once(item))
    }
    const list = { item: this.#once(recs.item), items }
    const lists = this.#byVisitor.get(visitor)
    if (lists === undefined) this.#byVisitor.set(visitor, [list])
    else lists.push(list)
  }

  /** The visitor's list of that number, from 0. */
  of(visitor: string, number: number): List | undefined {
    return this.#byVisitor.get(visitor)?.[number]
  }

  clear(): void {
    this.#byVisitor.clear()
  }

  #once(id: string): string {
    const known = this.#ids.get(id)
    if (known !== undefined) return known
    this.#ids.set(id, id)
    return id
  }
}
