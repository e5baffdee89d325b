/**
 * A task of the graph that is a Spark Structured Streaming job (3.5): one driver, a JVM program or a Python script, that starts one query.
 *
 * The program finds what it needs in its environment, as every foreign process does (`process.ts`), and in addition
 *
 *   MILLRACE_CONFIG        a properties file with the options of its Kafka source, for `readStream().format("kafka").options(…)`: kafka.bootstrap.servers,
 *                          subscribe, kafka.isolation.level, startingOffsets, and what `source` says
 *   MILLRACE_CHECKPOINTS   the folder for `checkpointLocation`: the same at each start, so that the query goes on where it was
 *   MILLRACE_TRIGGER_MS    for `Trigger.ProcessingTime`
 *
 * Spark's own settings (`spark.master`, `spark.app.name`, `config`) are set before it runs: `SparkSession.builder().getOrCreate()` has them.
 */
import { MillraceError } from '../../base/errors.ts'
import { type Duration, ms } from '../../base/duration.ts'
import type { Link, SparkProgram, SparkSpec } from '../../topology/foreign.ts'

export interface SparkOptions {
  /** A `.java` file: compiled by the JVM as it starts (needs a JDK), with the distribution on its class path. */
  readonly source?: string | undefined
  /** Or a jar: what it does not bring itself comes from the distribution. */
  readonly jar?: string | undefined
  /** The class to run: of `jar`, or of `classPath`. */
  readonly mainClass?: string | undefined
  /** Or a Python script, run by `python3` with PySpark (`millrace engines install spark-python`). */
  readonly python?: string | undefined
  /** Further jars and folders, for the JVM. */
  readonly classPath?: readonly string[] | undefined
  readonly args?: readonly string[] | undefined
  /** `local[2]` without it: two tasks at a time inside the driver. */
  readonly master?: string | undefined
  /** Shortest time from batch to batch; results are seen this much later. `'1 second'` without it. */
  readonly trigger?: Duration | undefined
  /** Of the Kafka source: `{ maxOffsetsPerTrigger: '10000' }` bounds a batch, and with it the time to come back after a kill. */
  readonly kafka?: Readonly<Record<string, string>> | undefined
  /** `3.5` without it. */
  readonly version?: string | undefined
  /** Spark's own settings: `{ 'spark.sql.shuffle.partitions': '4' }`. */
  readonly config?: Readonly<Record<string, string>> | undefined
  /** Of the driver's JVM; `['-Xmx512m']` without it. */
  readonly javaOptions?: readonly string[] | undefined
}

/** Spark's Kafka sink has no transactions, stamps with the time of writing, and positions are in the checkpoint: nothing is committed to Kafka. */
const USUAL: Link = {
  guarantee: 'atLeastOnce', duplicates: undefined, isolation: 'read_committed', commitsOffsets: false, group: undefined,
  transactionalIdPrefix: undefined, transactionTimeoutMs: undefined, partitioner: 'murmur2', timestamps: 'written', keepsHeaders: false,
}

/** What the graph says already; said twice, the two could differ. */
const OF_THE_GRAPH: Readonly<Record<string, string>> = {
  'kafka.bootstrap.servers': 'the cluster that the app runs on', subscribe: 'what the task reads', 'kafka.isolation.level': 'the task\'s `isolation`',
}

/**
 * For `{ on }` of a task: a Spark job. Describes; starts nothing.
 *
 * @example
 *   .task('trend', { on: spark({ source: 'Trend.java' }), reads: [sales], writes: [trends], duplicates: { removedBy: 'once' } })
 */
export function spark(options: SparkOptions): SparkSpec {
  const { version = '3.5', trigger = '1 second', master = 'local[2]', kafka = {}, config = {} } = options
  for (const [name, owner] of Object.entries(OF_THE_GRAPH)) {
    if (name in kafka) throw new MillraceError('TOPOLOGY_INVALID', `spark({ kafka }): ${name} is ${owner}`)
  }
  for (const name of Object.keys(config)) {
    if (!name.startsWith('spark.')) throw new MillraceError('TOPOLOGY_INVALID', `spark({ config }): Spark's settings begin with 'spark.', not '${name}'. Options of the Kafka source go into kafka: { … }.`)
    if (name === 'spark.master') throw new MillraceError('TOPOLOGY_INVALID', 'spark({ config }): spark.master is the option master')
  }
  return {
    engine: 'spark', link: USUAL, version, program: programOf(options), args: options.args ?? [], master, triggerMs: ms(trigger), source: kafka, config,
    javaOptions: options.javaOptions ?? ['-Xmx512m'],
  }
}

function programOf({ source, jar, python, mainClass, classPath = [] }: SparkOptions): SparkProgram {
  if ([source, jar, python].filter(each => each !== undefined).length > 1) throw new MillraceError('TOPOLOGY_INVALID', 'spark({ source, jar, python }): one of them')
  if (python !== undefined) return { kind: 'python', path: python }
  if (source !== undefined) return { kind: 'source', path: source, classPath }
  if (jar !== undefined) return { kind: 'jar', path: jar, mainClass, classPath }
  if (mainClass !== undefined) return { kind: 'class', name: mainClass, classPath }
  throw new MillraceError('TOPOLOGY_INVALID', 'spark() needs what to run: { source: "Trend.java" }, { jar: "trend.jar", mainClass }, { mainClass, classPath } or { python: "trend.py" }')
}
