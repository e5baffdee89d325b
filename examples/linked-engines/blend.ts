/**
 * One list from the recommender and from what four engines say of its items, its categories and its visitor. Pure: no clock, no topic.
 *
 * B1. What is missing moves nothing: a list is made of what is there, and names what is not.
 * B2. An engine has moved an item by as many places as the item would stand elsewhere without it, all others being there.
 * B3. Lists of the comparison group (popularity) are passed on as they are, or there would be nothing to compare with.
 */
import type { Recs } from '../../demo/recommender/topics.ts'
import { type Blended, type CategoryStats, ENGINES, type EngineName, type FraudScore, type Move, type Owing, type Product, type Profile, type Trend } from './topics.ts'

/** Longer than an engine in order takes: Flink closes windows of 5 s, 2 s late, and commits each 2 s. Event time. */
export const ANSWER_MS_MAX = 20_000
export const LIST_LENGTH = 20
/** An item's worth by its place, before anybody moves it: 1 / (place + this). */
const PLACE_OFFSET = 4
const TREND_FACTOR_MAX = 2
/** One click alone is no trend. */
const TREND_CLICKS_MIN = 2
const LIFT_MIN = 0.75
const LIFT_MAX = 1.5
const PROFILE_CLICKS_MIN = 3
const FRAUD_SCORE_MIN = 0.5
/** A score or a window says nothing of a click that is much later. */
const OUTDATED_MS = 60_000

export interface Knowledge {
  readonly product: (item: string) => Product | undefined
  readonly trend: (item: string) => Trend | undefined
  readonly category: (category: string) => CategoryStats | undefined
  readonly fraud: FraudScore | undefined
  readonly profile: Profile | undefined
  /** `undefined`: nobody has been heard of yet. */
  readonly owing: Owing | undefined
}

/** What one engine makes of one item: its worth times `factor`. */
interface Say {
  readonly by: EngineName
  readonly factor: number
  readonly why: string
}

interface Candidate {
  readonly entry: Recs['items'][number]
  /** Where `recs` has it. */
  readonly place: number
  readonly says: readonly Say[]
}

/** Engines whose answer to a click is more than ANSWER_MS_MAX behind the time `at`. Before anybody was heard of: all. */
export function missingAt(at: number, owed: Owing | undefined): EngineName[] {
  if (owed === undefined) return [...ENGINES]
  return ENGINES.filter(name => owed.engines.some(({ engine, since }) => engine === name && at - since > ANSWER_MS_MAX))
}

export function blend(recs: Recs, known: Knowledge): Blended {
  const missing = missingAt(recs.at, known.owing)
  // B3.
  if (recs.group !== 'cooc') return { ...recs, items: recs.items.map(entry => ({ ...entry, moves: [] })), movedBy: [], missing }
  const dear = meanPrice(recs, known)
  const candidates = recs.items.map((entry, place): Candidate => ({ entry, place, says: saysOf(entry.item, recs.at, dear, known).filter(({ by }) => !missing.includes(by)) }))
  const order = ordered(candidates, undefined)
  const there = ENGINES.filter(name => candidates.some(({ says }) => says.some(({ by }) => by === name)))
  const placesWithout = new Map(there.map(name => [name, placesOf(ordered(candidates, name))]))
  const items = order.map((candidate, place) => ({ ...candidate.entry, moves: movesOf(candidate, place, placesWithout) }))
  return { ...recs, items, movedBy: there.filter(name => items.slice(0, LIST_LENGTH).some(({ moves }) => moves.some(({ by }) => by === name))), missing }
}

/** Best first, as if `without` had said nothing. Equal ones keep their order. */
function ordered(candidates: readonly Candidate[], without: EngineName | undefined): readonly Candidate[] {
  const worth = ({ place, says }: Candidate): number => says.reduce((product, { by, factor }) => by === without ? product : product * factor, 1 / (place + PLACE_OFFSET))
  return candidates.map(candidate => ({ candidate, worth: worth(candidate) })).sort((a, b) => b.worth - a.worth || a.candidate.place - b.candidate.place).map(({ candidate }) => candidate)
}

function placesOf(order: readonly Candidate[]): ReadonlyMap<Candidate, number> {
  return new Map(order.map((candidate, place) => [candidate, place]))
}

/** B2. An item that stands elsewhere because others have moved past it has made room, and is not counted as moved. */
function movesOf(candidate: Candidate, place: number, placesWithout: ReadonlyMap<EngineName, ReadonlyMap<Candidate, number>>): Move[] {
  return candidate.says.flatMap(({ by, factor, why }) => {
    const places = (placesWithout.get(by)?.get(candidate) ?? place) - place
    return places * (factor - 1) > 0 ? [{ by, places, why }] : []
  })
}

function saysOf(item: string, at: number, dear: number, known: Knowledge): Say[] {
  const product = known.product(item)
  return [
    ...trendSay(known.trend(item), at),
    ...product === undefined ? [] : [...categorySay(product, known.category(product.category)), ...fraudSay(product, dear, known.fraud, at), ...profileSay(product, known.profile)],
  ]
}

function trendSay(trend: Trend | undefined, at: number): Say[] {
  if (trend === undefined || at - trend.at > OUTDATED_MS || trend.clicks < TREND_CLICKS_MIN || trend.clicks <= trend.before) return []
  const factor = Math.min(TREND_FACTOR_MAX, (trend.clicks + 1) / (trend.before + 1))
  return [{ by: 'flink', factor, why: `clicked ${trend.clicks} × in 5 s, ${trend.before.toFixed(1)} × in each 5 s of the minute before` }]
}

function categorySay({ category }: Product, stats: CategoryStats | undefined): Say[] {
  if (stats === undefined) return []
  const factor = Math.max(LIFT_MIN, Math.min(LIFT_MAX, stats.lift))
  return [{ by: 'spark', factor, why: `${category}: ${stats.carts} carts of ${stats.views} views, ${stats.lift.toFixed(2)} × the shop's share` }]
}

function fraudSay({ price }: Product, dear: number, fraud: FraudScore | undefined, at: number): Say[] {
  if (fraud === undefined || fraud.score < FRAUD_SCORE_MIN || at - fraud.at > OUTDATED_MS || price <= dear) return []
  return [{ by: 'storm', factor: 1 - 0.9 * fraud.score, why: `${fraud.clicks} clicks and ${fraud.carts} carts in 10 s are no human being's (score ${fraud.score.toFixed(2)}): what is dear goes down` }]
}

function profileSay({ category }: Product, profile: Profile | undefined): Say[] {
  if (profile === undefined || profile.clicks < PROFILE_CLICKS_MIN || category !== profile.favourite) return []
  const share = profile.favouriteClicks / profile.clicks
  const spent = profile.spent > 0 ? `, ${profile.spent.toFixed(2)} spent` : ''
  return [{ by: 'samza', factor: 1 + share, why: `${profile.favouriteClicks} of this visitor's ${profile.clicks} clicks were on ${category}${spent}` }]
}

function meanPrice(recs: Recs, known: Knowledge): number {
  const prices = recs.items.flatMap(({ item }) => known.product(item)?.price ?? [])
  return prices.reduce((sum, price) => sum + price, 0) / Math.max(1, prices.length)
}
