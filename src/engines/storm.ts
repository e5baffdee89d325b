/**
 * A task of the graph that is a Storm topology (2.8), run by its own program in a `LocalCluster`, with Storm's Kafka spout and bolt.
 *
 * The program finds what it needs in its environment, as every foreign process does (`process.ts`), and in addition
 *
 *   MILLRACE_CONFIG   a properties file: bootstrap.servers, group.id (for the spout), isolation.level, topology.name, topology.message.timeout.secs,
 *                     parallelism (the hint of each spout and bolt) and what `config` says
 *
 * Storm's state of bolts is in memory without a Redis, so a kill of the JVM loses it: a bolt that counts has to find its counts again, from its own output, say.
 * A `.java` source is loaded by a class loader of its own: its main calls `Utils.setClassLoaderForJavaDeSerialize(…)` before it submits.
 */
import { MillraceError } from '../base/errors.ts'
import type { Link, StormSpec } from '../topology/foreign.ts'
import { soleJvmFields, type SoleJvmOptions } from './jvm-program.ts'

/** One JVM: two would each read every partition, since a spout takes its partitions without asking a group. The executors of one spout share them. */
export interface StormOptions extends SoleJvmOptions {
  /** `2.8` without it. */
  readonly version?: string | undefined
  /** Of the program's properties file. */
  readonly config?: Readonly<Record<string, string>> | undefined
}

/** The Kafka spout with ProcessingGuarantee.AT_LEAST_ONCE, which commits what was acknowledged, and the Kafka bolt with Java's partitioner. */
const USUAL: Link = {
  guarantee: 'atLeastOnce', duplicates: undefined, isolation: 'read_committed', commitsOffsets: true, group: undefined,
  transactionalIdPrefix: undefined, transactionTimeoutMs: undefined, partitioner: 'murmur2', timestamps: 'written', keepsHeaders: false,
}

/**
 * For `{ on }` of a task: a Storm topology. Describes; starts nothing.
 *
 * @example
 *   .task('score', { on: storm({ source: 'Score.java' }), reads: [clicks], writes: [scores], duplicates: { removedBy: 'once' } })
 */
export function storm(options: StormOptions): StormSpec {
  const { version = '2.8', config = {} } = options
  if ('group.id' in config) throw new MillraceError('TOPOLOGY_INVALID', 'storm({ config }): group.id is the task\'s group; name another with the task\'s `group`')
  return { engine: 'storm', link: USUAL, version, config, ...soleJvmFields('storm', options) }
}
