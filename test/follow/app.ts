/** What `millrace follow` is tried on: an origin that is named, a window of another key, a filter that takes everything, and a task that nobody runs. */
import { app, int64, record, text, topic } from 'millrace'
import { external } from 'millrace/engines'

const Event = record({ item: text, at: int64 })
const Click = record({ item: text, at: int64, origin: text })
const Trend = record({ item: text, from: int64, count: int64 })

export const events = topic('followed.events', { key: text, value: Event, time: 'at', partitions: 2 })
export const clicks = topic('followed.clicks', { key: text, value: Click, time: 'at', partitions: 2 })
export const trend = topic('followed.trend', { key: text, value: Trend, partitions: 1 })
export const nothing = topic('followed.nothing', { key: text, value: Event, partitions: 1 })
export const scores = topic('followed.scores', { key: text, value: Click, partitions: 2 })

export default app('followed')
  .task('clean', ({ read }) => read(events).map((event, { partition, offset }) => ({ ...event, origin: `${partition}@${offset}` })).write(clicks))
  .task('trend', ({ read }) => read(clicks).keyBy(click => click.item).window({ tumbling: '5 seconds' }).count('per-window')
    .map((count, { key, window }) => ({ item: key, from: window.start, count })).write(trend, { key: row => `${row.item}@${row.from}` }))
  .task('drop', ({ read }) => read(events).filter(() => false).write(nothing))
  .task('score', { on: external(), reads: [clicks], writes: [scores] })
