/**
 * Cooc: item-keyed co-occurrence. Every item has a list of the items seen with it in a session, with decayed weights.
 *
 * C1. An item's state is changed by its own `Pairs` alone, so it shards by item.
 * C2. Sums are whole numbers (decay.ts): the same pairs in another order give the same sums, except for entries that
 *     pruning took away: with a list over 2 × capacity, the lightest are dropped, ties by item id.
 * C3. Scoring reads only lists as they were published, and breaks ties by item id: the same lists give the same answer.
 */
import { moveEpoch, unitsAt } from './decay.ts'
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
  const items = list.items.slice()
  const weights = epoch === list.epoch ? list.weights.slice() : list.weights.map(weight => moveEpoch(weight, list.epoch, epoch))
  for (let index = 0; index < pairs.items.length; index += 1) {
    const item = pairs.items[index] ?? ''
    const weight = moveEpoch(pairs.weights[index] ?? 0, pairs.epoch, epoch)
    const place = items.indexOf(item)
    if (place >= 0) weights[place] = (weights[place] ?? 0) + weight
    else {
      items.push(item)
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

interface Candidate { item: string; score: number; because: string; term: number; support: number }

/** The best `count` items to come after the session, best first (C3). */
export function scoreSession(input: ScoreInput): Scored[] {
  const current = input.session[0]
  const candidates = new Map<string, Candidate>()
  for (let distance = 0; distance < Math.min(QUERY_ITEMS_MAX, input.session.length); distance += 1) {
    addList(candidates, input, input.session[distance] ?? '', QUERY_DECAY ** distance)
  }
  if (current !== undefined) candidates.delete(current)
  const all = [...candidates.values()]
  const best = all.length <= RARITY_CANDIDATES_MAX ? all : all.sort(byScore).slice(0, RARITY_CANDIDATES_MAX)
  for (const candidate of best) {
    const list = input.list(candidate.item)
    const mass = list === undefined ? 0 : unitsAt(list.mass, list.epoch, input.now)
    candidate.score *= 1 + RARITY * Math.log(1 + input.total / (mass + 1))
  }
  if (input.revisit > 0) addRevisits(best, input)
  const suppressed = input.suppressed
  return best.filter(candidate => suppressed === undefined || !suppressed.has(candidate.item)).sort(byScore).slice(0, input.count)
    .map(({ item, score, because, support }) => ({ item, score, because, support: Math.round(support) }))
}

function addList(candidates: Map<string, Candidate>, input: ScoreInput, antecedent: string, weight: number): void {
  const list = input.list(antecedent)
  if (list === undefined) return
  const mass = unitsAt(list.mass, list.epoch, input.now)
  if (mass <= 0) return
  const perUnit = weight / mass ** MASS_POWER
  const unit = unitsAt(1, list.epoch, input.now)
  for (let index = 0; index < list.items.length; index += 1) {
    const item = list.items[index] ?? ''
    const units = (list.weights[index] ?? 0) * unit
    const term = perUnit * units
    const known = candidates.get(item)
    if (known === undefined) candidates.set(item, { item, score: term, because: antecedent, term, support: units })
    else {
      known.score += term
      if (term > known.term) {
        known.because = antecedent
        known.term = term
        known.support = units
      }
    }
  }
}

/** Adds what the session's own items are worth as the next one, the most recent most. */
function addRevisits(best: Candidate[], input: ScoreInput): void {
  const top = best.reduce((max, candidate) => Math.max(max, candidate.score), 0) || 1
  const known = new Map(best.map(candidate => [candidate.item, candidate]))
  for (let distance = 1; distance < input.session.length; distance += 1) {
    const item = input.session[distance] ?? ''
    const bonus = input.revisit * REVISIT_DECAY ** distance * top
    const candidate = known.get(item)
    if (candidate !== undefined) candidate.score += bonus
    else best.push({ item, score: bonus, because: '', term: 0, support: 0 })
  }
}

function byScore(a: Candidate, b: Candidate): number {
  return b.score - a.score || compareText(a.item, b.item)
}
