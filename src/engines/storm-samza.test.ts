import { strict as assert } from 'node:assert'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { test } from 'node:test'
import { jobContext } from '../../test/support/job-context.ts'
import { silentLogger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { app } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { realEnv } from '../env/real/env.ts'
import { text } from '../serde/text.ts'
import { build } from '../topology/build.ts'
import type { ForeignSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { EngineProcess, Job, JobContext } from './engine.ts'
import { readText } from './files.ts'
import { endOf } from './java-trace.ts'
import { jobOf } from './job.ts'
import { samza } from './samza.ts'
import { metricsLogged, SamzaMetrics } from './samza-metrics.ts'
import { storm } from './storm/storm.ts'
import { stormOptions } from './storm/metrics.ts'

const numbers = topic('numbers', { key: text, value: text })
const scores = topic('scores', { key: text, value: text })

function taskOf(on: ForeignSpec): ForeignTaskPlan {
  const [task] = build(app('shop').task('score', { on, reads: [numbers], writes: [scores] })).tasks
  assert.ok(task?.kind === 'foreign')
  return task
}

interface StartedJob {
  readonly job: Job
  readonly process: EngineProcess
  readonly settings: string
  readonly directory: string
  /** Processes that were ended. */
  readonly released: readonly string[]
  /** What each process was told of one setting, as they were started. */
  tellings(setting: string): readonly (string | undefined)[]
}

/** The job of `on` and the process that it starts, on a cluster whose topics have three copies. */
async function started(on: ForeignSpec, parts: Partial<JobContext> = {}, javaOptions: readonly string[] = []): Promise<StartedJob> {
  const processes: EngineProcess[] = []
  const files: string[] = []
  const released: string[] = []
  const manifest = { name: 'engine', version: '1.0.0', describe: '', java: 17, javaOptions, jars: [], wheels: [] }
  const admin = new Admin(Object.create(Cluster.prototype))
  admin.describeTopics = names => Promise.resolve(names.map(name => ({ name, topicId: '', internal: false, partitions: [{ partition: 0, leader: 1, leaderEpoch: 0, replicas: [1, 2, 3], inSync: [1] }] })))
  const context = jobContext({
    admin, logger: silentLogger, java: () => Promise.resolve('java'), installation: () => ({ manifest, directory: '/d', classpath: ['/d/a.jar', '/d/b.jar'], pythonPath: undefined }),
    release: name => { released.push(name); return Promise.resolve() },
    supervise: each => {
      processes.push(each)
      files.push(readText(realEnv.disk, each.env['MILLRACE_CONFIG'] ?? ''))
      return Promise.resolve()
    },
    ...parts,
  })
  const job = jobOf(taskOf(on), context)
  await job.start()
  const [process] = processes
  const [settings] = files
  assert.ok(process !== undefined && settings !== undefined)
  const tellings = (setting: string): (string | undefined)[] => files.map(file => file.split('\n').find(line => line.startsWith(`${setting}=`))?.slice(setting.length + 1))
  return { job, process, settings, directory: context.directory, released, tellings }
}

const isLine = ({ ready }: EngineProcess, line: string): boolean => ready.kind === 'line' && ready.pattern.test(line)
const told = (settings: string, lines: readonly string[]): void => { for (const line of lines) assert.ok(settings.split('\n').includes(line), `${line} in\n${settings}`) }

test('storm: at least once with Kafka\'s partitioner; its JVM is told of the spout\'s group, and runs when a spout is active', async () => {
  const on = storm({ mainClass: 'Score', config: { 'topology.message.timeout.secs': '5' } })
  const { link } = taskOf(on)
  assert.deepEqual([link.guarantee, link.partitioner, link.commitsOffsets, link.transactionalIdPrefix], ['atLeastOnce', 'murmur2', true, undefined])
  const { job, process, settings, directory } = await started(on)
  assert.deepEqual(process.args, ['-Dlog4j2.level=INFO', `-Djava.io.tmpdir=${directory}/scratch`, stormOptions(), '-Xmx256m', '-cp', ['/d/a.jar', '/d/b.jar'].join(delimiter), 'Score'])
  assert.ok(realEnv.disk.exists(join(directory, 'scratch')), 'Java does not make its temporary folder')
  told(settings, ['group.id=shop.score', 'isolation.level=read_committed', 'topology.message.timeout.secs=5', 'parallelism=1'])
  assert.ok(isLine(process, '12:00:00 INFO  o.a.s.e.s.SpoutExecutor - Activating spout clicks:[2]'))
  assert.equal(job.status().instances, 1)
  assert.throws(() => storm({ mainClass: 'Score', config: { 'group.id': 'x' } }), /the task's `group`/)
  assert.throws(() => storm({}), /storm\(\) needs what to run/)
})

test('samza: at least once with a partitioner of its own, positions of its own, one instance; it runs when it enters its loop', async () => {
  const on = samza({ mainClass: 'Score' })
  const { link } = taskOf(on)
  assert.deepEqual([link.guarantee, link.partitioner, link.commitsOffsets], ['atLeastOnce', 'hashCode', false])
  const { job, process, settings } = await started(on, {}, ['--add-opens=x'])
  assert.deepEqual(process.args.slice(0, 2), ['--add-opens=x', '-Xmx256m'])
  told(settings, ['app.name=shop-score', 'task.checkpoint.replication.factor=3', 'systems.kafka.default.stream.replication.factor=3', 'task.transactional.state.restore.enabled=true', 'job.container.thread.pool.size=1'])
  assert.ok(isLine(process, '[main] INFO org.apache.samza.container.SamzaContainer - Entering run loop.'))
  assert.equal(job.status().instances, 1)
})

test('a sole JVM is rescaled by a stop and a start with other threads; one that does not run gets them at its start', async () => {
  for (const [on, told] of [[storm({ mainClass: 'Score', parallelism: 2 }), 'parallelism'], [samza({ mainClass: 'Score', parallelism: 2 }), 'job.container.thread.pool.size']] as const) {
    const { job, released, tellings } = await started(on)
    assert.equal(job.status().instances, 2)
    await job.rescale?.(3)
    await job.rescale?.(3)
    assert.deepEqual([tellings(told), released, job.status().instances, job.status().state], [['2', '3'], ['score'], 3, 'running'])
    await job.stop()
    await job.rescale?.(1)
    assert.deepEqual([job.status().instances, job.status().state], [1, 'stopped'])
    await job.start()
    assert.deepEqual([tellings(told), job.status().state], [['2', '3', '1'], 'running'])
  }
  assert.throws(() => storm({ mainClass: 'Score', parallelism: 0 }), /storm\(\{ parallelism \}\): a whole number of at least 1, not 0/)
})

test('a store of Samza behind an object cache is warned of, once; one without it, and what only looks like one, is not', async () => {
  const warnings: string[] = []
  const { process } = await started(samza({ mainClass: 'Score' }), { logger: { ...silentLogger, warn: message => warnings.push(message) } })
  const configured = (...settings: readonly string[]): void => process.onLine?.(`[main] INFO org.apache.samza.container.SamzaContainer$ - Using configuration: {${settings.join(', ')}}`)
  const changelog = (store: string): string => `stores.${store}.changelog=shop-score-1-table-${store}`
  configured('stores.default.changelog.replication.factor=1', changelog('seen'), 'stores.seen.object.cache.size=0')
  configured('stores.seen.object.cache.size=0', 'stores.seen.object.cache.size.max=0', changelog('seen'))
  process.onLine?.(`[main] INFO x - has generated configs {${changelog('per-key')}}`)
  assert.deepEqual(warnings, [])
  const settings = [changelog('seen'), 'stores.seen.object.cache.size=0', changelog('per-key'), 'task.commit.ms=1000', changelog('larger'), 'stores.larger.object.cache.size=01']
  configured(...settings)
  configured(...settings)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /^task 'score': Samza keeps larger, per-key behind an object cache.*withObjectCacheSize\(0\)/)
})

test('the last error in the log is the innermost cause of its trace, and goes with the next start', async () => {
  const { job, process } = await started(storm({ mainClass: 'Score' }))
  const say = (...lines: readonly string[]): void => lines.forEach(line => process.onLine?.(line))
  say('12:00:00.000 [main] INFO  o.a.s.Thing - java.lang.Error is only a word here')
  assert.equal(job.status().lastError, null)
  say('12:00:00.000 [Thread-3] ERROR o.a.s.u.Utils - Async loop died!', 'java.lang.RuntimeException: outer', '\tat a.B.c(B.java:1)', 'Caused by: java.lang.IllegalStateException: no such item', '\t... 7 more', '12:00:01.000 [main] INFO  x - Caused by: nothing')
  assert.equal(job.status().lastError, 'java.lang.IllegalStateException: no such item')
  say('12:00:02.000 [Thread-3] ERROR o.a.s.Other - Halting process: worker died')
  assert.equal(job.status().lastError, 'o.a.s.Other - Halting process: worker died')
  await job.start()
  assert.equal(job.status().lastError, null)
})

test('why a JVM ended is the innermost cause of what was thrown, or what its compiler says', () => {
  const thrown = ['Exception in thread "main" org.apache.samza.SamzaException: Failed to start', '\tat a.B.c(B.java:1)', 'Caused by: java.lang.IllegalArgumentException: no sources', '\t... 2 more']
  assert.equal(endOf(thrown), 'java.lang.IllegalArgumentException: no sources')
  assert.equal(endOf(['[main] INFO x', ...thrown.slice(0, 2)]), 'org.apache.samza.SamzaException: Failed to start')
  assert.equal(endOf(['/app/Score.java:3: error: cannot find symbol', '    Scor x;', '    ^', '1 error', 'error: compilation failed']), '/app/Score.java:3: error: cannot find symbol')
  assert.equal(endOf(['Error: Could not find or load main class Score', 'Caused by: java.lang.ClassNotFoundException: Score']), 'java.lang.ClassNotFoundException: Score')
  assert.equal(endOf(['something else']), undefined)
})

test('samza\'s metrics tell its lag and rate; what it has not said is not known', () => {
  let now = 0
  const metrics = new SamzaMetrics(() => now)
  const say = (metric: string, value: number | string, instance = 'score-1'): void => metrics.take(`[Samza LoggingMetricsReporter Thread-0] INFO org.apache.samza.metrics.reporter.LoggingMetricsReporter - Metric: ${metric}, Value: ${value}`, instance)
  const processed = 'samza-container-0-org.apache.samza.container.SamzaContainerMetrics-process-envelopes'
  const lines: readonly (readonly [string, number])[] = [
    ['samza-container-0-org.apache.samza.system.kafka.KafkaSystemConsumerMetrics-kafka-numbers-0-messages-behind-high-watermark', 40],
    ['samza-container-0-org.apache.samza.system.kafka.KafkaSystemConsumerMetrics-kafka-numbers-1-messages-behind-high-watermark', 2],
    ['samza-container-0-org.apache.samza.system.kafka.KafkaSystemConsumerMetrics-buffered-message-count-SystemStreamPartition [kafka, numbers, 0]', 5],
    ['samza-container-0-org.apache.samza.checkpoint.OffsetManagerMetrics-kafka-numbers-1-checkpointed-offset', 41],
    ['samza-container-0-org.apache.samza.system.SystemConsumersMetrics-unprocessed-messages', 3], [processed, 1_000],
  ]
  assert.deepEqual(metrics.status(), { positions: null, inPerSecond: null, lagRecords: null })
  const wanted = new RegExp(`^(?:${metricsLogged(['numbers'])})$`)
  for (const [metric, value] of lines) {
    assert.match(metric, wanted)
    say(metric, value)
  }
  assert.doesNotMatch('samza-container-0-org.apache.samza.system.kafka.KafkaSystemConsumerMetrics-kafka-shop-score-1-table-seen-0-messages-behind-high-watermark', wanted)
  say('samza-container-0-x-unprocessed-messages', 'null')
  now = 2_000
  say(processed, 1_500)
  assert.deepEqual(metrics.status(), { positions: [{ topic: 'numbers', partition: 1, offset: 42 }], inPerSecond: 250, lagRecords: 50 })
  now = 3_000
  say(processed, 10)
  assert.equal(metrics.status().inPerSecond, 250, 'a process that was killed counts anew')
  now = 4_000
  say(processed, 110)
  assert.equal(metrics.status().inPerSecond, 100)
  say(processed, 1_000, 'score-2')
  say('samza-container-1-org.apache.samza.system.SystemConsumersMetrics-unprocessed-messages', 7, 'score-2')
  now = 5_000
  say(processed, 1_300, 'score-2')
  assert.deepEqual([metrics.status().inPerSecond, metrics.status().lagRecords], [400, 57], 'of two instances the sum')
  metrics.forgetShares()
  assert.deepEqual(metrics.status(), { positions: [{ topic: 'numbers', partition: 1, offset: 42 }], inPerSecond: null, lagRecords: null })
})

/** A file that begins as a jar does. */
function someJar(): string {
  const jar = join(mkdtempSync(join(tmpdir(), 'millrace-jar-')), 'score.jar')
  writeFileSync(jar, Buffer.from([0x50, 0x4b, 0x03, 0x04]))
  return jar
}

test('storm on a cluster: a host of ours submits the jar, tells its figures, and is told where Nimbus is', async () => {
  const jar = someJar()
  const { job, process, settings, released, tellings } = await started(storm({ jar, mainClass: 'Score', args: ['fast'], cluster: { nimbus: 'a:6627,b:6627' } }), { reach: () => Promise.resolve() })
  const [options, ...rest] = process.args.slice(process.args.indexOf(`-Dstorm.jar=${jar}`) + 1)
  assert.match(decodeURIComponent(options ?? ''), /^-Dstorm\.options=nimbus\.seeds=\["a","b"\],nimbus\.thrift\.port=6627,/)
  assert.deepEqual([rest.slice(0, 3), rest.slice(-3).map(path => basename(path))], [['-Xmx256m', '-cp', [jar, '/d/a.jar', '/d/b.jar'].join(delimiter)], ['MillraceTopology.java', 'Score', 'fast']])
  told(settings, ['topology.submit=cluster', 'topology.name=shop-score', 'parallelism=1'])
  const line = (runs: boolean): string => `MILLRACE {"topology":"shop-score-1-1","runs":${runs},"completeLatencyMs":12.5,"capacity":0.25,"acked":40,"failed":1,"error":"java.lang.IllegalStateException: x"}`
  assert.ok(isLine(process, line(true)) && !isLine(process, line(false)))
  assert.equal(job.status().storm, null)
  for (const each of ['MILLRACE {"said":"Nimbus does not answer"}', 'MILLRACE', line(true)]) process.onLine?.(each)
  assert.deepEqual([job.status().storm, job.status().lastError], [{ completeLatencyMs: 12.5, capacity: 0.25, acked: 40, failed: 1 }, 'java.lang.IllegalStateException: x'])
  await job.rescale?.(2)
  assert.deepEqual([tellings('parallelism'), released, job.status().instances], [['1', '2'], ['score'], 2])
})

test('storm on a cluster: no jar, a Nimbus that is none, and one that is not there, are refused with what to do', async () => {
  assert.throws(() => storm({ source: 'Score.java', cluster: { nimbus: 'a:6627' } }), /workers of a cluster get the program as a jar\. Name it and its main class: \{ jar: "score\.jar", mainClass: "Score" \}/)
  for (const nimbus of ['', 'a', 'a:6627,b:6628']) assert.throws(() => storm({ jar: 'score.jar', mainClass: 'Score', cluster: { nimbus } }), /nimbus is 'host:port', or several with one port/)
  await assert.rejects(started(storm({ jar: someJar(), mainClass: 'Score', cluster: { nimbus: 'a:6627' } }), { reach: () => Promise.reject(new Error('ECONNREFUSED')) }),
    { code: 'ENGINE_FAILED', retriable: true, message: "task 'score': no Nimbus takes a connection at a:6627. Start the Storm cluster, name another in storm({ cluster }), or leave that out: then all of Storm runs in one JVM." })
})

test('samza by ZooKeeper: instances with folders of their own share the tasks; rescaling starts and releases the difference', async () => {
  const reached: string[] = []
  const on = samza({ mainClass: 'Score', zookeeper: 'a:2181,b:2182/samza', instances: 2, parallelism: 3 })
  const { job, process, settings, directory, released, tellings } = await started(on, { reach: (host, port) => {
    reached.push(`${host}:${port}`)
    return host === 'b' ? Promise.resolve() : Promise.reject(new Error('ECONNREFUSED'))
  } })
  assert.equal(process.name, 'score-1')
  told(settings, ['job.coordinator.factory=org.apache.samza.zk.ZkJobCoordinatorFactory', 'job.coordinator.zk.connect=a:2181,b:2182/samza', 'app.processor-id-generator.class=org.apache.samza.runtime.UUIDGenerator', 'job.container.thread.pool.size=3'])
  assert.ok(!settings.includes('processor.id='), 'an id that stays would be refused while ZooKeeper waits for the one that was killed')
  assert.deepEqual(reached, ['a:2181', 'b:2182'])
  await job.rescale?.(3)
  await job.rescale?.(1)
  assert.deepEqual([tellings('job.logged.store.base.dir'), released, job.status().instances], [['1', '2', '3'].map(number => `${directory}/score-${number}-state`), ['score-2', 'score-3'], 1])
})

test('samza: instances without ZooKeeper, and a ZooKeeper that is none or is not there, are refused with what to do', async () => {
  assert.throws(() => samza({ mainClass: 'Score', instances: 2 }), /without ZooKeeper each of them would do all the work again\. Name one with \{ zookeeper: 'localhost:2181' \}, or .*\{ parallelism: 2 \}/)
  for (const zookeeper of ['', 'zk', 'zk:2181,other', '/samza']) assert.throws(() => samza({ mainClass: 'Score', zookeeper }), /'host:port', or several with commas/)
  await assert.rejects(started(samza({ mainClass: 'Score', zookeeper: 'zk:2181' }), { reach: () => Promise.reject(new Error('ECONNREFUSED')) }),
    { code: 'ENGINE_FAILED', retriable: true, message: "task 'score': no ZooKeeper takes a connection at zk:2181. Start it, name another in samza({ zookeeper }), or leave that out: then one JVM runs, and needs none." })
})

test("storm's own metrics: of spouts the latency of tuple trees, acknowledged and failed, of bolts the capacity; what it asks Storm for survives the command line", async () => {
  const { job, process } = await started(storm({ mainClass: 'Score' }))
  const say = (task: number, component: string, metric: string, value: string): void => process.onLine?.(`12:00:00.000 [Thread-7] INFO  o.a.s.m.LoggingMetricsConsumer - 1790000000\t      localhost:1024\t${String(task).padStart(3)}:${component.padEnd(11)}\t${metric.padEnd(23).slice(0, 23)}\t${value}`)
  assert.equal(job.status().storm, null)
  say(2, 'clicks', '__ack-count-default', '4200')
  say(2, 'clicks', '__ack-count-default.m1_rate', '99.5')
  say(2, 'clicks', '__fail-count-default', '20')
  say(2, 'clicks', '__complete-latency-default', '12.34')
  say(3, 'count', '__ack-count-clicks:default', '777')
  say(3, 'count', '__capacity', '0.071')
  say(4, 'counted', '__capacity', '1.2E-4')
  say(1, '__acker', '__capacity', '0.9')
  assert.deepEqual(job.status().storm, { completeLatencyMs: 12.34, capacity: 0.071, acked: 4200, failed: 20 })
  await job.start()
  assert.equal(job.status().storm, null, 'another JVM counts anew')
  const pairs = stormOptions().replace('-Dstorm.options=', '').split(',').map(pair => decodeURIComponent(pair).split('=', 2))
  assert.deepEqual(pairs.map(([name, value = '']) => [name, typeof JSON.parse(value)]).slice(0, 2), [['topology.metrics.consumer.register', 'object'], ['topology.enable.v2.metrics.tick', 'boolean']])
})
