/**
 * The recommender as one app: seven tasks linked by topics.
 *
 *   shop.events ─▶ sessionize ─▶ session.clicks ─▶ recommend ─▶ recs ─▶ (the page)
 *                      │              ├─▶ intent ─▶ intent ; intent.samples ─▶ learn ─▶ intent.model
 *                      │              └─▶ measure ◀─ recs ; ─▶ metrics
 *                      ├─▶ pairs ─▶ cooc ─▶ item.neighbors ─▶ (global table of recommend)
 *                      └─▶ item.mass ─▶ hot (top of each partition) ─▶ hot.partial ─▶ hot (merged) ─▶ hot.top ─▶ (global table of recommend and measure)
 *
 * Counts are only right if nothing is processed twice: exactly-once is not an ornament here, a doubled pair is a wrong list.
 */
import { app, bool, deadLetter, int64, json, list, optional, record, text, type App } from 'millrace'
import { BASKET_CAPACITY, SHOP_CAPACITY } from './model/cooc.ts'
import { neighborList } from './model/neighbor-list.ts'
import type { Session } from './model/session.ts'
import { cooc } from './tasks/cooc.ts'
import { heat, mergeHot, partitionTops } from './tasks/hot.ts'
import { intent, learnIntent, type IntentTaskState, type LearnState } from './tasks/intent.ts'
import { measure, sumOutcomes, type Measured, type Outcome, type SumState } from './tasks/measure.ts'
import { recommend, type RecommendState } from './tasks/recommend.ts'
import { sessionize } from './tasks/sessionize.ts'
import { Click, HotPartial, HotTop, Intent, IntentModel, IntentSample, Mass, Metrics, Neighbors, PairsRecord, Recs, recommenderTopics, type RecommenderTopics, type TopicsOptions } from './topics.ts'

export interface RecommenderOptions extends TopicsOptions {
  readonly name: string
  /** Baskets instead of clicks: longer lists, and what is in the basket never comes back. */
  readonly isBasket: boolean
  /** One visitor in ten gets popular items, to compare with. */
  readonly compare: boolean
  /** How long after a change an item's list and heat are published, in event time. */
  readonly publishMs: number
  /** Wall clocks in clicks and lists, for the rail of the page. Off: a replay writes the same bytes each time. */
  readonly trace: boolean
}

// States that change with every record are declared: their serdes are generated, and faster than JSON's.
const HeatState = record({ epoch: int64, sum: int64, category: text })
const HeatReport = record({ item: text, partition: int64, category: text, at: int64, epoch: int64, sum: int64, totalEpoch: int64, added: int64 })
const Top = list(record({ item: text, epoch: int64, sum: int64 }))
const PartitionState = record({ lists: list(record({ name: text, top: Top, isDirty: bool })), totalEpoch: int64, added: int64 })
const PartitionTop = record({ list: text, partial: HotPartial })
const MergeState = record({ parts: list(record({ partition: int64, epoch: int64, items: list(text), sums: list(int64) })), totalEpoch: int64, total: int64, isDirty: bool })
const ShownState = record({ bought: optional(int64), lists: list(record({ session: int64, position: int64, items: list(text) })) })
const SessionizedOut = record({ click: optional(Click), pairs: list(PairsRecord), mass: optional(Mass) })
const IntentOut = record({ intent: optional(Intent), samples: list(IntentSample) })

export function recommender(options: RecommenderOptions): { readonly app: App; readonly topics: RecommenderTopics } {
  const topics = recommenderTopics(options)
  const lists = cooc({ capacity: options.isBasket ? BASKET_CAPACITY : SHOP_CAPACITY, publishMs: options.publishMs })
  const recommendClick = recommend({ compare: options.compare, trace: options.trace, revisit: options.isBasket ? 0 : 1 })
  // Live, a click goes through `sessionize` and `recommend` to the page while the others work on it too: what they write is due within a second, so they gather it
  // into fewer transactions. In a replay each slice waits for all of them. A hint of intent may come a little later than the lists.
  const aside = options.trace ? { drainedCommit: '100 ms' } as const : {}
  const described = app(options.name)
    .task('sessionize', ({ read }) => {
      const out = read(topics.events).process('session', { state: json<Session>(), emits: SessionizedOut, onRecord: sessionize(options) })
      out.flatMap(({ click }) => click === undefined ? [] : [click], { as: Click }).write(topics.clicks)
      out.flatMap(({ pairs }) => pairs, { as: PairsRecord }).write(topics.pairs, { key: pairs => pairs.item })
      out.flatMap(({ mass }) => mass === undefined ? [] : [mass], { as: Mass }).write(topics.mass, { key: mass => mass.item })
    }, { onError: deadLetter(`${options.prefix}shop.events.dead`) })
    .task('cooc', ({ read }) => {
      read(topics.pairs).process('lists', { state: neighborList, emits: Neighbors, ...lists }).write(topics.neighbors)
    }, aside)
    .task('hot', ({ read }) => {
      read(topics.mass).process('heat', { state: HeatState, emits: HeatReport, ...heat })
        .keyBy(report => String(report.partition))
        .process('partition-top', { state: PartitionState, emits: PartitionTop, ...partitionTops(options) })
        .keyBy(top => top.list)
        .map(top => top.partial)
        .write(topics.hotPartial)
      read(topics.hotPartial).process('top', { state: MergeState, emits: HotTop, ...mergeHot }).write(topics.hotTop)
    }, aside)
    .task('recommend', ({ read, globalTable }) => {
      const tables = { neighbors: globalTable(topics.neighbors), hot: globalTable(topics.hotTop) }
      read(topics.clicks).process('bought', {
        state: json<RecommendState>(), emits: Recs, tables,
        onRecord: (click, context) => recommendClick(click, context, context.tables),
      }).write(topics.recs)
    })
    .task('intent', ({ read, globalTable }) => {
      const out = read(topics.clicks).process('features', {
        state: json<IntentTaskState>(), emits: IntentOut, tables: { model: globalTable(topics.intentModel) },
        onRecord: (click, context) => intent.onRecord(click, context, context.tables),
        onTimer: (timer, context) => intent.onTimer(timer, context),
      })
      out.flatMap(({ intent: row }) => row === undefined ? [] : [row], { as: Intent }).write(topics.intent)
      out.flatMap(({ samples }) => samples, { as: IntentSample }).write(topics.intentSamples, { key: () => 'model' })
    }, options.trace ? { drainedCommit: '50 ms' } : {})
    .task('learn', ({ read }) => {
      read(topics.intentSamples).process('ftrl', { state: json<LearnState>(), emits: IntentModel, ...learnIntent }).write(topics.intentModel)
    }, aside)
    .task('measure', ({ read, globalTable }) => {
      const measureOne = measure(options)
      const lists = read(topics.recs).map((recs): Measured => ({ kind: 'recs', recs }))
      const clicks = read(topics.clicks).map((click): Measured => ({ kind: 'click', click }))
      lists.merge(clicks).process('lists', {
        state: ShownState, emits: json<Outcome>(), tables: { hot: globalTable(topics.hotTop) },
        onRecord: (input, context) => measureOne(input, context, context.tables),
      })
        .keyBy(outcome => outcome.group, { partitions: 1 })
        .process('sums', { state: json<SumState>(), emits: Metrics, ...sumOutcomes })
        .write(topics.metrics)
    }, aside)
  return { app: described, topics }
}
