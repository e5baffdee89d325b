/**
 * Sessionization: what one visitor's event means, given the events before it.
 *
 * S1. A session ends after 30 minutes of event time without an event, or, where events carry a session of their own, when that changes.
 * S2. A visitor's events are taken in the order of the log; one that is older than the last by less than the gap still belongs to the session.
 * S3. An event on the item of the event just before it, within 10 s, adds only what its weight has over that one's.
 * S4. Everything that is sent on follows from the state and the event: a replay sends the same.
 */
import { epochOf, fixedWeight } from './decay.ts'

export const SESSION_GAP_MS = 30 * 60_000
export const LATENESS_MS = 2 * 60_000
const COLLAPSE_MS = 10_000
const ITEMS_MAX = 20
const ANTECEDENTS_MAX = 8
const BACKWARD = 0.7

/** What an event is worth: an assumption of the reference, not a measurement. A removal teaches nothing. */
export const EVENT_WEIGHTS = { view: 1, cart: 3, purchase: 5, remove: 0 } as const
export type EventType = keyof typeof EVENT_WEIGHTS

export function isEventType(text: string): text is EventType {
  return Object.hasOwn(EVENT_WEIGHTS, text)
}

/** One event of the shop, as sessionization needs it. */
export interface SessionEvent {
  readonly type: EventType
  readonly session: string
  readonly item: string
  readonly at: number
  /** A frozen event is answered with recommendations but nothing is learned from it. */
  readonly frozen: boolean
}

export interface SessionItem {
  readonly item: string
  readonly type: EventType
  readonly at: number
}

/** A visitor's state: the current session, oldest item first. */
export interface Session {
  readonly session: string
  readonly number: number
  readonly start: number
  readonly last: number
  readonly position: number
  readonly items: readonly SessionItem[]
  /** Weight that the last event's item has been given already, for S3. */
  readonly lastWeight: number
}

/** Weight that goes to the list of one antecedent item. */
export interface Pairs {
  readonly item: string
  readonly epoch: number
  /** What the item's own mass grows by: not 0 for the event's own item alone. */
  readonly mass: number
  readonly items: readonly string[]
  readonly weights: readonly number[]
}

export interface SessionStep {
  readonly session: Session
  readonly isNew: boolean
  /** Items of the session before this event, newest first, each once. */
  readonly before: readonly string[]
}

export function stepSession(previous: Session | undefined, event: SessionEvent): SessionStep {
  const isNew = previous === undefined || previous.session !== event.session
    || (event.session === '' && event.at - previous.last > SESSION_GAP_MS)
  const kept = isNew ? [] : previous.items
  const last = kept.at(-1)
  const sameItem = last !== undefined && last.item === event.item && Math.abs(event.at - last.at) < COLLAPSE_MS
  const given = sameItem && !isNew ? previous.lastWeight : 0
  const session: Session = {
    session: event.session,
    number: (previous?.number ?? 0) + (isNew ? 1 : 0),
    start: isNew ? event.at : previous.start,
    last: isNew ? event.at : Math.max(previous.last, event.at),
    position: isNew ? 1 : previous.position + 1,
    items: [...kept.slice(-(ITEMS_MAX - 1)), { item: event.item, type: event.type, at: event.at }],
    lastWeight: Math.max(given, EVENT_WEIGHTS[event.type]),
  }
  return { session, isNew, before: distinctNewestFirst(kept) }
}

/** The items of a session, newest first, each at its newest place. */
export function distinctNewestFirst(items: readonly { readonly item: string }[]): string[] {
  const seen = new Set<string>()
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const entry = items[index]
    if (entry !== undefined) seen.add(entry.item)
  }
  return [...seen]
}

/** The weight an event adds after S3; 0 for a repetition and for a frozen event. */
export function addedUnits(previous: Session | undefined, step: SessionStep, event: SessionEvent): number {
  if (event.frozen) return 0
  const last = step.isNew ? undefined : previous?.items.at(-1)
  const repeated = last !== undefined && last.item === event.item && Math.abs(event.at - last.at) < COLLAPSE_MS
  const units = EVENT_WEIGHTS[event.type]
  return repeated ? Math.max(0, units - (previous?.lastWeight ?? 0)) : units
}

/** What an event adds to the lists: first its own item's (backward pairs and its mass), then each antecedent's. */
export function pairsOf(event: SessionEvent, before: readonly string[], units: number): Pairs[] {
  if (units === 0) return []
  const epoch = epochOf(event.at)
  const antecedents = before.filter(item => item !== event.item).slice(0, ANTECEDENTS_MAX)
  const backward: number[] = []
  const pairs: Pairs[] = []
  for (const [index, antecedent] of antecedents.entries()) {
    const share = units / Math.sqrt(index + 1)
    backward.push(fixedWeight(BACKWARD * share, event.at, epoch))
    pairs.push({ item: antecedent, epoch, mass: 0, items: [event.item], weights: [fixedWeight(share, event.at, epoch)] })
  }
  return [{ item: event.item, epoch, mass: fixedWeight(units, event.at, epoch), items: antecedents, weights: backward }, ...pairs]
}
