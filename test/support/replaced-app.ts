/**
 * `linked.clicks → clean (ours) → count (REPLACED_ENGINE's, of the program at REPLACED_PROGRAM) → linked.counted`: an app whose program is another one when the task
 * is restarted.
 */
import { env } from 'node:process'
import { app, int64, record, text, topic } from 'millrace'
import { flink, kafkaStreams, process, samza, spark, storm } from 'millrace/engines'

const Click = record({ id: text, seq: int64, price: int64, at: int64 })
const Counted = record({ id: text, seq: int64, count: int64 })

const clicks = topic('linked.clicks', { key: text, value: Click, partitions: 4 })
const clean = topic('linked.clean', { key: text, value: Click, partitions: 4 })
const counted = topic('linked.counted', { key: text, value: Counted, partitions: 4 })

const path = env['REPLACED_PROGRAM'] ?? ''
const ON = {
  flink: () => flink({ sql: path }), kafkaStreams: () => kafkaStreams({ source: path }), spark: () => spark({ source: path, trigger: '500 ms' }),
  storm: () => storm({ source: path, javaOptions: ['-Xmx384m'] }), samza: () => samza({ source: path }), process: () => process({ command: 'python3', args: [path] }),
} as const

const engine = env['REPLACED_ENGINE'] ?? ''
if (!Object.hasOwn(ON, engine)) throw new Error(`REPLACED_ENGINE is '${engine}': one of ${Object.keys(ON).join(', ')}`)

export default app('linked')
  .task('clean', ({ read }) => read(clicks).filter(click => click.id !== '').write(clean))
  // Looked at just above.
  .task('count', { on: ON[engine as keyof typeof ON](), reads: [clean], writes: [counted], duplicates: 'tolerated' })
