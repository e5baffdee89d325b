/**
 * Purchase intent: what is known of a session so far, as numbers for the learner of ftrl.ts.
 *
 * I1. Everything is incremental: a session's state has a size that does not grow with its events, but for `seen` (at most 20) and samples.
 * I2. One sample per event, weighed 1 / (events of the session): positive if a purchase follows in the session, negative at its end.
 * I3. `purchase` events are no samples themselves: the answer would be in the question. After one the session starts afresh.
 */
import type { EventType } from './session.ts'

export const FEATURE_NAMES = [
  'bias', 'views', 'distinct items', 'distinct categories', 'repeats of one item', 'share of top category', 'has cart', 'carts', 'removals',
  'time since start', 'time since last event', 'price against mean', 'revisits', 'returning visitor', 'hour sin', 'hour cos', 'from a recommendation', 'from search',
] as const
export type FeatureName = typeof FEATURE_NAMES[number]

export interface IntentState {
  readonly start: number
  readonly last: number
  readonly events: number
  readonly views: number
  readonly carts: number
  readonly removals: number
  readonly revisits: number
  readonly fromRow: number
  readonly fromSearch: number
  readonly priceSum: number
  /** Events per item and per category, the last 20 of each. */
  readonly items: readonly Count[]
  readonly categories: readonly Count[]
  /** Features of the events so far that wait for their label. */
  readonly pending: readonly (readonly number[])[]
}

export interface Count {
  readonly name: string
  readonly count: number
}

export interface IntentEvent {
  readonly type: EventType
  readonly item: string
  readonly category: string
  readonly price: number
  readonly source: string
  readonly at: number
  readonly sessionNumber: number
}

const COUNTS_MAX = 20
export const PENDING_MAX = 100

export function newIntent(at: number): IntentState {
  return {
    start: at, last: at, events: 0, views: 0, carts: 0, removals: 0, revisits: 0, fromRow: 0, fromSearch: 0, priceSum: 0,
    items: [], categories: [], pending: [],
  }
}

export function stepIntent(state: IntentState, event: IntentEvent): { readonly state: IntentState; readonly features: readonly number[] } {
  const isRevisit = state.items.some(entry => entry.name === event.item)
  const next: IntentState = {
    start: state.start,
    last: event.at,
    events: state.events + 1,
    views: state.views + (event.type === 'view' ? 1 : 0),
    carts: state.carts + (event.type === 'cart' ? 1 : 0),
    removals: state.removals + (event.type === 'remove' ? 1 : 0),
    revisits: state.revisits + (isRevisit ? 1 : 0),
    fromRow: state.fromRow + (event.source === 'for-you' || event.source === 'because' ? 1 : 0),
    fromSearch: state.fromSearch + (event.source === 'search' ? 1 : 0),
    priceSum: state.priceSum + event.price,
    items: increment(state.items, event.item),
    categories: increment(state.categories, event.category),
    pending: state.pending,
  }
  const features = featuresOf(next, event, event.at - state.last)
  return { state: { ...next, pending: [...state.pending, features].slice(-PENDING_MAX) }, features }
}

function increment(counts: readonly Count[], name: string): Count[] {
  const known = counts.find(entry => entry.name === name)
  return [...counts.filter(entry => entry.name !== name), { name, count: (known?.count ?? 0) + 1 }].slice(-COUNTS_MAX)
}

function featuresOf(state: IntentState, event: IntentEvent, sinceLastMs: number): number[] {
  const log = (value: number): number => Math.log1p(Math.max(0, value))
  const most = (counts: readonly Count[]): number => counts.reduce((max, entry) => Math.max(max, entry.count), 0)
  const meanPrice = state.priceSum / state.events
  const angle = 2 * Math.PI * (event.at % 86_400_000) / 86_400_000
  const values: Record<FeatureName, number> = {
    bias: 1,
    views: log(state.views),
    'distinct items': log(state.items.length),
    'distinct categories': log(state.categories.length),
    'repeats of one item': log(most(state.items) - 1),
    'share of top category': most(state.categories) / state.events,
    'has cart': state.carts > state.removals ? 1 : 0,
    carts: log(state.carts),
    removals: log(state.removals),
    'time since start': log((state.last - state.start) / 1000) / 5,
    'time since last event': log(sinceLastMs / 1000) / 5,
    'price against mean': meanPrice > 0 ? Math.log((event.price + 1) / (meanPrice + 1)) : 0,
    revisits: state.revisits / state.events,
    'returning visitor': event.sessionNumber > 1 ? 1 : 0,
    'hour sin': Math.sin(angle),
    'hour cos': Math.cos(angle),
    'from a recommendation': state.fromRow / state.events,
    'from search': state.fromSearch / state.events,
  }
  return FEATURE_NAMES.map(name => values[name])
}

/** The features that speak most for a purchase, most first: by the largest weight × value (recsys.md 6). */
export function reasons(weights: readonly number[], features: readonly number[], count: number): FeatureName[] {
  return FEATURE_NAMES.map((name, index) => ({ name, term: index === 0 ? 0 : (weights[index] ?? 0) * (features[index] ?? 0) }))
    .filter(entry => entry.term > 0).sort((a, b) => b.term - a.term).slice(0, count).map(entry => entry.name)
}
