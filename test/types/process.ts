/** Process functions: what they must and must not accept. */
import { app, f64, int64, json, list, record, text, topic } from 'millrace'

const Click = record({ shopper: text, item: text, at: int64 })
const Row = record({ item: text, near: list(text) })
const clicks = topic('clicks', { key: text, value: Click, time: 'at' })
const neighbors = topic('neighbors', { key: text, value: Row })
const recs = topic('recs', { key: text, value: record({ items: list(text) }) })

export default app('positive').task('recommend', ({ read, globalTable }) => {
  read(clicks)
    .process('recommend', {
      state: json<{ items: string[] }>(),
      emits: record({ items: list(text) }),
      tables: { neighbors: globalTable(neighbors) },
      onRecord(click, { key, state, tables, timers, emit, time }) {
        const shopper: string = key
        const seen = state.get()?.items ?? []
        state.set({ items: [...seen, click.item] })
        const near = seen.flatMap(item => tables.neighbors.get(item)?.near ?? [])
        timers.set(time + 1000, shopper)
        emit({ items: near })
      },
      onTimer(timer, { state, emit }) {
        if (timer.clock === 'event') emit({ items: [timer.name] })
        state.delete()
      },
    })
    .write(recs)
})

export const negative = app('negative').task('wrong', ({ read, globalTable }) => {
  const stream = read(clicks)
  const tables = { neighbors: globalTable(neighbors) }
  // @ts-expect-error wrong state: its type is the serde's
  stream.process('a', { state: int64, onRecord(_click, { state }) { state.set('one') } })
  // @ts-expect-error wrong output: what is emitted has the type of `emits`
  stream.process('b', { state: int64, emits: text, onRecord(_click, { emit }) { emit(1) } })
  // @ts-expect-error nothing can be emitted without `emits`
  stream.process('c', { state: int64, onRecord(_click, { emit }) { emit(1) } })
  // @ts-expect-error async closure
  stream.process('d', { state: int64, async onRecord() {} })
  // @ts-expect-error async timer
  stream.process('e', { state: int64, onRecord() {}, onTimer: async () => {} })
  // @ts-expect-error wrong key of a looked-up table
  stream.process('f', { state: int64, tables, onRecord(_click, context) { context.tables.neighbors.get(1) } })
  // @ts-expect-error a table that was not asked for
  stream.process('g', { state: int64, tables, onRecord(_click, context) { context.tables.hot.get('a') } })
  // @ts-expect-error wrong value: there is no such field
  stream.process('h', { state: f64, onRecord(click, { state }) { state.set(click.price) } })
})
