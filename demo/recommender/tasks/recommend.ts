/**
 * Task `recommend`: for each click the visitor's list, from the published neighbour lists and what is hot (both global tables).
 *
 * R1. The answer follows from the click, the visitor's state and the two tables: nothing else.
 * R2. Items bought within 30 days are left out; the current item always is.
 * R3. One visitor in ten is in the comparison group, by a hash of the visitor: they get what is popular.
 */
import { scoreSession, type Scored } from '../model/cooc.ts'
import { unitsAt } from '../model/decay.ts'
import type { Click, HotTop, Neighbors, Recommended, Recs } from '../topics.ts'
import { isMark, type Lookup, type TaskContext } from './context.ts'
import { ALL } from './hot.ts'

export const LIST_LENGTH = 20
const BOUGHT_KEPT_MS = 30 * 86_400_000
const BOUGHT_MAX = 50
const COMPARISON_PERCENT = 10

export interface RecommendState {
  readonly bought: readonly { readonly item: string; readonly at: number }[]
}

export interface RecommendOptions {
  /** Whether the comparison group gets popular items. Off where a real stream is scored. */
  readonly compare: boolean
  readonly trace: boolean
  /** Weight of items seen before in the merged list: 1 for clicks, 0 for baskets. */
  readonly revisit: number
}

export interface RecommendTables {
  readonly neighbors: Lookup<Neighbors>
  readonly hot: Lookup<HotTop>
}

export function recommend(options: RecommendOptions): (click: Click, context: TaskContext<RecommendState, Recs>, tables: RecommendTables) => void {
  return (click, context, tables) => {
    if (isMark(context.key)) return context.emit(seenMark(click, tables))
    const bought = remember(context, click)
    const suppressed = new Set([click.item, ...bought.map(entry => entry.item)])
    const isCompared = options.compare && isInComparison(context.key)
    const items = isCompared ? popular([ALL], tables, suppressed, new Set(click.before)) : personal(click, tables, suppressed, options.revisit)
    context.emit({
      at: click.at,
      session: click.session,
      position: click.position,
      item: click.item,
      group: isCompared ? 'popularity' : 'cooc',
      items,
      seen: sessionOf(click),
      origin: click.origin,
      received: click.received,
      sessionized: click.sessionized,
      recommended: options.trace ? context.timers.now() : 0,
    })
  }
}

/** R3, FNV-1a. The page and the simulator ask the same question. */
export function isInComparison(visitor: string): boolean {
  let hash = 0x811c9dc5
  for (let index = 0; index < visitor.length; index += 1) hash = Math.imul(hash ^ visitor.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % 100 < COMPARISON_PERCENT
}

function remember(context: TaskContext<RecommendState, Recs>, click: Click): RecommendState['bought'] {
  const before = context.state.get()?.bought ?? []
  const kept = before.filter(entry => click.at - entry.at < BOUGHT_KEPT_MS)
  if (click.type === 'purchase') kept.push({ item: click.item, at: click.at })
  if (kept.length > 0) context.state.set({ bought: kept.slice(-BOUGHT_MAX) })
  else if (before.length > 0) context.state.delete()
  return kept
}

function sessionOf(click: Click): string[] {
  return [click.item, ...click.before.filter(item => item !== click.item)]
}

function personal(click: Click, tables: RecommendTables, suppressed: ReadonlySet<string>, revisit: number): Recommended[] {
  const session = sessionOf(click)
  const all = tables.hot.get(ALL)
  const scored = scoreSession({
    session,
    now: click.at,
    list: item => tables.neighbors.get(item),
    total: all === undefined ? 0 : unitsAt(all.total, all.totalEpoch, click.at),
    count: LIST_LENGTH + session.length,
    revisit,
    suppressed,
  })
  const seen = new Set(session)
  const unseenWanted = LIST_LENGTH
  const list: Scored[] = scored.slice(0, LIST_LENGTH)
  let unseen = list.reduce((count, entry) => count + (seen.has(entry.item) ? 0 : 1), 0)
  for (const entry of scored.slice(LIST_LENGTH)) {
    if (unseen >= unseenWanted) break
    if (seen.has(entry.item)) continue
    list.push(entry)
    unseen += 1
  }
  if (unseen < unseenWanted) {
    const known = new Set([...seen, ...list.map(entry => entry.item)])
    list.push(...popular([click.category, ALL], tables, suppressed, known).slice(0, unseenWanted - unseen))
  }
  return list
}

/** What is hot in one list, then in the next. */
function popular(lists: readonly string[], tables: RecommendTables, suppressed: ReadonlySet<string>, known: ReadonlySet<string>): Recommended[] {
  const items = new Set<string>()
  for (const name of lists) {
    const top = name === '' ? undefined : tables.hot.get(name)
    for (const item of top?.items ?? []) {
      if (items.size >= LIST_LENGTH) break
      if (!suppressed.has(item) && !known.has(item)) items.add(item)
    }
  }
  return [...items].map(item => ({ item, score: 0, because: '', support: 0 }))
}

/** Tells a paced replay which mark the tables have reached: the lowest time of the marks that the click names, in both. */
function seenMark(click: Click, tables: RecommendTables): Recs {
  const reached = Math.min(...click.before.map(mark => Math.min(tables.neighbors.get(mark)?.at ?? 0, tables.hot.get(mark)?.at ?? 0)))
  return {
    at: click.at, session: 0, position: reached, item: click.item, group: 'mark', items: [], seen: [],
    origin: click.origin, received: 0, sessionized: 0, recommended: 0,
  }
}
