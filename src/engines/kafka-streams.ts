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
import type { KafkaStreamsSpec, Link } from '../topology/foreign.ts'
import { countOf } from './count-of.ts'
import { jvmFields, type JvmOptions } from './jvm-program.ts'

export interface KafkaStreamsOptions extends JvmOptions {
  /** `4.1` without it. */
  readonly version?: string | undefined
  /** Of `StreamsConfig`: `{ 'num.stream.threads': '2' }`. */
  readonly config?: Readonly<Record<string, string>> | undefined
  /** Processes; 1 without it. */
  readonly instances?: number | undefined
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
  const { version = '4.1', config = {}, instances = 1 } = options
  if ('application.id' in config) throw new MillraceError('TOPOLOGY_INVALID', 'kafkaStreams({ config }): application.id is the task\'s group; name another with the task\'s `group`')
  return { engine: 'kafkaStreams', link: USUAL, version, config, ...jvmFields('kafkaStreams', options), instances: countOf('kafkaStreams', 'instances', instances) }
}
