/** A count is a stream and a table at once: each view learns how often its item has been viewed by now. */
import { app, int64, record, text, topic } from 'millrace'

const View = record({ visitor: text, item: text })
const Ranked = record({ visitor: text, item: text, views: int64 })
const views = topic('item-views', { key: text, value: View })
const popularity = topic('popularity', { key: text, value: int64, cleanup: 'compact' })
const ranked = topic('ranked-views', { key: text, value: Ranked })

export default app('ranking').task('rank', ({ read }) => {
  const byItem = read(views).keyBy(view => view.item, { name: 'by-item' })
  const counts = byItem.count('views')
  counts.write(popularity)
  byItem.leftJoin(counts, ({ visitor, item }, count) => ({ visitor, item, views: count ?? 0 })).write(ranked)
})
