/**
 * A task of the graph that is a Spark job (3.5): one driver, of SQL, a JVM program or a Python script, that runs one query of Structured Streaming or one
 * context of DStreams.
 *
 * The program finds what it needs in its environment, as every foreign process does (`process.ts`), and in addition
 *
 *   MILLRACE_CONFIG        a properties file with the options of its Kafka source, for `readStream().format("kafka").options(…)`: kafka.bootstrap.servers,
 *                          subscribe, kafka.isolation.level, startingOffsets, and what `source` says
 *   MILLRACE_CHECKPOINTS   the folder for `checkpointLocation`: the same at each start, so that the query goes on where it was
 *   MILLRACE_TRIGGER       `processingTime`, `continuous`, `availableNow` or `once`
 *   MILLRACE_TRIGGER_MS    for `Trigger.ProcessingTime` and `Trigger.Continuous`; of DStreams: the interval of batches
 *   PYTHONPATH             of a Python script: also the folder of `millrace_spark.py`, whose `write_rows` makes rows exact behind a `distinct`
 *
 * Of DStreams, MILLRACE_CONFIG has the settings of a Kafka consumer: bootstrap.servers, group.id, isolation.level, auto.offset.reset.
 *
 * Spark's own settings (`spark.master`, `spark.app.name`, `config`) are set before it runs: `SparkSession.builder().getOrCreate()` has them.
 */
import { unreachable } from '../../base/assert.ts'
import { MillraceError } from '../../base/errors.ts'
import { type Duration, ms } from '../../base/duration.ts'
import type { Link, SparkApi, SparkOutputMode, SparkProgram, SparkSpec, SparkTrigger } from '../../topology/foreign.ts'

export interface SparkOptions {
  /** A `.java` file: compiled by the JVM as it starts (needs a JDK), with the distribution on its class path. */
  readonly source?: string | undefined
  /** Or a jar: what it does not bring itself comes from the distribution. */
  readonly jar?: string | undefined
  /** The class to run: of `jar`, or of `classPath`. */
  readonly mainClass?: string | undefined
  /** Or a Python script, run by `python3` with PySpark (`millrace engines install spark-python`). */
  readonly python?: string | undefined
  /**
   * Or a file of SQL statements. Each topic that the task reads is a view (`shop.clicks` is `shop_clicks`) with `key` and `value` as strings, `topic`,
   * `partition`, `offset`, `timestamp` and `headers`. The last statement is a SELECT of `key` and `value`: what is written. A row has the header `row`,
   * made of the batch and of `row_id`, a third column, without which it is the key: the same on a retry, and unique in a batch.
   */
  readonly sql?: string | undefined
  /** Of SQL: `append` without it. */
  readonly output?: SparkOutputMode | undefined
  /** Of SQL: how far behind the newest `timestamp` a record may come and still be counted; windows close so much later. */
  readonly watermark?: Duration | undefined
  /** `direct`, `receiver`: Spark Streaming's older batches of RDDs (DStreams), in a `source`, `jar` or class, by this way of reading. `structured` without it. */
  readonly api?: SparkApi | undefined
  /** Further jars and folders, for the JVM. */
  readonly classPath?: readonly string[] | undefined
  readonly args?: readonly string[] | undefined
  /** `local[2]` without it: two tasks at a time inside the driver. */
  readonly master?: string | undefined
  /**
   * Shortest time from batch to batch; results are seen this much later. `'1 second'` without it. `availableNow` (in several batches) and `once` read what there
   * is and end; a start goes on from there. `continuous`: no batches; a checkpoint each so often. For projections and filters alone.
   */
  readonly trigger?: Duration | 'availableNow' | 'once' | { readonly continuous: Duration } | undefined
  /** Of the Kafka source, or of the consumer of DStreams: `{ maxOffsetsPerTrigger: '10000' }` bounds a batch, and with it the time to come back after a kill. */
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
  'bootstrap.servers': 'the cluster that the app runs on', 'group.id': 'the task\'s `group`', 'isolation.level': 'the task\'s `isolation`',
}

/**
 * For `{ on }` of a task: a Spark job. Describes; starts nothing.
 *
 * @example
 *   .task('trend', { on: spark({ source: 'Trend.java' }), reads: [sales], writes: [trends], duplicates: { removedBy: 'once' } })
 */
export function spark(options: SparkOptions): SparkSpec {
  const { version = '3.5', api = 'structured', kafka = {}, config = {} } = options
  // A receiver takes a task for good.
  const master = options.master ?? (api === 'receiver' ? 'local[3]' : 'local[2]')
  for (const [name, owner] of Object.entries(OF_THE_GRAPH)) {
    if (name in kafka) throw new MillraceError('TOPOLOGY_INVALID', `spark({ kafka }): ${name} is ${owner}`)
  }
  for (const name of Object.keys(config)) {
    if (!name.startsWith('spark.')) throw new MillraceError('TOPOLOGY_INVALID', `spark({ config }): Spark's settings begin with 'spark.', not '${name}'. Options of the Kafka source go into kafka: { … }.`)
    if (name === 'spark.master') throw new MillraceError('TOPOLOGY_INVALID', 'spark({ config }): spark.master is the option master')
  }
  const program = programOf(options)
  const trigger = triggerOf(options.trigger ?? '1 second')
  if (api !== 'structured' && (program.kind === 'sql' || program.kind === 'python')) throw new MillraceError('TOPOLOGY_INVALID', `spark({ api: '${api}' }): a ${program.kind} program has no DStreams on Kafka; give it a source, jar or mainClass`)
  if (api !== 'structured' && trigger.kind !== 'processingTime') throw new MillraceError('TOPOLOGY_INVALID', `spark({ api: '${api}' }): its trigger is an interval, not ${trigger.kind}`)
  return { engine: 'spark', link: linkOf(api), version, program, args: options.args ?? [], master, api, trigger, source: kafka, config, javaOptions: options.javaOptions ?? ['-Xmx512m'] }
}

/** Of DStreams, positions are the group's: what its way of committing them promises is for the task to say. A range of offsets ends where a transaction does (SPARK-24720). */
function linkOf(api: SparkApi): Link {
  switch (api) {
    case 'structured': return USUAL
    case 'receiver': return { ...USUAL, commitsOffsets: true }
    case 'direct': return { ...USUAL, commitsOffsets: true, transactionEnds: 'waitedFor' }
    default: return unreachable(api)
  }
}

function triggerOf(trigger: NonNullable<SparkOptions['trigger']>): SparkTrigger {
  if (trigger === 'availableNow' || trigger === 'once') return { kind: trigger }
  return typeof trigger === 'object' ? { kind: 'continuous', ms: ms(trigger.continuous) } : { kind: 'processingTime', ms: ms(trigger) }
}

function programOf({ source, jar, python, sql, output, watermark, mainClass, classPath = [] }: SparkOptions): SparkProgram {
  if ([source, jar, python, sql].filter(each => each !== undefined).length > 1) throw new MillraceError('TOPOLOGY_INVALID', 'spark({ source, jar, python, sql }): one of them')
  if (sql !== undefined) return { kind: 'sql', path: sql, output: output ?? 'append', watermarkMs: watermark === undefined ? undefined : ms(watermark) }
  if (output !== undefined || watermark !== undefined) throw new MillraceError('TOPOLOGY_INVALID', `spark({ ${output === undefined ? 'watermark' : 'output'} }) is for sql; a program says it in its code`)
  if (python !== undefined) return { kind: 'python', path: python }
  if (source !== undefined) return { kind: 'source', path: source, classPath }
  if (jar !== undefined) return { kind: 'jar', path: jar, mainClass, classPath }
  if (mainClass !== undefined) return { kind: 'class', name: mainClass, classPath }
  throw new MillraceError('TOPOLOGY_INVALID', 'spark() needs what to run: { source: "Trend.java" }, { jar: "trend.jar", mainClass }, { mainClass, classPath }, { python: "trend.py" } or { sql: "trend.sql" }')
}
