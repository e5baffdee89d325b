/**
 * The two ways of Spark Streaming with Kafka, side by side in one graph: Direct, and a Receiver with its write-ahead log and without it.
 *
 *   millrace engines install spark
 *   millrace start dist/examples/linked/dstreams.js
 *
 * All three do the same with the same clicks: count them by shopper. `npm run receiver-direct` kills them at the same point of their work, and counts.
 * They read what a plain producer writes: a Direct stream waits in vain behind the end of a transaction for a record that may not come (docs/guide/spark-streaming.md).
 */
import { fileURLToPath } from 'node:url'
import { app, int64, record, text, topic } from 'millrace'
import { spark, type SparkOptions } from 'millrace/engines'

const Click = record({ id: text, seq: int64 })
const Scored = record({ id: text, seq: int64, score: int64, count: int64 })

export const clicks = topic('dstreams.clicks', { key: text, value: Click, partitions: 4 })
export const direct = topic('dstreams.direct', { key: text, value: Scored, partitions: 4 })
export const logged = topic('dstreams.logged', { key: text, value: Scored, partitions: 4 })
export const unlogged = topic('dstreams.unlogged', { key: text, value: Scored, partitions: 4 })

// From dist/examples/linked, where this runs, to the source.
const source = fileURLToPath(new URL('../../../examples/linked/ClicksByDStream.java', import.meta.url))
/** So that a batch that has much to read does not take it all at once. */
const RATES = { 'spark.streaming.kafka.maxRatePerPartition': '40000' }

const way = (api: 'direct' | 'receiver', config: SparkOptions['config']) => spark({ api, source, args: [api], config: { ...RATES, ...config }, trigger: '1 second', javaOptions: ['-Xmx512m'] })

export default app('dstreams')
  .task('direct', { on: way('direct', {}), reads: [clicks], writes: [direct], guarantee: 'exactlyOnce', transactionalIdPrefix: 'dstreams.direct', transactionTimeoutMs: 60_000 })
  .task('logged', { on: way('receiver', { 'spark.streaming.receiver.writeAheadLog.enable': 'true' }), reads: [clicks], writes: [logged], duplicates: 'tolerated' })
  // Not even at least once, which is the least that a task can declare: that is what is to be seen.
  .task('unlogged', { on: way('receiver', { 'spark.streaming.receiver.writeAheadLog.enable': 'false' }), reads: [clicks], writes: [unlogged], duplicates: 'tolerated' })
