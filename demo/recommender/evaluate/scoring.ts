/**
 * Scores a replay: the lists of the topology, as they stood when the next click came, beside the rivals'.
 *
 * S1. What is scored is the second and later clicks of a session. The list that stands is the one made for the click before.
 * S2. Baskets: an item that is in the basket already is no target and no answer.
 * S3. A list that does not belong to the click before is a fault of the topology: scoring stops and says so.
 */
import type { EventStream, StreamEvent } from '../data/stream.ts'
import { SESSION_GAP_MS } from '../model/session.ts'
import type { Recs } from '../topics.ts'
import { LIST_LENGTH, QualityCounter, type Quality } from './metrics.ts'
import { Popularity, RecentlyViewed, SequentialRules, type Click, type Rival } from './rivals.ts'
import { Vmis } from './vmis.ts'

export const MODELS = ['cooc', 'vmis', 'sequentialRules', 'recentlyViewed', 'popularity'] as const
export type Model = typeof MODELS[number]
export type Qualities = Readonly<Record<Model, Quality>>

/** A list of the topology: for which item, and the first 20 of it. */
export interface List {
  readonly item: string
  readonly items: readonly string[]
}

export function listOf(recs: Recs): List {
  return { item: recs.item, items: recs.items.slice(0, LIST_LENGTH).map(entry => entry.item) }
}

const HOUR_MS = 3_600_000
/** What the reference measured beside: for clicks SR of the last item and popularity of hours, for baskets SR of five items and popularity of a week. */
const CLICK_RIVALS = { halfLifeMs: 6 * HOUR_MS, rules: { last: 1, rulesMax: Number.POSITIVE_INFINITY, count: LIST_LENGTH } }
const BASKET_RIVALS = { halfLifeMs: 7 * 24 * HOUR_MS, rules: { last: 5, rulesMax: 200, count: LIST_LENGTH } }
/** As published for serenade-toy. */
const VMIS = { m: 500, k: 50, last: 2, count: LIST_LENGTH }

type Counters = Record<Model, QualityCounter>
type Rivals = Record<Exclude<Model, 'cooc'>, Rival>

export function newRivals(isBasket: boolean): Rivals & { readonly vmis: Vmis } {
  const { halfLifeMs, rules } = isBasket ? BASKET_RIVALS : CLICK_RIVALS
  return {
    vmis: new Vmis(VMIS),
    sequentialRules: new SequentialRules(rules),
    recentlyViewed: new RecentlyViewed(LIST_LENGTH),
    popularity: new Popularity(halfLifeMs, LIST_LENGTH),
  }
}

/** Test, then learn, over the whole stream. `lists` are the topology's, by visitor. */
export function scorePrequential(stream: EventStream, lists: ReadonlyMap<string, readonly List[]>): { wholeStream: Qualities; lastDay: Qualities } {
  const whole = newCounters()
  const lastDay = newCounters()
  const rivals = newRivals(stream.isBasket)
  const sessions = new Sessions()
  for (const event of stream.events) {
    const { before, previous, click } = sessions.next(event)
    if (previous !== undefined) scoreOne({ event, before, click, list: listAt(lists, event.visitor, previous), rivals, isBasket: stream.isBasket }, event.isScored ? [whole, lastDay] : [whole])
    learnAll(rivals, click, before)
    sessions.add(event)
  }
  return { wholeStream: qualitiesOf(whole), lastDay: qualitiesOf(lastDay) }
}

/** Rivals learn the training part; the topology's lists were made by a run that did the same. */
export function scoreFrozen(stream: EventStream, lists: ReadonlyMap<string, readonly List[]>): Qualities {
  const counters = newCounters()
  const rivals = newRivals(stream.isBasket)
  const training = new Sessions()
  for (const event of stream.events) {
    if (!event.isTraining) continue
    const { before, click } = training.next(event)
    learnAll(rivals, click, before)
    training.add(event)
  }
  rivals.vmis.freeze()
  const sessions = new Sessions()
  for (const event of stream.events) {
    if (!event.isScored) continue
    const { before, previous, click } = sessions.next(event)
    if (previous !== undefined) scoreOne({ event, before, click, list: listAt(lists, event.visitor, previous), rivals, isBasket: stream.isBasket }, [counters])
    sessions.add(event)
  }
  return qualitiesOf(counters)
}

interface FollowedSession {
  readonly id: string
  readonly number: number
  readonly items: string[]
  last: number
}

/** Sessions of a stream, as the evaluator follows them: those that the events name, else of a visitor until there is silence (model/session.ts, S1). */
class Sessions {
  /** By session, or by visitor where events name none. */
  readonly #sessions = new Map<string, FollowedSession>()
  /** Events of each visitor so far. */
  readonly #counts = new Map<string, number>()

  /** What stood before `event`: the session's items, and the number and item of the visitor's event before it in the same session. */
  next(event: StreamEvent): { before: readonly string[]; previous: { number: number; item: string } | undefined; click: Click } {
    const { id, items } = this.#sessionOf(event)
    const item = items.at(-1)
    const count = this.#counts.get(event.visitor) ?? 0
    return {
      before: items,
      previous: item === undefined ? undefined : { number: count - 1, item },
      click: { session: id, item: event.item, at: event.at },
    }
  }

  add(event: StreamEvent): void {
    const session = this.#sessionOf(event)
    session.items.push(event.item)
    session.last = Math.max(session.last, event.at)
    this.#counts.set(event.visitor, (this.#counts.get(event.visitor) ?? 0) + 1)
  }

  #sessionOf(event: StreamEvent): FollowedSession {
    const key = event.session === '' ? event.visitor : event.session
    const known = this.#sessions.get(key)
    if (known !== undefined && (event.session !== '' || event.at - known.last <= SESSION_GAP_MS)) return known
    const number = (known?.number ?? 0) + 1
    const session = { id: event.session === '' ? `${key}/${number}` : key, number, items: [], last: event.at }
    this.#sessions.set(key, session)
    return session
  }
}

function listAt(lists: ReadonlyMap<string, readonly List[]>, visitor: string, previous: { readonly number: number; readonly item: string }): readonly string[] {
  const list = lists.get(visitor)?.[previous.number]
  if (list === undefined || list.item !== previous.item) {
    throw new Error(`recs: visitor ${visitor} has ${list === undefined ? 'no list' : `a list for item ${list.item}`} where the one for item ${previous.item} (its event ${previous.number + 1}) should be`)
  }
  return list.items
}

interface Case {
  readonly event: StreamEvent
  readonly before: readonly string[]
  readonly click: Click
  readonly list: readonly string[]
  readonly rivals: Rivals
  readonly isBasket: boolean
}

function scoreOne({ event, before, click, list, rivals, isBasket }: Case, counters: readonly Counters[]): void {
  const isNovel = !before.includes(event.item)
  if (isBasket && !isNovel) return
  const filtered = isBasket ? new Set(before) : undefined
  for (const model of MODELS) {
    const answer = model === 'cooc' ? list.filter(item => filtered?.has(item) !== true) : rivals[model].recommend(before, click, filtered)
    for (const counter of counters) counter[model].add(answer, event.item, isNovel)
  }
}

function learnAll(rivals: Rivals, click: Click, before: readonly string[]): void {
  for (const rival of Object.values(rivals)) rival.learn(click, before)
}

function newCounters(): Counters {
  return { cooc: new QualityCounter(), vmis: new QualityCounter(), sequentialRules: new QualityCounter(), recentlyViewed: new QualityCounter(), popularity: new QualityCounter() }
}

function qualitiesOf(counters: Counters): Qualities {
  return {
    cooc: counters.cooc.quality(), vmis: counters.vmis.quality(), sequentialRules: counters.sequentialRules.quality(),
    recentlyViewed: counters.recentlyViewed.quality(), popularity: counters.popularity.quality(),
  }
}
