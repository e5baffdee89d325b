/**
 * Cooc: item-keyed co-occurrence. Every item has a list of the items seen with it in a session, with decayed weights.
 *
 * What a task keeps of an item is neighbor-list.ts; here is what is published of it, and how lists become an answer.
 *
 * C1. An item's state is changed by its own `Pairs` alone, so it shards by item.
 * C2. Sums are whole numbers (decay.ts): the same pairs in another order give the same sums, except for entries that
 *     pruning took away: with a list over 2 × capacity, the lightest are dropped, ties by item id.
 * C3. Scoring reads only lists as they were published, and breaks ties by item id: the same lists give the same answer.
 */
import { unitScale } from './decay.ts'
import { hashOf, slotsFor } from './text-hash.ts'

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

/** The `count` heaviest entries, heaviest first; ties by item id. */
export function heaviest(items: readonly string[], weights: ArrayLike<number>, count: number): { items: string[]; weights: number[] } {
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
  const { session, suppressed } = input
  const current = session[0]
  candidates.start(input)
  for (let distance = 0; distance < Math.min(QUERY_ITEMS_MAX, session.length); distance += 1) candidates.addTerms(distance)
  candidates.keepBest(RARITY_CANDIDATES_MAX, item => item !== current)
  candidates.weighRarity()
  if (input.revisit > 0) candidates.addRevisits()
  candidates.keepBest(input.count, item => suppressed?.has(item) !== true)
  const scored = candidates.ranked()
  candidates.end()
  return scored
}

/** Where nothing is known of a candidate's list. */
const NONE = 255
const ROWS_FIRST = 512

/** Hashes of the items of a published list: made once, used by every session that asks for it. */
const hashes = new WeakMap<ItemList, Uint32Array>()

function hashesOf(list: ItemList): Uint32Array {
  let found = hashes.get(list)
  if (found === undefined) hashes.set(list, found = Uint32Array.from(list.items, hashOf))
  return found
}

const NO_INPUT: ScoreInput = { session: [], now: 0, list: () => undefined, total: 0, count: 0, revisit: 0 }

/**
 * The candidates of one scoring, column by column, found by a hash table of row numbers: objects for each, or a Map, would cost more than all the sums.
 * Scoring is synchronous, so one set of columns serves all of a thread's; it grows to the largest.
 */
class Candidates {
  #input = NO_INPUT
  #items: string[] = []
  #scores = new Float64Array(ROWS_FIRST)
  /** The distance of the item that speaks most for the candidate, its term, and its support. */
  #because = new Uint8Array(ROWS_FIRST)
  #terms = new Float64Array(ROWS_FIRST)
  #supports = new Float64Array(ROWS_FIRST)
  /** Rows that are still in the running; the first `#keptCount` entries count. */
  #kept = new Int32Array(ROWS_FIRST)
  #keptCount = 0
  /** Row + 1 by hash, linear probing; 0 is free. `#lastSlot` + 1 of them are in use. */
  #slots = new Int32Array(slotsFor(ROWS_FIRST))
  #lastSlot = 0
  /** Lists of the newest items of the session, by distance from its end. */
  #lists: (ItemList | undefined)[] = []
  /** What a weight is divided by to have units at `now`, of the epoch asked for last (decay.ts, `unitsAt`). */
  #scaleEpoch = -1
  #scale = 1

  start(input: ScoreInput): void {
    this.#input = input
    this.#items.length = 0
    this.#keptCount = 0
    this.#scaleEpoch = -1
    this.#lists.length = 0
    let rowsMax = input.session.length
    for (let distance = 0; distance < Math.min(QUERY_ITEMS_MAX, input.session.length); distance += 1) {
      const list = input.list(input.session[distance] ?? '')
      this.#lists.push(list)
      rowsMax += list?.items.length ?? 0
    }
    if (rowsMax > this.#scores.length) this.#grow(2 ** (32 - Math.clz32(rowsMax)))
    this.#lastSlot = slotsFor(rowsMax) - 1
    this.#slots.fill(0, 0, this.#lastSlot + 1)
  }

  /** Lets go of what the scoring was given. */
  end(): void {
    this.#input = NO_INPUT
    this.#items.length = 0
    this.#lists.length = 0
  }

  #grow(rows: number): void {
    this.#scores = new Float64Array(rows)
    this.#because = new Uint8Array(rows)
    this.#terms = new Float64Array(rows)
    this.#supports = new Float64Array(rows)
    this.#kept = new Int32Array(rows)
    this.#slots = new Int32Array(slotsFor(rows))
  }

  addTerms(distance: number): void {
    const list = this.#lists[distance]
    if (list === undefined) return
    const scale = this.#scaleOf(list.epoch)
    const mass = list.mass / scale
    if (mass <= 0) return
    const perUnit = QUERY_DECAY ** distance / mass ** MASS_POWER
    const unit = 1 / scale
    const { items, weights } = list
    const hashed = hashesOf(list)
    const scores = this.#scores
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index] ?? ''
      const units = (weights[index] ?? 0) * unit
      const term = perUnit * units
      const slot = this.#slotOf(item, hashed[index] ?? 0)
      const row = (this.#slots[slot] ?? 0) - 1
      if (row < 0) this.#add(slot, item, distance, term, units)
      else {
        scores[row] = (scores[row] ?? 0) + term
        if (term > (this.#terms[row] ?? 0)) this.#explain(row, distance, term, units)
      }
    }
  }

  /** The slot of an item's row, or the free one where it would be. */
  #slotOf(item: string, hash: number): number {
    const slots = this.#slots
    const last = this.#lastSlot
    let slot = hash & last
    for (;;) {
      const row = (slots[slot] ?? 0) - 1
      if (row < 0 || this.#items[row] === item) return slot
      slot = slot + 1 & last
    }
  }

  #add(slot: number, item: string, distance: number, term: number, units: number): void {
    const row = this.#items.length
    this.#items.push(item)
    this.#slots[slot] = row + 1
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
      const slot = this.#slotOf(item, hashOf(item))
      const row = (this.#slots[slot] ?? 0) - 1
      if (row >= 0 && kept.includes(row)) this.#scores[row] = (this.#scores[row] ?? 0) + bonus
      else this.#add(slot, item, NONE, bonus, 0)
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

const candidates = new Candidates()
