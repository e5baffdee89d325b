import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'
import { jobContext } from '../../../test/support/job-context.ts'
import { app } from '../../dsl/app.ts'
import { topic } from '../../dsl/topic.ts'
import { text } from '../../serde/text.ts'
import { build } from '../../topology/build.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import type { EngineProcess, JobContext } from '../engine.ts'
import type { Installation } from '../install/store.ts'
import { jobOf } from '../job.ts'
import { ProgressLog, progressOf, QUERY_RUNS } from './progress.ts'
import { spark, type SparkOptions } from './spark.ts'

const sales = topic('sales', { key: text, value: text })
const trends = topic('trends', { key: text, value: text })
const folder = mkdtempSync(join(tmpdir(), 'millrace-spark-'))
after(() => { rmSync(folder, { recursive: true }) })
const file = (name: string): string => {
  writeFileSync(join(folder, name), 'x')
  return join(folder, name)
}
const SOURCE = file('Trend.java')
const BATCH = '2026-11-22 18:20:01.123 INFO MicroBatchExecution: '
const PROGRESS = {
  id: 'a', runId: 'b', name: null, timestamp: '2026-11-22T18:20:00.000Z', batchId: 7, numInputRows: 120, inputRowsPerSecond: 60.5, processedRowsPerSecond: 80.25, durationMs: { addBatch: 900, triggerExecution: 1_400 },
  sources: [{ description: 'KafkaV2[Subscribe[sales]]', startOffset: { sales: { 0: 10, 1: 5 } }, endOffset: { sales: { 0: 70, 1: 65 } }, latestOffset: { sales: { 0: 90, 1: 65, 2: 4 } } }],
}

function taskOf(options: SparkOptions): ForeignTaskPlan {
  const [task] = build(app('shop').task('trend', { on: spark(options), reads: [sales], writes: [trends], duplicates: 'tolerated' })).tasks
  assert.ok(task?.kind === 'foreign')
  return task
}

function installation(name: string): Installation {
  return {
    manifest: { name, version: '3.5.1', describe: '', java: 17, javaOptions: ['--add-opens=java.base/java.nio=ALL-UNNAMED'], jars: [], wheels: [] }, directory: '/engines/x',
    classpath: ['/e/spark-core_2.12-3.5.1.jar', '/e/spark-sql-kafka-0-10_2.12-3.5.1.jar', '/e/kafka-clients-3.4.1.jar'], pythonPath: name.startsWith('spark-python') ? '/engines/python' : undefined,
  }
}

function contextWith(started: EngineProcess[], parts: Partial<JobContext> = {}): JobContext {
  return jobContext({
    java: () => Promise.resolve('/jdk/bin/java'), installation, release: () => Promise.resolve(),
    supervise: each => { started.push(each); return Promise.resolve() }, ...parts,
  })
}

/** `java.util.Properties` as far as these tests write them. */
function propertiesIn(path: string | undefined): Record<string, string> {
  assert.ok(path !== undefined)
  return Object.fromEntries(readFileSync(path, 'latin1').trim().split('\n').map(line => /^(.*?)=(.*)$/.exec(line)?.slice(1) ?? []).map(([name = '', value = '']) => [name, value]))
}

test('the link is that of Spark\'s Kafka source and sink: at least once, no offsets committed, stamped when written', () => {
  const { link, group } = taskOf({ source: SOURCE })
  assert.deepEqual([group, link.guarantee, link.commitsOffsets, link.isolation, link.partitioner, link.timestamps, link.transactionalIdPrefix], ['shop.trend', 'atLeastOnce', false, 'read_committed', 'murmur2', 'written', undefined])
  assert.throws(() => spark({}), /needs what to run/)
  assert.throws(() => spark({ source: SOURCE, python: 'x.py' }), /one of them/)
  assert.throws(() => spark({ source: SOURCE, kafka: { subscribe: 'x' } }), /subscribe is what the task reads/)
  assert.throws(() => spark({ source: SOURCE, config: { maxOffsetsPerTrigger: '7' } }), /begin with 'spark\.'.*kafka: \{/)
  assert.throws(() => spark({ source: SOURCE, config: { 'spark.master': 'yarn' } }), /the option master/)
})

test('a JVM driver gets the jars, Spark\'s settings, the source\'s options and its checkpoint\'s folder', async () => {
  const started: EngineProcess[] = []
  const context = contextWith(started)
  await jobOf(taskOf({ source: SOURCE, args: ['-x'], trigger: '2 seconds', kafka: { maxOffsetsPerTrigger: '500' }, config: { 'spark.sql.shuffle.partitions': '2' } }), context).start()
  const [driver] = started
  assert.ok(driver !== undefined)
  assert.deepEqual([driver.name, driver.command, driver.args.slice(-4)], ['trend', '/jdk/bin/java', ['-cp', installation('spark').classpath.join(delimiter), SOURCE, '-x']])
  for (const option of ['-Xmx512m', '--add-opens=java.base/java.nio=ALL-UNNAMED', '-Dspark.master=local[2]', '-Dspark.app.name=shop.trend', '-Dspark.sql.shuffle.partitions=2']) assert.ok(driver.args.includes(option), `${option} in ${driver.args.join(' ')}`)
  assert.deepEqual([driver.env['MILLRACE_READS'], driver.env['MILLRACE_TRIGGER_MS'], driver.env['MILLRACE_CHECKPOINTS'], driver.env['SPARK_LOCAL_IP']], ['sales', '2000', join(context.directory, 'checkpoints'), '127.0.0.1'])
  assert.deepEqual(propertiesIn(driver.env['MILLRACE_CONFIG']), {
    'kafka.bootstrap.servers': 'localhost:9092', subscribe: 'sales', 'kafka.isolation.level': 'read_committed', startingOffsets: 'earliest', groupIdPrefix: 'shop.trend', maxOffsetsPerTrigger: '500',
  })
  await assert.rejects(jobOf(taskOf({ source: join(folder, 'None.java') }), context).start(), /source .*None\.java does not exist/)
  await assert.rejects(jobOf(taskOf({ jar: file('trend.jar'), mainClass: 'Trend' }), context).start(), { code: 'CONFIG_INVALID', message: /trend\.jar is no jar: it does not begin as a zip file does/ })
  await assert.rejects(jobOf(taskOf({ jar: join(folder, 'none.jar'), mainClass: 'Trend' }), context).start(), { code: 'CONFIG_INVALID', message: /none\.jar does not exist/ })
})

test('a Python driver gets PySpark, the connector\'s jars alone, and the same settings', async () => {
  const started: EngineProcess[] = []
  const script = file('trend.py')
  await jobOf(taskOf({ python: script, javaOptions: ['-Xmx300m', '-Dnote=two words'] }), contextWith(started)).start()
  const [driver] = started
  assert.ok(driver !== undefined)
  assert.deepEqual([driver.command, driver.args.filter(arg => !arg.endsWith('/programs/millrace_launch.py')), driver.env['PYTHONPATH']?.replace(/^.*programs:/, 'programs:'), driver.env['JAVA_HOME']], ['python3', ['-u', script], 'programs:/engines/python', '/jdk'])
  const conf = propertiesIn(/^--properties-file (\S+) pyspark-shell$/.exec(driver.env['PYSPARK_SUBMIT_ARGS'] ?? '')?.[1])
  assert.equal(conf['spark.driver.extraClassPath'], installation('spark').classpath.slice(1).join(delimiter))
  assert.deepEqual([conf['spark.driver.memory'], conf['spark.master']], ['300m', 'local[2]'])
  assert.match(conf['spark.driver.extraJavaOptions'] ?? '', /log4j2\.properties "-Dnote=two words"$/)
  await assert.rejects(jobOf(taskOf({ python: join(folder, 'none.py') }), contextWith([])).start(), /none\.py does not exist/)
})

test('SQL: each statement where it is in its file, so that Spark names the file\'s own lines; the helper behind the driver\'s program', async () => {
  const started: EngineProcess[] = []
  const script = join(folder, 'trend.sql')
  writeFileSync(script, '-- a view; and what is written\nCREATE TEMPORARY VIEW a AS SELECT 1;\n  SELECT key, value\n  FROM sales\n')
  const context = contextWith(started)
  await jobOf(taskOf({ sql: script, output: 'update', watermark: '2 seconds', trigger: 'availableNow', args: ['-x'] }), context).start()
  const [driver] = started
  assert.ok(driver !== undefined)
  const statements = join(context.directory, 'statements')
  assert.deepEqual(driver.args.slice(-6), [join(context.directory, 'program', 'MillraceSql.java'), script, statements, 'update', '2000', '-x'])
  assert.deepEqual([driver.env['MILLRACE_TRIGGER'], driver.env['MILLRACE_TRIGGER_MS']], ['availableNow', undefined])
  assert.equal(readFileSync(statements, 'utf8'), '\nCREATE TEMPORARY VIEW a AS SELECT 1\0\n\n  SELECT key, value\n  FROM sales')
  assert.match(readFileSync(driver.args.at(-6) ?? '', 'utf8'), /^public class MillraceSql [^]*^final class MillraceRows /m)
  writeFileSync(script, '-- nothing\n')
  await assert.rejects(jobOf(taskOf({ sql: script }), contextWith([])).start(), /trend\.sql has no statement/)
  await assert.rejects(jobOf(taskOf({ sql: join(folder, 'none.sql') }), contextWith([])).start(), /none\.sql does not exist/)
})

test('a source that speaks of MillraceRows is run with it behind its last line; another one as it lies there', async () => {
  const started: EngineProcess[] = []
  const program = join(folder, 'Rows.java')
  writeFileSync(program, 'class Rows { void write() { MillraceRows.write(null, 0); } }\n')
  const context = contextWith(started)
  await jobOf(taskOf({ source: program }), context).start()
  await jobOf(taskOf({ source: SOURCE }), contextWith(started)).start()
  assert.deepEqual(started.map(({ args }) => args.at(-1)), [join(context.directory, 'program', 'Rows.java'), SOURCE])
  assert.match(readFileSync(started[0]?.args.at(-1) ?? '', 'utf8'), /^class Rows .*\n\n[^]*\nfinal class MillraceRows /)
})

test('a trigger that reads what there is ends its job when the driver has ended; one that goes on does not', async () => {
  for (const [trigger, state] of [['availableNow', 'stopped'], ['once', 'stopped'], ['1 second', 'running']] as const) {
    const started: EngineProcess[] = []
    const released: string[] = []
    const job = jobOf(taskOf({ source: SOURCE, trigger }), contextWith(started, { release: name => { released.push(name); return Promise.resolve() } }))
    await job.start()
    started[0]?.onLine?.('2026-11-22 18:21:05.000 INFO SparkContext: Successfully stopped SparkContext')
    assert.deepEqual([job.status().state, released], [state, state === 'stopped' ? ['trend'] : []])
  }
})

test('DStreams: a consumer\'s settings, offsets committed, gaps in them allowed; its batches are told by its scheduler', async () => {
  const started: EngineProcess[] = []
  const task = taskOf({ source: SOURCE, api: 'receiver', kafka: { 'fetch.min.bytes': '9' } })
  const job = jobOf(task, contextWith(started))
  await job.start()
  const [driver] = started
  assert.ok(driver !== undefined)
  assert.equal(task.link.commitsOffsets, true)
  assert.deepEqual(propertiesIn(driver.env['MILLRACE_CONFIG']), { 'bootstrap.servers': 'localhost:9092', 'group.id': 'shop.trend', 'isolation.level': 'read_committed', 'auto.offset.reset': 'earliest', 'fetch.min.bytes': '9' })
  for (const option of ['-Dspark.master=local[3]', '-Dspark.streaming.kafka.allowNonConsecutiveOffsets=true']) assert.ok(driver.args.includes(option), option)
  assert.match('2026-11-22 18:20:00.000 INFO StreamingContext: StreamingContext started', QUERY_RUNS)
  driver.onLine?.('2026-11-22 18:20:02.123 INFO JobScheduler: Total delay: 0.123 s for time 1763835602000 ms (execution: 0.117 s)')
  assert.deepEqual([job.status().checkpoint?.ms, job.status().lagRecords], [117, null])
  driver.onLine?.('2026-11-22 18:20:03.123 ERROR JobScheduler: Error running job streaming job 1763835603000 ms.0')
  driver.onLine?.('org.apache.spark.SparkException: Job aborted')
  assert.deepEqual([job.status().state, job.status().lastError], ['restarting', 'org.apache.spark.SparkException: Job aborted'])
  assert.throws(() => spark({ sql: 'x.sql', api: 'direct' }), /no DStreams on Kafka/)
  assert.throws(() => spark({ source: SOURCE, api: 'direct', trigger: 'once' }), /its trigger is an interval, not once/)
  assert.throws(() => spark({ source: SOURCE, output: 'update' }), /output }\) is for sql/)
})

test('progress over many lines tells batch, rates and what the batch left behind; what is no progress tells nothing', () => {
  const log = new ProgressLog()
  const lines = `${BATCH}Streaming query made progress: ${JSON.stringify(PROGRESS, undefined, 2)}`.split('\n')
  const told = lines.map(line => log.take(line))
  assert.deepEqual(told[0], { kind: 'running' })
  assert.deepEqual(told.at(-1), { kind: 'progress', progress: { batch: 7, ms: 1_400, inPerSecond: 60.5, processedPerSecond: 80.25, lagRecords: 24, positions: [{ topic: 'sales', partition: 0, offset: 70 }, { topic: 'sales', partition: 1, offset: 65 }] } })
  assert.ok(told.slice(1, -1).every(each => each === undefined))
  assert.equal(progressOf('{"batchId": '), undefined)
  assert.equal(progressOf('{"other": 1}'), undefined)
  assert.deepEqual(progressOf('{"batchId": 3, "inputRowsPerSecond": "NaN", "sources": []}'), { batch: 3, ms: 0, inPerSecond: null, processedPerSecond: null, lagRecords: null, positions: null })
})

test('a progress that was cut off does not swallow what comes behind it', () => {
  const log = new ProgressLog()
  log.take(`${BATCH}Streaming query made progress: {`)
  log.take('  "id" : "a",')
  assert.deepEqual(log.take(`${BATCH}Streaming query has been idle and waiting for new data more than 10000 ms.`), { kind: 'idle' })
  assert.match(`${BATCH}Resuming at batch 7 with committed offsets`, QUERY_RUNS)
  assert.match(`${BATCH}Starting new streaming query.`, QUERY_RUNS)
})

test('the status follows the driver\'s log: a batch, a failed query, a driver that came anew, and a stop', async () => {
  const started: EngineProcess[] = []
  const job = jobOf(taskOf({ source: SOURCE }), contextWith(started))
  await job.start()
  const say = (...lines: string[]): void => { for (const line of lines) started[0]?.onLine?.(line) }
  say(...`${BATCH}Streaming query made progress: ${JSON.stringify(PROGRESS, undefined, 2)}`.split('\n'))
  const { state, inPerSecond, lagRecords, checkpoint } = job.status()
  assert.deepEqual([state, inPerSecond, lagRecords, checkpoint?.ms, checkpoint?.failed], ['running', 60.5, 24, 1_400, 0])
  say('2026-11-22 18:21:00.000 ERROR MicroBatchExecution: Query [id = a, runId = b] terminated with error', 'java.lang.IllegalStateException: Partition sales-0\'s offset was changed from 70 to 3')
  assert.deepEqual([job.status().state, job.status().lastError], ['restarting', 'java.lang.IllegalStateException: Partition sales-0\'s offset was changed from 70 to 3'])
  say('2026-11-22 18:21:05.000 INFO SparkContext: Running Spark version 3.5.1')
  assert.deepEqual([job.status().state, job.status().lagRecords], ['restarting', null])
  say(`${BATCH}Resuming at batch 8 with committed offsets {}`)
  assert.equal(job.status().state, 'running')
  await job.stop()
  say('2026-11-22 18:22:00.000 ERROR MicroBatchExecution: Query [id = a, runId = b] terminated with error', 'java.lang.InterruptedException')
  assert.equal(job.status().state, 'stopped')
})

test('a driver with its tasks inside it is rescaled by a stop and a start with other cores; one that does not run gets them at its start', async () => {
  const started: EngineProcess[] = []
  const released: string[] = []
  const job = jobOf(taskOf({ source: SOURCE }), contextWith(started, { release: name => { released.push(name); return Promise.resolve() } }))
  const masters = (): (string | undefined)[] => started.map(each => each.args.find(arg => arg.startsWith('-Dspark.master=')))
  await job.rescale?.(3)
  assert.deepEqual([job.status().instances, started.length, released.length], [3, 0, 0])
  await job.start()
  await job.rescale?.(1)
  assert.deepEqual([masters(), released, job.status().instances, job.status().state], [['-Dspark.master=local[3]', '-Dspark.master=local[1]'], ['trend'], 1, 'running'])
  await job.rescale?.(1)
  assert.equal(started.length, 2, 'as many as there are: nothing is touched')
})

test('what cannot be rescaled is refused with the reason: another master, a Receiver without a core for its records', async () => {
  const remote = jobOf(taskOf({ source: SOURCE, master: 'spark://far:7077' }), contextWith([]))
  assert.equal(remote.status().instances, null)
  await assert.rejects(async () => remote.rescale?.(2), /runs on master spark:\/\/far:7077/)
  await assert.rejects(async () => jobOf(taskOf({ source: SOURCE, api: 'receiver' }), contextWith([])).rescale?.(1), /takes one core of 'trend' for itself: it needs at least 2/)
})

test('a driver that does not start fails the job with what its query said last', async () => {
  const job = jobOf(taskOf({ source: SOURCE }), contextWith([], {
    supervise: each => {
      each.onLine?.('2026-11-22 18:21:00.000 ERROR MicroBatchExecution: Query [id = a] terminated with error')
      each.onLine?.('org.apache.kafka.common.errors.TimeoutException: no broker')
      return Promise.reject(new Error('trend ended with 1'))
    },
  }))
  await assert.rejects(job.start(), /ended with 1/)
  assert.deepEqual([job.status().state, job.status().lastError], ['failed', 'org.apache.kafka.common.errors.TimeoutException: no broker'])
})
