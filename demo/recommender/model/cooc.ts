/**
 * Cooc: item-keyed co-occurrence. Every item has a list of the items seen with it in a session, with decayed weights.
 *
 * C1. An item's state is changed by its own `Pairs` alone, so it shards by item.
 * C2. Sums are whole numbers (decay.ts): the same pairs in another order give the same sums, except for entries that
 *     pruning took away: with a list over 2 × capacity, the lightest are dropped, ties by item id.
 * C3. Scoring reads only lists as they were published, and breaks ties by item id: the same lists give the same answer.
 */
import { moveEpoch, unitScale } from './decay.ts'
import type { Pairs } from './session.ts'

export interface ItemList {
  readonly epoch: number
  /** Weight of all events on the item. */
  readonly mass: number
  /** Neighbours, and what binds each to the item, in the order in which they came. */
  readonly items: readonly string[]
  readonly weights: readonly number[]
}

export interface CoocOptions {
  /** Lists are cut to this length when they reach twice of it. */
  readonly capacity: number
}

export const SHOP_CAPACITY = 50
export const BASKET_CAPACITY = 200

/** An item's list after `pairs`. The old one is left as it was. */
export function addPairs(list: ItemList | undefined, pairs: Pairs, options: CoocOptions): ItemList {
  if (list === undefined) return { epoch: pairs.epoch, mass: pairs.mass, items: pairs.items, weights: pairs.weights }
  const epoch = Math.max(list.epoch, pairs.epoch)
  // Lists are never written to: where no neighbour is new, the old list and the new one share theirs.
  let items: readonly string[] = list.items
  let added: string[] | undefined
  const weights = epoch === list.epoch ? list.weights.slice() : list.weights.map(weight => moveEpoch(weight, list.epoch, epoch))
  for (let index = 0; index < pairs.items.length; index += 1) {
    const item = pairs.items[index] ?? ''
    const weight = moveEpoch(pairs.weights[index] ?? 0, pairs.epoch, epoch)
    const place = items.indexOf(item)
    if (place >= 0) weights[place] = (weights[place] ?? 0) + weight
    else {
      items = added ??= list.items.slice()
      added.push(item)
      weights.push(weight)
    }
  }
  const mass = moveEpoch(list.mass, list.epoch, epoch) + moveEpoch(pairs.mass, pairs.epoch, epoch)
  if (items.length > 2 * options.capacity) return { epoch, mass, ...heaviest(items, weights, options.capacity) }
  return { epoch, mass, items, weights }
}

/** The `count` heaviest entries, heaviest first; ties by item id. */
export function heaviest(items: readonly string[], weights: readonly number[], count: number): { items: string[]; weights: number[] } {
  const order = items.map((_, index) => index).sort((a, b) =>
    (weights[b] ?? 0) - (weights[a] ?? 0) || compareText(items[a] ?? '', items[b] ?? '')).slice(0, count)
  return { items: order.map(index => items[index] ?? ''), weights: order.map(index => weights[index] ?? 0) }
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export interface Scored {
  readonly item: string
  readonly score: number
  /** The item of the session that speaks most for it; empty where none does. */
  readonly because: string
  /** Decayed number of shoppers who went from that item to this one, rounded. */
  readonly support: number
}

export interface ScoreInput {
  /** Items of the session, newest first, each once; the first is the current one. */
  readonly session: readonly string[]
  readonly now: number
  readonly list: (item: string) => ItemList | undefined
  /** Weight of all events, in units at `now`. */
  readonly total: number
  readonly count: number
  /** Weight of the revisit term; 0 leaves it out. */
  readonly revisit: number
  /** Items that must not come back, such as those bought lately. The current item never does. */
  readonly suppressed?: ReadonlySet<string> | undefined
}

const QUERY_ITEMS_MAX = 4
/** Measured on serenade-toy with the half-life of decay.ts: 0.8 gives .684/.340 frozen, 0.7 gives .685/.344. */
const QUERY_DECAY = 0.7
const REVISIT_DECAY = 0.7
const MASS_POWER = 0.7
const RARITY = 0.1
/** Only so many of the best by the plain sum get the rarity factor, which needs a look-up for each. */
const RARITY_CANDIDATES_MAX = 100

/** The best `count` items to come after the session, best first (C3). */
export function scoreSession(input: ScoreInput): Scored[] {
  const { session, count, suppressed } = input
  const candidates = new Candidates(input)
  for (let distance = 0; distance < candidates.lists.length; distance += 1) candidates.addTerms(distance)
  candidates.keepBest(RARITY_CANDIDATES_MAX, item => item !== session[0])
  candidates.weighRarity()
  if (input.revisit > 0) candidates.addRevisits()
  candidates.keepBest(count, item => suppressed?.has(item) !== true)
  return candidates.ranked()
}

/** Where nothing is known of a candidate's list. */
const NONE = 255

/** The candidates of one scoring, column by column: objects for each would cost more than all the sums. */
class Candidates {
  readonly #input: ScoreInput
  /** Lists of the newest items of the session, by distance from its end. */
  readonly lists: readonly (ItemList | undefined)[]
  readonly #rows = new Map<string, number>()
  readonly #items: string[] = []
  readonly #scores: Float64Array
  /** The distance of the item that speaks most for the candidate, its term, and its support. */
  readonly #because: Uint8Array
  readonly #terms: Float64Array
  readonly #supports: Float64Array
  /** Rows that are still in the running; the first `#keptCount` entries count. */
  readonly #kept: Int32Array
  #keptCount = 0
  /** What a weight is divided by to have units at `now`, of the epoch asked for last (decay.ts, `unitsAt`). */
  #scaleEpoch = -1
  #scale = 1

  constructor(input: ScoreInput) {
    this.#input = input
    this.lists = input.session.slice(0, QUERY_ITEMS_MAX).map(item => input.list(item))
    const rowsMax = this.lists.reduce((sum, list) => sum + (list?.items.length ?? 0), 0) + input.session.length
    const columns = new Float64Array(3 * rowsMax)
    this.#scores = columns.subarray(0, rowsMax)
    this.#terms = columns.subarray(rowsMax, 2 * rowsMax)
    this.#supports = columns.subarray(2 * rowsMax)
    this.#because = new Uint8Array(rowsMax)
    this.#kept = new Int32Array(rowsMax)
  }

  addTerms(distance: number): void {
    const list = this.lists[distance]
    if (list === undefined) return
    const mass = list.mass / this.#scaleOf(list.epoch)
    if (mass <= 0) return
    const perUnit = QUERY_DECAY ** distance / mass ** MASS_POWER
    const unit = 1 / this.#scaleOf(list.epoch)
    // The items of one list are distinct: those of the first are all new.
    const isFirst = this.#items.length === 0
    const { items, weights } = list
    const scores = this.#scores
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index] ?? ''
      const units = (weights[index] ?? 0) * unit
      const term = perUnit * units
      const row = isFirst ? undefined : this.#rows.get(item)
      if (row === undefined) this.#add(item, distance, term, units)
      else {
        scores[row] = (scores[row] ?? 0) + term
        if (term > (this.#terms[row] ?? 0)) this.#explain(row, distance, term, units)
      }
    }
  }

  #add(item: string, distance: number, term: number, units: number): void {
    const row = this.#items.length
    this.#items.push(item)
    this.#rows.set(item, row)
    this.#scores[row] = term
    this.#explain(row, distance, term, units)
    this.#kept[this.#keptCount] = row
    this.#keptCount += 1
  }

  #explain(row: number, distance: number, term: number, units: number): void {
    this.#because[row] = distance
    this.#terms[row] = term
    this.#supports[row] = units
  }

  weighRarity(): void {
    const { list: listOf, total } = this.#input
    for (let place = 0; place < this.#keptCount; place += 1) {
      const row = this.#kept[place] ?? 0
      const list = listOf(this.#items[row] ?? '')
      const mass = list === undefined ? 0 : list.mass / this.#scaleOf(list.epoch)
      this.#scores[row] = (this.#scores[row] ?? 0) * (1 + RARITY * Math.log(1 + total / (mass + 1)))
    }
  }

  /** Adds what the session's own items are worth as the next one, the most recent most. */
  addRevisits(): void {
    const { session, revisit } = this.#input
    const kept = this.#kept.subarray(0, this.#keptCount)
    const top = kept.reduce((max, row) => Math.max(max, this.#scores[row] ?? 0), 0) || 1
    for (let distance = 1; distance < session.length; distance += 1) {
      const item = session[distance] ?? ''
      const bonus = revisit * REVISIT_DECAY ** distance * top
      const row = this.#rows.get(item)
      if (row !== undefined && kept.includes(row)) this.#scores[row] = (this.#scores[row] ?? 0) + bonus
      else this.#add(item, NONE, bonus, 0)
    }
  }

  /** Leaves the best `count` of those that pass, in no order. */
  keepBest(count: number, passes: (item: string) => boolean): void {
    const kept = this.#kept
    let passed = 0
    for (let place = 0; place < this.#keptCount; place += 1) {
      const row = kept[place] ?? 0
      if (!passes(this.#items[row] ?? '')) continue
      kept[passed] = row
      passed += 1
    }
    this.#keptCount = Math.min(passed, count)
    if (passed > count) this.#partition(passed, count)
  }

  /** Quickselect: brings the best `count` of the first `length` entries of `#kept` to its front. */
  #partition(length: number, count: number): void {
    const kept = this.#kept
    let from = 0
    let to = length - 1
    while (from < to) {
      const pivot = kept[(from + to) >> 1] ?? 0
      let left = from
      let right = to
      while (left <= right) {
        while (this.#isBetter(kept[left] ?? 0, pivot)) left += 1
        while (this.#isBetter(pivot, kept[right] ?? 0)) right -= 1
        if (left > right) break
        const row = kept[left] ?? 0
        kept[left] = kept[right] ?? 0
        kept[right] = row
        left += 1
        right -= 1
      }
      if (count - 1 <= right) to = right
      else if (count - 1 >= left) from = left
      else return
    }
  }

  /** By score, then by item id: no two rows are equal (C3). */
  #isBetter(a: number, b: number): boolean {
    const difference = (this.#scores[a] ?? 0) - (this.#scores[b] ?? 0)
    return difference > 0 || (difference === 0 && (this.#items[a] ?? '') < (this.#items[b] ?? ''))
  }

  ranked(): Scored[] {
    return [...this.#kept.subarray(0, this.#keptCount)].sort((a, b) => this.#isBetter(a, b) ? -1 : 1).map(row => {
      const distance = this.#because[row] ?? NONE
      return {
        item: this.#items[row] ?? '',
        score: this.#scores[row] ?? 0,
        because: distance === NONE ? '' : this.#input.session[distance] ?? '',
        support: Math.round(this.#supports[row] ?? 0),
      }
    })
  }

  #scaleOf(epoch: number): number {
    if (epoch !== this.#scaleEpoch) {
      this.#scaleEpoch = epoch
      this.#scale = unitScale(epoch, this.#input.now)
    }
    return this.#scale
  }
}
