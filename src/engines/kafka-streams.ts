/**
 * A task of the graph that is a Kafka Streams application (4.1): any number of instances, each a JVM of its own.
 *
 * The program finds what it needs in its environment, as every foreign process does (`process.ts`), and in addition
 *
 *   MILLRACE_CONFIG   a properties file for `StreamsConfig`: bootstrap.servers, application.id (the task's group), processing.guarantee,
 *                     state.dir (of this instance), commit.interval.ms and what `config` says
 *
 * `{config}` in `args` becomes that file's path, for programs that take it as an argument.
 */
import { MillraceError } from '../base/errors.ts'
import type { JvmProgram, KafkaStreamsSpec, Link } from '../topology/foreign.ts'

export interface KafkaStreamsOptions {
  /** A `.java` file: compiled by the JVM as it starts (needs a JDK), with the distribution on its class path. */
  readonly source?: string | undefined
  /** Or a jar: what it does not bring itself comes from the distribution. */
  readonly jar?: string | undefined
  /** The class to run: of `jar` (without it the one its manifest names), or of `classPath`. */
  readonly mainClass?: string | undefined
  /** Further jars and folders. */
  readonly classPath?: readonly string[] | undefined
  readonly args?: readonly string[] | undefined
  /** Processes; 1 without it. Shards move between them as Kafka Streams decides. */
  readonly instances?: number | undefined
  /** `4.1` without it. */
  readonly version?: string | undefined
  /** Of `StreamsConfig`: `{ 'num.stream.threads': '2' }`. */
  readonly config?: Readonly<Record<string, string>> | undefined
  /** `['-Xmx256m']` without it. */
  readonly javaOptions?: readonly string[] | undefined
}

/** `processing.guarantee=exactly_once_v2`, whose transactions Kafka Streams ends within 10 s. */
const USUAL: Link = {
  guarantee: 'exactlyOnce', duplicates: undefined, isolation: 'read_committed', commitsOffsets: true, group: undefined,
  transactionalIdPrefix: undefined, transactionTimeoutMs: 10_000, partitioner: 'murmur2', timestamps: 'event', keepsHeaders: true,
}

/**
 * For `{ on }` of a task: a Kafka Streams application. Describes; starts nothing.
 *
 * @example
 *   .task('trend', { on: kafkaStreams({ source: 'Trend.java', instances: 2 }), reads: [sales], writes: [trends] })
 */
export function kafkaStreams(options: KafkaStreamsOptions): KafkaStreamsSpec {
  const { instances = 1, version = '4.1', config = {} } = options
  if (!Number.isInteger(instances) || instances < 1) throw new MillraceError('TOPOLOGY_INVALID', `kafkaStreams({ instances }): a whole number of at least 1, not ${instances}`)
  if ('application.id' in config) throw new MillraceError('TOPOLOGY_INVALID', 'kafkaStreams({ config }): application.id is the task\'s group; name another with the task\'s `group`')
  return {
    engine: 'kafkaStreams', link: USUAL, version, program: programOf(options), args: options.args ?? [], instances, config,
    javaOptions: options.javaOptions ?? ['-Xmx256m'],
  }
}

function programOf({ source, jar, mainClass, classPath = [] }: KafkaStreamsOptions): JvmProgram {
  if (source !== undefined && jar !== undefined) throw new MillraceError('TOPOLOGY_INVALID', 'kafkaStreams({ source, jar }): one of the two')
  if (source !== undefined) return { kind: 'source', path: source, classPath }
  if (jar !== undefined) return { kind: 'jar', path: jar, mainClass, classPath }
  if (mainClass !== undefined) return { kind: 'class', name: mainClass, classPath }
  throw new MillraceError('TOPOLOGY_INVALID', 'kafkaStreams() needs what to run: { source: "Trend.java" }, { jar: "trend.jar" } or { mainClass, classPath }')
}
