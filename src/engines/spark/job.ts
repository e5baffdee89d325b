/**
 * The job of a `spark()` task: one driver under the supervisor, with a folder for its checkpoints, watched by its log (`progress.ts`).
 *
 * SP1. The checkpoint's folder is the job's for good. A driver that dies is started again by the supervisor and goes on from there by itself: the batch that
 *      was under way runs again, over the same offsets, so what it had written is written once more.
 * SP2. `stop` ends the driver between any two of its steps. What its last batch had read and not committed is read again at the next start: SP1.
 * SP3. A task whose topics changed needs another checkpoint: Spark's own rule. Removing the folder begins anew.
 */
import { delimiter, join, resolve } from 'node:path'
import { MillraceError, messageOf } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import type { JvmProgram, SparkSpec } from '../../topology/foreign.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import { type EngineProcess, type Job, type JobContext, type JobStatus, UNKNOWN_STATUS } from '../engine.ts'
import { writeText } from '../files.ts'
import type { Installation } from '../install/store.ts'
import { jvmArguments } from '../jvm.ts'
import { propertiesText } from '../properties.ts'
import { processEnvironment } from '../process.ts'
import { log4jText, ProgressLog, QUERY_RUNS, type Told } from './progress.ts'

const JAVA_MIN = 17
/** A source file is compiled first, and a driver takes its time on a busy machine. */
const READY_MS_MAX = 180_000
/** What the Kafka source is made of; all else of Spark comes with PySpark. */
const CONNECTOR = /[/\\](?:spark-sql-kafka-|spark-token-provider-kafka-|kafka-clients-|commons-pool2-)[^/\\]*\.jar$/

type Task = ForeignTaskPlan & { readonly on: SparkSpec }
type Started = Pick<EngineProcess, 'command' | 'args' | 'env'>

export function sparkJob(task: Task, context: JobContext): Job {
  return new SparkJob(task, context)
}

class SparkJob implements Job {
  readonly #task: Task
  readonly #context: JobContext
  #status: JobStatus = { ...UNKNOWN_STATUS, state: 'stopped' }
  #isUp = false
  #failed = 0

  constructor(task: Task, context: JobContext) {
    this.#task = task
    this.#context = context
  }

  async start(): Promise<void> {
    this.#set({ ...UNKNOWN_STATUS, state: 'starting' })
    this.#isUp = true
    try {
      const log = new ProgressLog()
      const started = await driverOf(this.#task, this.#context)
      await this.#context.supervise({
        ...started, name: this.#task.name, cwd: undefined, ready: { kind: 'line', pattern: QUERY_RUNS }, readyMsMax: READY_MS_MAX,
        onLine: line => { this.#heard(log.take(line)) },
      })
      this.#set({ state: 'running' })
    } catch (error) {
      this.#isUp = false
      this.#set({ state: 'failed', lastError: this.#status.lastError ?? messageOf(error) })
      throw error
    }
  }

  async stop(): Promise<void> {
    // What a driver says while it is ended is no failure.
    this.#isUp = false
    await this.#context.release(this.#task.name)
    this.#set({ state: 'stopped', inPerSecond: null, outPerSecond: null, lagRecords: null })
  }

  status(): JobStatus {
    return this.#status
  }

  #heard(told: Told | undefined): void {
    if (told === undefined || !this.#isUp) return
    switch (told.kind) {
      // A driver that comes while the job counts as running is there because the one before died.
      case 'driver': return this.#status.state === 'starting' ? undefined : this.#set({ state: 'restarting', inPerSecond: null, lagRecords: null })
      case 'running': return this.#set({ state: 'running' })
      case 'idle': return this.#set({ state: 'running', inPerSecond: 0, lagRecords: 0 })
      case 'failed':
        this.#failed++
        return this.#set({ state: 'restarting', lastError: told.reason })
      case 'progress': {
        const { ms, inPerSecond, lagRecords } = told.progress
        this.#set({ state: 'running', inPerSecond, lagRecords, checkpoint: { at: this.#context.clock.now(), ms, bytes: null, failed: this.#failed } })
      }
    }
  }

  #set(change: Partial<JobStatus>): void {
    this.#status = { ...this.#status, ...change }
  }
}

/** The driver's command line and environment; its files are written anew. */
async function driverOf(task: Task, context: JobContext): Promise<Started> {
  const { on } = task
  const { directory, disk } = context
  const java = await context.java(JAVA_MIN)
  const spark = context.installation(`spark@${on.version}`)
  const source = join(directory, 'source.properties')
  const log4j = join(directory, 'log4j2.properties')
  const checkpoints = join(directory, 'checkpoints')
  writeText(disk, source, propertiesText(sourceOptions(task, context.bootstrap)))
  writeText(disk, log4j, log4jText())
  disk.makeDirectory(checkpoints)
  const env = {
    ...processEnvironment(context.app, task, context.bootstrap, 0),
    MILLRACE_CONFIG: source, MILLRACE_CHECKPOINTS: checkpoints, MILLRACE_TRIGGER_MS: String(on.triggerMs),
    // A driver that runs its tasks itself listens for nobody else.
    ...on.master.startsWith('local') ? { SPARK_LOCAL_IP: '127.0.0.1' } : {},
  }
  const settings = sparkSettings(task, directory)
  const jvm = [...spark.manifest.javaOptions, `-Dlog4j2.configurationFile=${log4j}`, ...on.javaOptions]
  if (on.program.kind !== 'python') return { command: java, args: jvmDriver(disk, on.program, spark, [...jvm, ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)], on.args), env }
  const { pythonPath } = context.installation(`spark-python@${on.version}`)
  const path = resolve(on.program.path)
  if (!disk.exists(path)) throw new MillraceError('CONFIG_INVALID', `python ${path} does not exist. Paths are taken from the directory that millrace was started in.`)
  const conf = join(directory, 'spark.properties')
  writeText(disk, conf, propertiesText({
    ...settings, 'spark.driver.extraJavaOptions': jvm.filter(option => !option.startsWith('-Xmx')).map(quoted).join(' '), 'spark.driver.memory': memoryOf(on.javaOptions),
    'spark.driver.extraClassPath': spark.classpath.filter(jar => CONNECTOR.test(jar)).join(delimiter),
  }))
  const javaHome = /^(.*)[/\\]bin[/\\]java(?:\.exe)?$/.exec(java)?.[1]
  return {
    command: 'python3', args: ['-u', path, ...on.args],
    env: { ...env, ...pythonPath === undefined ? {} : { PYTHONPATH: pythonPath }, ...javaHome === undefined ? {} : { JAVA_HOME: javaHome }, PYSPARK_SUBMIT_ARGS: `--properties-file ${quoted(conf)} pyspark-shell` },
  }
}

function jvmDriver(disk: Disk, program: JvmProgram, spark: Installation, options: readonly string[], args: readonly string[]): string[] {
  return [...jvmArguments(disk, program, spark.classpath, options), ...args]
}

/** Of the Kafka source; the user's own come last. */
export function sourceOptions(task: Task, bootstrap: string): Record<string, string> {
  return {
    'kafka.bootstrap.servers': bootstrap, subscribe: task.reads.map(topic => topic.name).join(','), 'kafka.isolation.level': task.link.isolation,
    // Only where there is no checkpoint yet. Spark's own choice is `latest`, which would leave out what came before the first start.
    startingOffsets: 'earliest', groupIdPrefix: task.group, ...task.on.source,
  }
}

/** Spark's own; the user's come last. */
export function sparkSettings(task: Task, directory: string): Record<string, string> {
  return {
    'spark.master': task.on.master, 'spark.app.name': task.group,
    // No page, and no port of it: the status page shows the same.
    'spark.ui.enabled': 'false',
    // 200 are Spark's, for clusters: on one machine each is a file and a task per batch, for nothing.
    'spark.sql.shuffle.partitions': '4',
    'spark.sql.warehouse.dir': join(directory, 'warehouse'), 'spark.local.dir': join(directory, 'local'),
    ...task.on.config,
  }
}

/** `-Xmx512m` → `512m`: Spark takes the heap of a driver that it starts as a setting. */
function memoryOf(javaOptions: readonly string[]): string {
  return javaOptions.flatMap(option => /^-Xmx(.+)$/.exec(option)?.[1] ?? []).at(-1) ?? '1g'
}

/** As a POSIX shell reads it, and Python's shlex. */
function quoted(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, char => `\\${char}`)}"`
}
