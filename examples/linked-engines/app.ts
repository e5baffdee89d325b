/**
 * A recommender that four engines help, each linked by topics, and that works on when any of them is down. `npm run linked` runs it.
 *
 *   shop.events ─▶ the recommender's seven tasks ─▶ session.clicks, recs
 *   session.clicks ─▶ trend      (Flink SQL: clicks in a window, per item)        ─▶ trends ─────┐
 *                  ─▶ categories (Spark: views, carts and purchases, per category) ─▶ categories ─┤
 *                  ─▶ fraud      (Storm: bursts, per visitor)                     ─▶ scores ─────┼─▶ blend ◀─ recs, products, owing ; ─▶ blended
 *                  ─▶ profile    (Samza: what is kept of each visitor)            ─▶ profiles ───┘
 *                  ─▶ products   (ours: category and price of each item)
 *   session.clicks, and all that the engines say ─▶ owing (ours: who owes an answer since when)
 *
 * E1. Nothing waits for an engine: `blend` takes what is there when a list comes, and names what is not (blend.ts).
 * E2. Flink's rows are exactly once. Spark writes all of its rows again with each batch, so that a repeated batch changes nothing. What Storm and Samza
 *     repeat after a kill is taken out by `blend`, by the click that it is about. Samza's partitioner is its own: `blend` brings its rows to where theirs are.
 */
import { fileURLToPath } from 'node:url'
import { json, type App } from 'millrace'
import { flink, samza, spark, storm } from 'millrace/engines'
import type { Recs } from '../../demo/recommender/topics.ts'
import { blend } from './blend.ts'
import { owe, type OweState } from './owing.ts'
import { Blended, blended, categories, type FraudScore, Owing, owing, Product, products, type Profile, profiles, scores, shop, trends } from './topics.ts'

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const { clicks, recs } = shop.topics
/** So long a visitor's score and profile are kept, in event time. */
const VISITOR_KEPT_MS = 30 * 60_000

type Told =
  | { readonly kind: 'recs', readonly recs: Recs }
  | { readonly kind: 'fraud', readonly fraud: FraudScore }
  | { readonly kind: 'profile', readonly profile: Profile }

interface VisitorState {
  readonly fraud?: FraudScore | undefined
  readonly profile?: Profile | undefined
}

const linked: App = shop.app
  .task('trend', { on: flink({ sql: file('trend.sql'), checkpointInterval: '2 seconds', config: { 'table.exec.source.idle-timeout': '5 s' } }), reads: [clicks], writes: [trends] })
  .task('categories', {
    on: spark({ source: file('CategoryStats.java'), master: 'local[1]', trigger: '3 seconds', javaOptions: ['-Xmx512m', '-XX:+UseSerialGC'], config: { 'spark.sql.shuffle.partitions': '1' } }),
    reads: [clicks], writes: [categories], duplicates: 'tolerated',
  })
  .task('fraud', { on: storm({ source: file('FraudScores.java'), javaOptions: ['-Xmx384m', '-XX:+UseSerialGC'] }), reads: [clicks], writes: [scores], duplicates: { removedBy: 'blend' } })
  .task('profile', { on: samza({ source: file('Profiles.java'), javaOptions: ['-Xmx256m', '-XX:+UseSerialGC'] }), reads: [clicks], writes: [profiles], duplicates: { removedBy: 'blend' } })
  .task('products', ({ read }) => {
    read(clicks).keyBy(click => click.item, { name: 'by-item' }).process('known', {
      state: Product, emits: Product,
      onRecord({ category, price }, { state, emit }) {
        const before = state.get()
        if (category === '' || (before?.category === category && before.price === price)) return
        state.set({ category, price })
        emit({ category, price })
      },
    }).write(products)
  })
  .task('owing', ({ read }) => {
    const said = [
      read(trends).map(({ at }) => ({ engine: 'flink', at })), read(categories).map(({ at }) => ({ engine: 'spark', at })),
      read(scores).map(({ at }) => ({ engine: 'storm', at })), read(profiles).map(({ at }) => ({ engine: 'samza', at })),
    ]
    read(clicks).map(({ at }) => ({ engine: '', at })).merge(...said)
      .keyBy(() => 'all', { partitions: 1 })
      .process('since', { state: json<OweState>(), emits: Owing, ...owe })
      .write(owing)
  })
  .task('blend', ({ read, globalTable }) => {
    const fraud = read(scores).distinct({ name: 'scores-once', by: score => score.origin, within: '10 minutes' }).map((each): Told => ({ kind: 'fraud', fraud: each }))
    const known = read(profiles).keyBy((_profile, { key }) => key, { name: 'profiles-here' })
      .distinct({ name: 'profiles-once', by: profile => profile.origin, within: '10 minutes' }).map((each): Told => ({ kind: 'profile', profile: each }))
    read(recs).map((each): Told => ({ kind: 'recs', recs: each })).merge(fraud, known).process('visitor', {
      state: json<VisitorState>(), emits: Blended,
      tables: { trends: globalTable(trends), categories: globalTable(categories), products: globalTable(products), owing: globalTable(owing) },
      onRecord(told, { state, timers, time, tables, emit }) {
        const before = state.get()
        if (told.kind === 'recs') {
          return emit(blend(told.recs, {
            ...before, fraud: before?.fraud, profile: before?.profile, owing: tables.owing.get('all'),
            product: item => tables.products.get(item), trend: item => tables.trends.get(item), category: category => tables.categories.get(category),
          }))
        }
        state.set(told.kind === 'fraud' ? { ...before, fraud: told.fraud } : { ...before, profile: told.profile })
        timers.set(time + VISITOR_KEPT_MS)
      },
      onTimer(_timer, { state }) {
        state.delete()
      },
    }).write(blended)
  })

export default linked
