import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { connect, flink, kafkaStreams, process, samza, spark, type SparkOptions, storm } from 'millrace/engines'
import { build } from './build.ts'
import { optionTable, withOptions } from './options.ts'
import type { AppDescription } from './node.ts'

const clicks = topic('shop.clicks', { key: text, value: int64, partitions: 4 })
const counts = topic('shop.counts', { key: text, value: int64 })
const shop: AppDescription = app('shop')
  .task('count', ({ read }) => read(clicks).count('clicks').write(counts), { commitInterval: '1 second', batch: 65_536 })
  .task('trend', { on: flink({ sql: 'trend.sql', parallelism: 2 }), reads: [counts] })
  .task('stats', { on: spark({ source: 'Stats.java' }), reads: [counts] })
  .task('streams', { on: kafkaStreams({ source: 'Streams.java', config: { 'commit.interval.ms': '250' } }), reads: [counts] })
  .task('score', { on: process({ command: 'python3' }), reads: [clicks] })
  .task('alerts', { on: storm({ source: 'Alerts.java' }), reads: [clicks] })
  .task('profiles', { on: samza({ source: 'Profiles.java' }), reads: [clicks] })
  .task('export', { on: connect({ connectors: { out: { 'connector.class': 'FileStreamSink', file: 'out.txt', topics: 'shop.counts' } } }), reads: [counts] })

const valueOf = (described: AppDescription, name: string): number | null | undefined => optionTable(described).find(row => row.name === name)?.value

test('one table: each option with its value, default, range, what it governs and what it costs', () => {
  const rows = optionTable(shop)
  assert.deepEqual(rows.map(row => row.name), [
    'count.commitInterval', 'count.drainedCommit', 'count.linger', 'count.batch', 'count.fetch', 'count.fetchWait',
    'trend.parallelism', 'trend.checkpointInterval', 'stats.trigger', 'stats.maxOffsetsPerTrigger',
    'streams.instances', 'streams.commitInterval', 'streams.linger', 'streams.batch', 'streams.fetchWait', 'score.instances',
    // Threads: a second JVM of Storm or Samza would do all the work again.
    'alerts.parallelism', 'alerts.commitInterval', 'alerts.pending', 'profiles.parallelism', 'profiles.commitInterval', 'profiles.linger', 'profiles.batch', 'export.instances', 'export.commitInterval',
    'shop.clicks.partitions', 'shop.clicks.replicas', 'shop.counts.partitions', 'shop.counts.replicas',
  ])
  for (const row of rows) {
    assert.ok(row.governs.length > 10 && row.costs.length > 10, row.name)
    for (const value of [row.value, row.default]) assert.ok(value === null || (value >= row.min && value <= row.max), row.name)
  }
  assert.deepEqual(['count.commitInterval', 'count.linger', 'count.batch', 'trend.parallelism', 'trend.checkpointInterval', 'stats.trigger', 'stats.maxOffsetsPerTrigger', 'streams.commitInterval', 'shop.clicks.partitions', 'shop.counts.replicas'].map(name => valueOf(shop, name)),
    [1000, null, 65_536, 2, 1000, 1000, null, 250, 4, null])
})

test('of Spark, an interval where the trigger has one, and the rate limit of its way of reading', () => {
  const names = (options: SparkOptions): string[] => optionTable(app('shop').task('stats', { on: spark({ source: 'Stats.java', ...options }), reads: [clicks] })).filter(row => row.target === 'stats').map(row => row.name)
  assert.deepEqual(names({ trigger: 'availableNow' }), ['stats.maxOffsetsPerTrigger'])
  assert.deepEqual(names({ api: 'direct' }), ['stats.trigger', 'stats.maxRate'])
  const set = build(withOptions(app('shop').task('stats', { on: spark({ source: 'Stats.java', api: 'receiver' }), reads: [clicks] }), ['stats.maxRate=500'])).tasks[0]
  assert.ok(set?.kind === 'foreign' && set.on.engine === 'spark' && set.on.config['spark.streaming.receiver.maxRate'] === '500')
})

test('each is set in the same way, over what the app declares, and the app as it was stays', () => {
  const set = withOptions(shop, ['count.commitInterval=250ms', 'count.batch=1MiB', 'trend.parallelism=3', 'trend.checkpointInterval=5s', 'stats.trigger=2 seconds', 'stats.maxOffsetsPerTrigger=5000', 'streams.linger=20', 'score.instances=4', 'shop.counts.replicas=3'])
  const plan = build(set)
  const [count, trend, stats, streams, score] = plan.tasks
  assert.deepEqual(count?.kind === 'native' ? count.tuning : undefined, { commitInterval: 250, batch: 1024 * 1024 })
  assert.ok(trend?.kind === 'foreign' && trend.on.engine === 'flink' && trend.on.parallelism === 3 && trend.on.checkpointIntervalMs === 5000)
  assert.ok(stats?.kind === 'foreign' && stats.on.engine === 'spark' && stats.on.trigger.kind === 'processingTime' && stats.on.trigger.ms === 2000 && stats.on.source['maxOffsetsPerTrigger'] === '5000')
  assert.ok(streams?.kind === 'foreign' && streams.on.engine === 'kafkaStreams' && streams.on.config['producer.linger.ms'] === '20' && streams.on.config['commit.interval.ms'] === '250')
  assert.ok(score?.kind === 'foreign' && score.on.engine === 'process' && score.on.instances === 4)
  assert.equal(plan.topics.find(each => each.name === 'shop.counts')?.replicas, 3)
  assert.equal(valueOf(shop, 'count.commitInterval'), 1000)
  for (const row of optionTable(shop)) assert.equal(valueOf(withOptions(shop, [`${row.name}=${row.max}`]), row.name), row.max, `what is set is what is read: ${row.name}`)
})

test('what cannot be set says what can', () => {
  for (const [text, message] of [
    ['nonsense', /--set takes TARGET.option=value/], ['cuont.linger=5', /no task and no topic 'cuont'. Tasks: count, trend/], ['count.lingre=5', /has no option 'lingre'. It has: commitInterval, drainedCommit, linger/],
    ['count.linger=-1', /takes a duration|is not a duration/], ['trend.parallelism=0', /takes a whole number from 1 to 128, not '0'/], ['count.batch=5MB', /takes a size, as 64KiB/], ['count.linger=2 parsecs', /parsecs/],
  ] as const) assert.throws(() => withOptions(shop, [text]), message, text)
  assert.throws(() => app('shop').task('count', ({ read }) => read(clicks).write(counts), { batch: 3 }), /batch of task 'count' is 3: give a whole number from 1024 to/)
})
