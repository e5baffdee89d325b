/**
 * The measured jobs, as an app is written; what differs between runs comes from the environment, so that worker threads that load this module get the same.
 *
 *   a   filter, map, re-key, produce                                   JOB_FORM=closures | fields
 *   b   one-minute tumbling count of each item; rows when a window is over
 *
 * Grace is ten minutes of event time: the shards that feed the counts read their partitions side by side, and in catch-up one may be ahead of another by what
 * it did between two commits. No record may be dropped for that.
 */
import { app, f64, int64, record, text, topic } from 'millrace'

export const settings = {
  job: process.env['JOB'] ?? 'a',
  form: process.env['JOB_FORM'] ?? 'closures',
  name: process.env['JOB_APP'] ?? 'jobs',
  input: process.env['JOB_INPUT'] ?? 'jobs.input',
  partitions: Number(process.env['JOB_PARTITIONS'] ?? 4),
}

export const ShopEvent = record({ type: text, shopper: text, item: text, price: f64, at: int64 })
export const Sold = record({ item: text, price: f64, at: int64 })
export const Count = record({ item: text, from: int64, count: int64 })

const input = topic(settings.input, { key: text, value: ShopEvent, time: 'at', partitions: settings.partitions })
const sold = topic(`${settings.name}.out`, { key: text, value: Sold, partitions: settings.partitions })
const counts = topic(`${settings.name}.out`, { key: text, value: Count, partitions: settings.partitions })

function described(): ReturnType<typeof app> {
  switch (settings.job) {
    case 'a': if (settings.form === 'fields') return app(settings.name).task('job', ({ read }) => {
      read(input, { fields: ['type', 'item', 'price', 'at'] }).where({ type: { not: 'view' } }).select('item', 'price', 'at').write(sold, { key: 'item' })
    })
    return app(settings.name).task('job', ({ read }) => {
      read(input).filter(event => event.type !== 'view').map(({ item, price, at }) => ({ item, price, at })).write(sold, { key: row => row.item })
    })
    case 'b': if (settings.form === 'fields') return app(settings.name).task('job', ({ read }) => {
      read(input, { fields: ['item'] }).keyBy('item').window({ tumbling: '1 minute', grace: '10 minutes', emit: 'final' }).count()
        .map((count, { key, window }) => ({ item: key, from: window.start, count })).write(counts, { key: row => row.item })
    })
    return app(settings.name).task('job', ({ read }) => {
      read(input, { fields: ['item'] }).keyBy(event => event.item).window({ tumbling: '1 minute', grace: '10 minutes', emit: 'final' }).count()
        .map((count, { key, window }) => ({ item: key, from: window.start, count })).write(counts, { key: row => row.item })
    })
    default: throw new Error(`there is no job '${settings.job}': a or b`)
  }
}

export default described()
