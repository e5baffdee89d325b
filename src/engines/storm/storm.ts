/**
 * A task of the graph that is a Storm topology (2.8) with Storm's Kafka spout and bolt: run by its own program in a `LocalCluster`, or submitted by it to a cluster.
 *
 * The program finds what it needs in its environment, as every foreign process does (`process.ts`), and in addition
 *
 *   MILLRACE_CONFIG   a properties file: bootstrap.servers, group.id (for the spout), isolation.level, topology.name, topology.message.timeout.secs,
 *                     parallelism (the hint of each spout and bolt), topology.submit (`local` or `cluster`) and what `config` says
 *
 * Storm's state of bolts is in memory without a Redis, so a kill of the JVM loses it: a bolt that counts has to find its counts again, from its own output, say.
 * A `.java` source is loaded by a class loader of its own: its main calls `Utils.setClassLoaderForJavaDeSerialize(…)` before it submits.
 */
import { MillraceError } from '../../base/errors.ts'
import type { Link, StormSpec } from '../../topology/foreign.ts'
import { soleJvmFields, type SoleJvmOptions } from '../jvm-program.ts'
import { placesOf } from '../places.ts'

/**
 * One JVM, or one topology on a cluster: two would each read every partition, since a spout takes its partitions without asking a group. The executors of one
 * spout share them.
 */
export interface StormOptions extends SoleJvmOptions {
  /** A Storm cluster that runs already, by its Nimbus: `{ nimbus: 'storm.internal:6627' }`, several with commas. Takes `{ jar, mainClass }`, whose main calls `StormSubmitter`. */
  readonly cluster?: { readonly nimbus: string } | undefined
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
 *   .task('score', { on: storm({ jar: 'score.jar', mainClass: 'Score', cluster: { nimbus: 'storm.internal:6627' } }), … })
 */
export function storm(options: StormOptions): StormSpec {
  const { version = '2.8', config = {}, cluster } = options
  if ('group.id' in config) throw new MillraceError('TOPOLOGY_INVALID', 'storm({ config }): group.id is the task\'s group; name another with the task\'s `group`')
  if (cluster !== undefined) checkCluster(cluster.nimbus, options)
  return { engine: 'storm', link: USUAL, version, config, nimbus: cluster?.nimbus, ...soleJvmFields('storm', options) }
}

function checkCluster(nimbus: string, { jar, mainClass }: StormOptions): void {
  const places = placesOf(nimbus)
  if (places.length === 0 || new Set(places.map(({ port }) => port)).size > 1) throw new MillraceError('TOPOLOGY_INVALID', `storm({ cluster }): nimbus is 'host:port', or several with one port and commas between them, not '${nimbus}'`)
  if (jar === undefined || mainClass === undefined) throw new MillraceError('TOPOLOGY_INVALID', 'storm({ cluster }): workers of a cluster get the program as a jar. Name it and its main class: { jar: "score.jar", mainClass: "Score" }')
}
