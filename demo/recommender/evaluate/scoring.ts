/**
 * Scores a replay: the lists of the topology, as they stood when the next click came, beside the rivals'.
 *
 * S1. What is scored is the second and later clicks of a session. The list that stands is the one made for the click before.
 * S2. Baskets: an item that is in the basket already is no target and no answer.
 * S3. A list that does not belong to the click before is a fault of the topology: scoring stops and says so.
 */
import type { EventStream, StreamEvent } from '../data/stream.ts'
import { SESSION_GAP_MS } from '../model/session.ts'
import { ItemKnn, ITEMS_MAX } from './item-knn.ts'
import { ItemNumbers } from './item-numbers.ts'
import type { List, Lists } from './lists.ts'
import { LIST_LENGTH, QualityCounter, type Quality } from './metrics.ts'
import { Popularity, RecentlyViewed, SequentialRules, type Click, type Rival } from './rivals.ts'
import { Vmis } from './vmis.ts'

/** Of every report, in the order in which they are shown. */
const MODELS = ['cooc', 'vmis', 'sequentialRules', 'recentlyViewed', 'popularity'] as const
export type Model = typeof MODELS[number]
/** `itemKnn`: beside baskets, where the stream has at most `ITEMS_MAX` items. */
export type Qualities = Readonly<Record<Model, Quality>> & { readonly itemKnn?: Quality }

const HOUR_MS = 3_600_000
/** What the reference measured beside: for clicks SR of the last item and popularity of hours, for baskets SR of five items and popularity of a week. */
const CLICK_RIVALS = { halfLifeMs: 6 * HOUR_MS, rules: { last: 1, rulesMax: Number.POSITIVE_INFINITY, count: LIST_LENGTH } }
const BASKET_RIVALS = { halfLifeMs: 7 * 24 * HOUR_MS, rules: { last: 5, rulesMax: 200, count: LIST_LENGTH } }
/** As published for serenade-toy. */
const VMIS = { m: 500, k: 50, last: 2, count: LIST_LENGTH }
const ITEM_KNN = { last: 5, near: 8, shrink: 20, count: LIST_LENGTH }

type RivalName = Exclude<keyof Qualities, 'cooc'>

class Rivals {
  readonly vmis: Vmis
  readonly named: ReadonlyMap<RivalName, Rival>

  constructor({ isBasket, items }: { readonly isBasket: boolean; readonly items: number }) {
    const { halfLifeMs, rules } = isBasket ? BASKET_RIVALS : CLICK_RIVALS
    this.vmis = new Vmis({ ...VMIS, items })
    const named: [RivalName, Rival][] = [
      ['vmis', this.vmis],
      ['sequentialRules', new SequentialRules({ ...rules, items })],
      ['recentlyViewed', new RecentlyViewed(LIST_LENGTH)],
      ['popularity', new Popularity(halfLifeMs, LIST_LENGTH)],
    ]
    if (isBasket && items <= ITEMS_MAX) named.push(['itemKnn', new ItemKnn({ ...ITEM_KNN, items })])
    this.named = new Map(named)
  }

  learn({ click, before, seen }: Stand): void {
    for (const rival of this.named.values()) rival.learn(click, before, seen)
  }
}

/** Test, then learn, over the whole stream. `lists` are the topology's. */
export function scorePrequential(stream: EventStream, lists: Lists): { wholeStream: Qualities; lastDay: Qualities } {
  const scoring = new Scoring(stream, lists)
  const whole = scoring.counters()
  const lastDay = scoring.counters()
  const sessions = new Sessions(scoring.numbers)
  for (const event of stream.events) {
    const stand = sessions.next(event)
    scoring.score(event, stand, event.isScored ? [whole, lastDay] : [whole])
    scoring.rivals.learn(stand)
    sessions.add(event, stand)
  }
  return { wholeStream: whole.qualities(), lastDay: lastDay.qualities() }
}

/** Rivals learn the training part; the topology's lists were made by a run that did the same. */
export function scoreFrozen(stream: EventStream, lists: Lists): Qualities {
  const scoring = new Scoring(stream, lists)
  const counters = scoring.counters()
  const training = new Sessions(scoring.numbers)
  for (const event of stream.events) {
    if (!event.isTraining) continue
    const stand = training.next(event)
    scoring.rivals.learn(stand)
    training.add(event, stand)
  }
  scoring.rivals.vmis.freeze()
  const sessions = new Sessions(scoring.numbers)
  for (const event of stream.events) {
    if (!event.isScored) continue
    const stand = sessions.next(event)
    scoring.score(event, stand, [counters])
    sessions.add(event, stand)
  }
  return counters.qualities()
}

interface FollowedSession {
  readonly id: string
  readonly number: number
  readonly items: number[]
  readonly seen: Set<number>
  lastItem: string | undefined
  last: number
}

/** Where a visitor stood before an event. */
interface Stand {
  readonly session: FollowedSession
  /** The session's items so far, and each once. */
  readonly before: readonly number[]
  readonly seen: ReadonlySet<number>
  /** Number and item of the visitor's event before it in the same session. */
  readonly previous: { readonly number: number; readonly item: string } | undefined
  readonly click: Click
}

/** Sessions of a stream, as the evaluator follows them: those that the events name, else of a visitor until there is silence (model/session.ts, S1). */
class Sessions {
  readonly #numbers: ItemNumbers
  /** By session, or by visitor where events name none. */
  readonly #sessions = new Map<string, FollowedSession>()
  /** Events of each visitor so far. */
  readonly #counts = new Map<string, number>()

  constructor(numbers: ItemNumbers) {
    this.#numbers = numbers
  }

  next(event: StreamEvent): Stand {
    const session = this.#sessionOf(event)
    const count = this.#counts.get(event.visitor) ?? 0
    return {
      session,
      before: session.items,
      seen: session.seen,
      previous: session.lastItem === undefined ? undefined : { number: count - 1, item: session.lastItem },
      click: { session: session.id, item: this.#numbers.of(event.item), at: event.at },
    }
  }

  add(event: StreamEvent, { session, click }: Stand): void {
    session.items.push(click.item)
    session.seen.add(click.item)
    session.lastItem = event.item
    session.last = Math.max(session.last, event.at)
    this.#counts.set(event.visitor, (this.#counts.get(event.visitor) ?? 0) + 1)
  }

  #sessionOf(event: StreamEvent): FollowedSession {
    const key = event.session === '' ? event.visitor : event.session
    const known = this.#sessions.get(key)
    if (known !== undefined && (event.session !== '' || event.at - known.last <= SESSION_GAP_MS)) return known
    const number = (known?.number ?? 0) + 1
    const session: FollowedSession = { id: event.session === '' ? `${key}/${number}` : key, number, items: [], seen: new Set(), lastItem: undefined, last: event.at }
    this.#sessions.set(key, session)
    return session
  }
}

class Scoring {
  readonly numbers: ItemNumbers
  readonly rivals: Rivals
  readonly #isBasket: boolean
  readonly #lists: Lists

  constructor(stream: EventStream, lists: Lists) {
    this.numbers = new ItemNumbers(stream.events.map(event => event.item))
    this.rivals = new Rivals({ isBasket: stream.isBasket, items: this.numbers.count })
    this.#isBasket = stream.isBasket
    this.#lists = lists
  }

  counters(): Counters {
    return new Counters(this.rivals.named.keys())
  }

  score(event: StreamEvent, { previous, before, seen, click }: Stand, counters: readonly Counters[]): void {
    if (previous === undefined) return
    const list = this.#listAt(event.visitor, previous)
    const isNovel = !seen.has(click.item)
    if (this.#isBasket && !isNovel) return
    const filtered = this.#isBasket ? seen : undefined
    const own = list.items.map(item => this.numbers.of(item)).filter(item => filtered?.has(item) !== true)
    for (const counter of counters) counter.cooc.add(own, click.item, isNovel)
    for (const [name, rival] of this.rivals.named) {
      const answer = rival.recommend(before, click, filtered)
      for (const counter of counters) counter.rivals.get(name)?.add(answer, click.item, isNovel)
    }
  }

  /** S3. */
  #listAt(visitor: string, previous: { readonly number: number; readonly item: string }): List {
    const list = this.#lists.of(visitor, previous.number)
    if (list === undefined || list.item !== previous.item) {
      throw new Error(`recs: visitor ${visitor} has ${list === undefined ? 'no list' : `a list for item ${list.item}`} where the one for item ${previous.item} (its event ${previous.number + 1}) should be`)
    }
    return list
  }
}

class Counters {
  readonly cooc = new QualityCounter()
  readonly rivals: ReadonlyMap<RivalName, QualityCounter>

  constructor(names: Iterable<RivalName>) {
    this.rivals = new Map([...names].map(name => [name, new QualityCounter()]))
  }

  qualities(): Qualities {
    const of = (name: RivalName): Quality => (this.rivals.get(name) ?? new QualityCounter()).quality()
    return {
      cooc: this.cooc.quality(), vmis: of('vmis'), sequentialRules: of('sequentialRules'), recentlyViewed: of('recentlyViewed'), popularity: of('popularity'),
      ...this.rivals.has('itemKnn') ? { itemKnn: of('itemKnn') } : {},
    }
  }
}
