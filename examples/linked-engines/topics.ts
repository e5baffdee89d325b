/**
 * The topics between the recommender and the engines that help it, and what their records hold.
 *
 * T1. What an engine says carries the event time of the last click that it knows (`at`): so a reader can tell what it is missing.
 * T2. What may come twice carries an id that is the same each time: `origin`, the coordinates of the shop event behind it.
 */
import { f64, int64, list, record, text, topic, type Infer } from 'millrace'
import { PUBLISH_MS } from '../../demo/recommender/tasks/context.ts'
import { recommender } from '../../demo/recommender/topology.ts'
import { Recs } from '../../demo/recommender/topics.ts'

export const ENGINES = ['flink', 'spark', 'storm', 'samza'] as const
export type EngineName = typeof ENGINES[number]

const PARTITIONS = 2
const prefix = 'linked-shop.'

/** The seven tasks of the recommender as they are, under names of their own. */
export const shop = recommender({ name: 'linked-shop', prefix, partitions: PARTITIONS, keepRecs: false, isBasket: false, compare: true, trace: true, publishMs: PUBLISH_MS })

/** By item, from Flink: clicks in the last window, and in a window of the minute before on average. */
export const Trend = record({ clicks: int64, before: f64, at: int64 })
export type Trend = Infer<typeof Trend>

/** By category, from Spark. `lift`: how much more of what is looked at is put into carts than in the whole shop. */
export const CategoryStats = record({ views: int64, carts: int64, purchases: int64, lift: f64, at: int64 })
export type CategoryStats = Infer<typeof CategoryStats>

/** By visitor, from Storm. `score`: 0 is a shopper, 1 is no human being; `clicks` and `carts` of ten seconds. */
export const FraudScore = record({ origin: text, score: f64, clicks: int64, carts: int64, at: int64 })
export type FraudScore = Infer<typeof FraudScore>

/** By visitor, from Samza: a click joined with what is kept of who made it. */
export const Profile = record({ origin: text, favourite: text, favouriteClicks: int64, clicks: int64, spent: f64, at: int64 })
export type Profile = Infer<typeof Profile>

/** By item: what is known of it from its clicks. */
export const Product = record({ category: text, price: f64 })
export type Product = Infer<typeof Product>

/** The event time of the first click that an engine has not answered; an engine that owes no answer is left out. */
export const Owing = record({ at: int64, engines: list(record({ engine: text, since: int64 })) })
export type Owing = Infer<typeof Owing>

/** `places`: how far up (down, below 0) this engine alone has moved the item in its list. */
export const Move = record({ by: text, places: int64, why: text })
export type Move = Infer<typeof Move>

const BlendedItem = record({ item: text, score: f64, because: text, support: int64, moves: list(Move) })

/** A visitor's list as `recs` has it, moved by what the engines say. */
export const Blended = record({
  at: int64, session: int64, position: int64, item: text, group: text, items: list(BlendedItem), seen: list(text), origin: text,
  received: int64, sessionized: int64, recommended: int64,
  /** Engines that moved something in its first twenty. */
  movedBy: list(text),
  /** Engines that have not answered in time: their say is left out. */
  missing: list(text),
})
export type Blended = Infer<typeof Blended>

const byKey = { key: text, partitions: PARTITIONS, time: 'at' } as const
export const trends = topic(`${prefix}trends`, { ...byKey, value: Trend, cleanup: 'compact' })
export const categories = topic(`${prefix}categories`, { ...byKey, value: CategoryStats, cleanup: 'compact' })
export const scores = topic(`${prefix}fraud.scores`, { ...byKey, value: FraudScore, retention: 'forever' })
export const profiles = topic(`${prefix}profiles`, { ...byKey, value: Profile, retention: 'forever' })
export const products = topic(`${prefix}products`, { key: text, value: Product, partitions: PARTITIONS, cleanup: 'compact' })
export const owing = topic(`${prefix}owing`, { key: text, value: Owing, partitions: 1, cleanup: 'compact' })
export const blended = topic(`${prefix}blended`, { ...byKey, value: Blended, cleanup: 'compact' })

/** For the shop's page and its simulated shoppers, which know lists and no engines: the blended ones. */
export const shopTopics = { ...shop.topics, recs: topic(blended.name, { ...byKey, value: Recs, cleanup: 'compact' }) }
