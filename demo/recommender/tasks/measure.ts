/**
 * Task `measure`: what the lists were worth. Every click is looked up in the list its visitor had, and in the list of what is popular;
 * sums run over the last hour, by group of visitors.
 *
 * M1. A click is judged by the list made for the click before it in the same session. At equal time lists come before clicks: a list whose position is
 *     not yet the click's is what the visitor had.
 * M2. Lists that were never answered count as shown, not as missed: quality is over clicks, click-through over lists.
 * M3. A session that buys counts once, however much is bought in it.
 */
import type { Click, HotTop, Metrics, Recs } from '../topics.ts'
import { isMark, PUBLISH_MS, type DueTimer, type Lookup, type TaskContext } from './context.ts'
import { ALL } from './hot.ts'
import { isInComparison, LIST_LENGTH } from './recommend.ts'

/** The whole hour is one value of state, written to the changelog with each commit: few buckets keep it small. */
const BUCKET_MS = 300_000
const BUCKETS_MAX = 12
/** Lists may arrive before or after the click they answer to; so many of the last are kept. */
const LISTS_MAX = 4

export type Measured = { readonly kind: 'recs'; readonly recs: Recs } | { readonly kind: 'click'; readonly click: Click }

export interface MeasureState {
  /** Number of the last session that bought something; absent where none did. */
  readonly bought?: number | undefined
  readonly lists: readonly { readonly session: number; readonly position: number; readonly items: readonly string[] }[]
}

/** What one record adds to the sums. */
export type Outcome = Omit<Metrics, 'at'> & { readonly group: string; readonly at: number }

const NOTHING = {
  n: 0, hits: 0, reciprocal: 0, novelN: 0, novelHits: 0, popularityHits: 0, popularityReciprocal: 0, popularityNovelHits: 0,
  shown: 0, clicked: 0, sessions: 0, purchases: 0,
}

export function measure(options: { readonly compare: boolean }) {
  return (input: Measured, context: TaskContext<MeasureState, Outcome>, tables: { readonly hot: Lookup<HotTop> }): void => {
    if (isMark(context.key)) return
    const group = options.compare && isInComparison(context.key) ? 'popularity' : 'cooc'
    if (input.kind === 'recs') {
      const { session, position, items, at } = input.recs
      const lists = [...context.state.get()?.lists ?? [], { session, position, items: items.slice(0, LIST_LENGTH).map(entry => entry.item) }]
      context.state.set({ bought: context.state.get()?.bought, lists: lists.slice(-LISTS_MAX) })
      return context.emit({ ...NOTHING, group, at, shown: 1 })
    }
    const state = context.state.get()
    context.emit({ ...judge(input.click, state, tables.hot.get(ALL)), group, at: input.click.at })
    if (input.click.type === 'purchase') context.state.set({ lists: state?.lists ?? [], bought: input.click.session })
  }
}

function judge(click: Click, state: MeasureState | undefined, all: HotTop | undefined): typeof NOTHING {
  const counts = {
    ...NOTHING,
    clicked: click.source === 'for-you' || click.source === 'because' ? 1 : 0,
    sessions: click.position === 1 ? 1 : 0,
    purchases: click.type === 'purchase' && state?.bought !== click.session ? 1 : 0,
  }
  const last = click.before[0]
  const list = state?.lists.find(entry => entry.session === click.session && entry.position === click.position - 1)
  if (list === undefined || click.type !== 'view' || last === click.item) return counts
  const isNovel = click.before.includes(click.item) ? 0 : 1
  const rank = list.items.indexOf(click.item)
  const popular = (all?.items ?? []).filter(item => item !== last).slice(0, LIST_LENGTH).indexOf(click.item)
  return {
    ...counts,
    n: 1,
    hits: rank >= 0 ? 1 : 0,
    reciprocal: rank >= 0 ? 1 / (rank + 1) : 0,
    novelN: isNovel,
    novelHits: rank >= 0 ? isNovel : 0,
    popularityHits: popular >= 0 ? 1 : 0,
    popularityReciprocal: popular >= 0 ? 1 / (popular + 1) : 0,
    popularityNovelHits: popular >= 0 ? isNovel : 0,
  }
}

export interface SumState {
  readonly buckets: readonly Metrics[]
  readonly isDirty: boolean
}

/** Keyed by group: sums of the last hour, in buckets of five minutes. */
export const sumOutcomes = {
  onRecord(outcome: Outcome, context: TaskContext<SumState, Metrics>): void {
    const state = context.state.get() ?? { buckets: [], isDirty: false }
    if (!state.isDirty) context.timers.set(outcome.at + PUBLISH_MS)
    const at = Math.floor(outcome.at / BUCKET_MS) * BUCKET_MS
    const { group: _, ...counts } = outcome
    const place = state.buckets.findIndex(bucket => bucket.at === at)
    const buckets = place < 0
      ? [...state.buckets, { ...counts, at }]
      : state.buckets.map((bucket, index) => index === place ? sum(bucket, counts, at) : bucket)
    const newest = buckets.reduce((max, bucket) => Math.max(max, bucket.at), 0)
    context.state.set({ buckets: buckets.filter(bucket => bucket.at > newest - BUCKETS_MAX * BUCKET_MS), isDirty: true })
  },

  onTimer(timer: DueTimer, context: TaskContext<SumState, Metrics>): void {
    const state = context.state.get()
    if (state === undefined) return
    context.state.set({ ...state, isDirty: false })
    context.emit(state.buckets.reduce((total, bucket) => sum(total, bucket, timer.time), { ...NOTHING, at: timer.time }), timer.time)
  },
}

function sum(a: Metrics, b: Metrics, at: number): Metrics {
  return {
    at,
    n: a.n + b.n,
    hits: a.hits + b.hits,
    reciprocal: a.reciprocal + b.reciprocal,
    novelN: a.novelN + b.novelN,
    novelHits: a.novelHits + b.novelHits,
    popularityHits: a.popularityHits + b.popularityHits,
    popularityReciprocal: a.popularityReciprocal + b.popularityReciprocal,
    popularityNovelHits: a.popularityNovelHits + b.popularityNovelHits,
    shown: a.shown + b.shown,
    clicked: a.clicked + b.clicked,
    sessions: a.sessions + b.sessions,
    purchases: a.purchases + b.purchases,
  }
}
