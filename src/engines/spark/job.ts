/**
 * The job of a `spark()` task: one driver under the supervisor, with a folder for its checkpoints, watched by its log (`progress.ts`).
 *
 * SP1. The checkpoint's folder is the job's for good. A driver that dies is started again by the supervisor and goes on from there by itself: the batch that
 *      was under way runs again, over the same offsets, so what it had written is written once more.
 * SP2. `stop` ends the driver between any two of its steps. What its last batch had read and not committed is read again at the next start: SP1.
 * SP3. A task whose topics changed needs another checkpoint: Spark's own rule. Removing the folder begins anew.
 * SP4. A query that reads what there is and ends (`availableNow`, `once`) ends its job: it is stopped, and a start goes on from its checkpoint.
 * SP5. A `.java` file is run as it lies there, unless it speaks of `MillraceRows`: then that class is put behind its last line, in a copy of the job's. Lines keep
 *      their numbers.
 */
import { basename, delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError, messageOf } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import type { JvmProgram, SparkProgram, SparkSpec } from '../../topology/foreign.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import { type EngineProcess, type Job, type JobContext, type JobStatus, UNKNOWN_STATUS } from '../engine.ts'
import { readText, writeText } from '../files.ts'
import { jvmArguments } from '../jvm.ts'
import { propertiesText } from '../properties.ts'
import { processEnvironment } from '../process.ts'
import { statementsOf } from '../sql-script.ts'
import { log4jText, ProgressLog, QUERY_RUNS, type Told } from './progress.ts'

const JAVA_MIN = 17
/** A source file is compiled first, and a driver takes its time on a busy machine. */
const READY_MS_MAX = 180_000
/** What the Kafka source is made of; all else of Spark comes with PySpark. */
const CONNECTOR = /[/\\](?:spark-sql-kafka-|spark-token-provider-kafka-|kafka-clients-|commons-pool2-)[^/\\]*\.jar$/

const PROGRAMS = fileURLToPath(new URL('./programs', import.meta.url))

type Task = ForeignTaskPlan & { readonly on: SparkSpec }
type Started = Pick<EngineProcess, 'command' | 'args' | 'env'>

export function sparkJob(task: Task, context: JobContext): Job {
  return new SparkJob(task, context)
}

/** `local[N]`; the cores are the first group. */
const LOCAL_MASTER = /^local\[(\d+)\]$/

class SparkJob implements Job {
  #task: Task
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
      // One that reads what there is may have ended by now.
      if (this.#status.state === 'starting') this.#set({ state: 'running' })
    } catch (error) {
      this.#isUp = false
      const said = refusalIn(error)
      this.#set({ state: 'failed', lastError: said?.message ?? this.#status.lastError ?? messageOf(error) })
      throw said ?? error
    }
  }

  async stop(): Promise<void> {
    // What a driver says while it is ended is no failure.
    this.#isUp = false
    await this.#context.release(this.#task.name)
    this.#set({ state: 'stopped', inPerSecond: null, outPerSecond: null, lagRecords: null })
  }

  /** SP6. */
  async rescale(cores: number): Promise<void> {
    const { name, on } = this.#task
    if (coresOf(on.master) === null) throw new MillraceError('USAGE', `Task '${name}' runs on master ${on.master}: how many cores it has is that one's to say. Here a driver with local[N] can be rescaled.`)
    if (on.api === 'receiver' && cores < 2) throw new MillraceError('USAGE', `A Receiver takes one core of '${name}' for itself: it needs at least 2.`)
    if (cores === coresOf(on.master)) return
    const wasUp = this.#isUp
    if (wasUp) await this.stop()
    this.#task = { ...this.#task, on: { ...on, master: `local[${cores}]` } }
    if (wasUp) await this.start()
  }

  status(): JobStatus {
    return { ...this.#status, instances: coresOf(this.#task.on.master) }
  }

  #heard(told: Told | undefined): void {
    if (told === undefined || !this.#isUp) return
    switch (told.kind) {
      // A driver that comes while the job counts as running is there because the one before died.
      case 'driver': return this.#status.state === 'starting' ? undefined : this.#set({ state: 'restarting', inPerSecond: null, lagRecords: null })
      case 'running': return this.#set({ state: 'running' })
      case 'idle': return this.#set({ state: 'running', inPerSecond: 0, lagRecords: 0 })
      case 'ended': return this.#ended()
      case 'failed':
        this.#failed++
        return this.#set({ state: 'restarting', lastError: told.reason })
      case 'progress': {
        const { ms, inPerSecond, lagRecords, positions } = told.progress
        this.#set({ state: 'running', inPerSecond, lagRecords, positions, checkpoint: { at: this.#context.clock.now(), ms, bytes: null, failed: this.#failed } })
      }
    }
  }

  /** SP4. */
  #ended(): void {
    const { kind } = this.#task.on.trigger
    if ((kind !== 'availableNow' && kind !== 'once') || this.#status.state === 'restarting') return
    this.#isUp = false
    this.#set({ state: 'stopped', inPerSecond: null, outPerSecond: null })
    this.#context.release(this.#task.name).catch((error: unknown) => { this.#context.logger.error(messageOf(error)) })
  }

  #set(change: Partial<JobStatus>): void {
    this.#status = { ...this.#status, ...change }
  }
}

function coresOf(master: string): number | null {
  const cores = LOCAL_MASTER.exec(master)?.[1]
  return cores === undefined ? null : Number(cores)
}

/** What the driver of SQL says of a statement that Spark refuses, among its last words. */
function refusalIn(error: unknown): MillraceError | undefined {
  const refusal = /✖ CONFIG_INVALID {2}(.*)/.exec(messageOf(error))?.[1]
  return refusal === undefined ? undefined : new MillraceError('CONFIG_INVALID', refusal, { cause: error })
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
    MILLRACE_CONFIG: source, MILLRACE_CHECKPOINTS: checkpoints, MILLRACE_TRIGGER: on.trigger.kind, ...'ms' in on.trigger ? { MILLRACE_TRIGGER_MS: String(on.trigger.ms) } : {},
    // A driver that runs its tasks itself listens for nobody else.
    ...on.master.startsWith('local') ? { SPARK_LOCAL_IP: '127.0.0.1' } : {},
  }
  const settings = sparkSettings(task, directory)
  const jvm = [...spark.manifest.javaOptions, `-Dlog4j2.configurationFile=${log4j}`, ...on.javaOptions]
  if (on.program.kind !== 'python') {
    const { program, args } = jvmProgramOf(on.program, context)
    return { command: java, args: [...jvmArguments(disk, program, spark.classpath, [...jvm, ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)]), ...args, ...on.args], env }
  }
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
    command: 'python3', args: ['-u', join(PROGRAMS, 'millrace_launch.py'), path, ...on.args],
    env: { ...env, PYTHONPATH: [PROGRAMS, ...pythonPath === undefined ? [] : [pythonPath]].join(delimiter), ...javaHome === undefined ? {} : { JAVA_HOME: javaHome }, PYSPARK_SUBMIT_ARGS: `--properties-file ${quoted(conf)} pyspark-shell` },
  }
}

/** What the JVM runs, and what it is told first. */
function jvmProgramOf(program: Exclude<SparkProgram, { readonly kind: 'python' }>, { disk, directory }: JobContext): { readonly program: JvmProgram; readonly args: readonly string[] } {
  if (program.kind === 'sql') {
    const path = resolve(program.path)
    if (!disk.exists(path)) throw new MillraceError('CONFIG_INVALID', `sql ${path} does not exist. Paths are taken from the directory that millrace was started in.`)
    const statements = join(directory, 'statements')
    writeText(disk, statements, statementsInPlace(program.path, readText(disk, path)))
    const watermark = program.watermarkMs === undefined ? [] : [String(program.watermarkMs)]
    return { program: { kind: 'source', path: withRows(disk, directory, join(PROGRAMS, 'MillraceSql.java')), classPath: [] }, args: [program.path, statements, program.output, ...watermark] }
  }
  if (program.kind !== 'source' || !disk.exists(resolve(program.path))) return { program, args: [] }
  return { program: { ...program, path: withRows(disk, directory, resolve(program.path)) }, args: [] }
}

/** SP5. */
function withRows(disk: Disk, directory: string, path: string): string {
  const program = readText(disk, path)
  if (!/\bMillraceRows\b/.test(program) || /\bclass MillraceRows\b/.test(program)) return path
  const copy = join(directory, 'program', basename(path))
  writeText(disk, copy, program + readText(disk, join(PROGRAMS, 'MillraceRows.java')))
  return copy
}

/** Each filled up with blanks to where it is in the file: Spark then names lines and columns of the file. */
function statementsInPlace(file: string, script: string): string {
  const statements = statementsOf(script)
  if (statements.length === 0) throw new MillraceError('CONFIG_INVALID', `${file} has no statement: its last one is the SELECT whose rows are written`)
  return statements.map(({ text, line, column }) => '\n'.repeat(line - 1) + ' '.repeat(column - 1) + text).join('\0')
}

/** Of the Kafka source, or of the consumer of DStreams; the user's own come last. */
export function sourceOptions(task: Task, bootstrap: string): Record<string, string> {
  if (task.on.api !== 'structured') return { 'bootstrap.servers': bootstrap, 'group.id': task.group, 'isolation.level': task.link.isolation, 'auto.offset.reset': 'earliest', ...task.on.source }
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
    // What tasks of ours write has gaps in its offsets, where transactions end.
    ...task.on.api !== 'structured' ? { 'spark.streaming.kafka.allowNonConsecutiveOffsets': 'true' } : {},
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
