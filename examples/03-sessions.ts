/** Visits: the pages that a visitor looked at until a pause of half an hour. One row per visit, when it is over. */
import { app, int64, record, text, topic } from 'millrace'

const View = record({ visitor: text, page: text, at: int64 })
const Visit = record({ visitor: text, from: int64, to: int64, pages: int64 })
const views = topic('views', { key: text, value: View, time: 'at' })
const visits = topic('visits', { key: text, value: Visit })

export default app('visits').task('sessions', ({ read }) =>
  read(views)
    .keyBy(view => view.visitor)
    .window({ session: '30 minutes', grace: '1 minute', emit: 'final' })
    .count('pages')
    .map((pages, { key, window }) => ({ visitor: key, from: window.start, to: window.end, pages }))
    .write(visits, { key: visit => visit.visitor }))
