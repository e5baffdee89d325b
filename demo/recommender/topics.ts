/**
 * The topics that link the tasks, and what their records hold.
 *
 * T1. Nothing in these records comes from a wall clock unless the app is told to trace (`AppOptions.trace`): a replay writes the same bytes.
 * T2. They keep their records for ever (`retention`): event time may be years old, and a time limit would delete it at once.
 */
import { bool, f64, int64, list, optional, record, text, topic, type Infer } from 'millrace'

/** A shop event as it comes in: over HTTP, from kcat, from the simulator or from a file. The key is the visitor. */
export const ShopEvent = record({
  /** `view`, `cart`, `remove`, `purchase`; `mark` in a paced replay (tasks/context.ts). */
  type: text,
  item: text,
  /** Event time, epoch milliseconds. */
  at: int64,
  /** A session named by the sender; without it, 30 minutes of silence end one. */
  session: optional(text),
  category: optional(text),
  price: optional(f64),
  /** What was clicked: `for-you`, `because`, `trending`, `recent`, `search`, `category`, `direct`. */
  source: optional(text),
  /** Answered, not learned from: for scoring a frozen model. */
  frozen: optional(bool),
  /** Wall clock when the web server took it, for the rail of the page. */
  received: optional(int64),
})
export type ShopEvent = Infer<typeof ShopEvent>

/** An event within its session. */
export const Click = record({
  type: text,
  item: text,
  category: text,
  price: f64,
  source: text,
  at: int64,
  /** Coordinates of the shop event: `partition@offset`. */
  origin: text,
  session: int64,
  position: int64,
  /** Items of the session before this event, newest first, each once. */
  before: list(text),
  frozen: bool,
  received: int64,
  sessionized: int64,
})
export type Click = Infer<typeof Click>

/** Weight for the list of one item (the key): see model/session.ts. */
export const PairsRecord = record({ item: text, at: int64, epoch: int64, mass: int64, items: list(text), weights: list(int64) })
export type PairsRecord = Infer<typeof PairsRecord>

export const Mass = record({ item: text, category: text, at: int64, units: f64, epoch: int64, weight: int64 })
export type Mass = Infer<typeof Mass>

export const Neighbors = record({ at: int64, epoch: int64, mass: int64, items: list(text), weights: list(int64) })
export type Neighbors = Infer<typeof Neighbors>

/** The hundred hottest of one partition, in the list of a category or of all. */
export const HotPartial = record({ partition: int64, at: int64, epoch: int64, items: list(text), sums: list(int64), totalEpoch: int64, added: int64 })
export type HotPartial = Infer<typeof HotPartial>

export const HotTop = record({ at: int64, epoch: int64, items: list(text), sums: list(int64), totalEpoch: int64, total: int64 })
export type HotTop = Infer<typeof HotTop>

export const Recommended = record({ item: text, score: f64, because: text, support: int64 })
export type Recommended = Infer<typeof Recommended>

/** A visitor's list. The first 20 are the list; behind them stand as many more as a page needs that leaves out what was seen. */
export const Recs = record({
  at: int64,
  session: int64,
  position: int64,
  item: text,
  /** `cooc`, or `popularity` for the visitors of the comparison group. */
  group: text,
  items: list(Recommended),
  /** Items of the session, newest first, each once; the first is `item`. */
  seen: list(text),
  origin: text,
  received: int64,
  sessionized: int64,
  recommended: int64,
})
export type Recs = Infer<typeof Recs>

export const Intent = record({ at: int64, item: text, probability: f64, because: list(text) })
export type Intent = Infer<typeof Intent>

export const IntentSample = record({ at: int64, features: list(f64), label: int64, weight: f64 })
export type IntentSample = Infer<typeof IntentSample>

export const IntentModel = record({ at: int64, weights: list(f64), count: int64 })
export type IntentModel = Infer<typeof IntentModel>

/** Sums over the last hour of event time, per group of visitors. */
export const Metrics = record({
  at: int64,
  n: int64,
  hits: int64,
  reciprocal: f64,
  novelN: int64,
  novelHits: int64,
  popularityHits: int64,
  popularityReciprocal: f64,
  popularityNovelHits: int64,
  /** Lists shown, and clicks that came from one. */
  shown: int64,
  clicked: int64,
  /** Sessions begun, and those that bought. */
  sessions: int64,
  purchases: int64,
})
export type Metrics = Infer<typeof Metrics>

/** A web process reads these topics whole at its start: little more than the rows that count is to be left of them. */
const compacted = { cleanup: 'compact', segmentBytes: 2 * 1024 * 1024 } as const
const kept = { retention: 'forever' } as const

export interface TopicsOptions {
  /** Stands before every name. */
  readonly prefix: string
  /** Of the topics keyed by visitor or item. */
  readonly partitions: number
  /** Keep every list of a visitor, not the last alone: for scoring. */
  readonly keepRecs: boolean
}

/** The topics, named `<prefix>shop.events` and so on. */
export function recommenderTopics(options: TopicsOptions) {
  const { prefix, partitions } = options
  const name = (rest: string): string => `${prefix}${rest}`
  return {
    events: topic(name('shop.events'), { key: text, value: ShopEvent, time: 'at', partitions, ...kept }),
    clicks: topic(name('session.clicks'), { key: text, value: Click, time: 'at', partitions, ...kept }),
    pairs: topic(name('pairs'), { key: text, value: PairsRecord, time: 'at', partitions, ...kept }),
    mass: topic(name('item.mass'), { key: text, value: Mass, time: 'at', partitions, ...kept }),
    neighbors: topic(name('item.neighbors'), { key: text, value: Neighbors, time: 'at', partitions, ...compacted }),
    hotPartial: topic(name('hot.partial'), { key: text, value: HotPartial, time: 'at', partitions: 1, ...kept }),
    hotTop: topic(name('hot.top'), { key: text, value: HotTop, time: 'at', partitions: 1, ...compacted }),
    recs: topic(name('recs'), { key: text, value: Recs, time: 'at', partitions, ...(options.keepRecs ? kept : compacted) }),
    intent: topic(name('intent'), { key: text, value: Intent, time: 'at', partitions, ...compacted }),
    intentSamples: topic(name('intent.samples'), { key: text, value: IntentSample, time: 'at', partitions: 1, ...kept }),
    intentModel: topic(name('intent.model'), { key: text, value: IntentModel, time: 'at', partitions: 1, ...compacted }),
    metrics: topic(name('metrics'), { key: text, value: Metrics, time: 'at', partitions: 1, ...compacted }),
  }
}
export type RecommenderTopics = ReturnType<typeof recommenderTopics>
