/**
 * A task of the graph that is a Samza application (1.8), run by its own program with `LocalApplicationRunner`.
 *
 * The program finds what it needs in its environment, as every foreign process does (`process.ts`), and in addition
 *
 *   MILLRACE_CONFIG   a properties file for Samza's `MapConfig`: app.name, the system `kafka` at the graph's brokers, checkpoints and changelogs in it,
 *                     job.logged.store.base.dir (of this instance), task.inputs, transactional state and what `config` says
 *
 * Samza keeps its positions in a checkpoint topic of its own, so its lag is not in a consumer group. With transactional state its stores go back to the last
 * checkpoint: what was written since is written again, with the same content.
 */
import { MillraceError } from '../base/errors.ts'
import type { Link, SamzaSpec } from '../topology/foreign.ts'
import { countOf } from './count-of.ts'
import { soleJvmFields, type SoleJvmOptions } from './jvm-program.ts'
import { type Place, placesOf } from './places.ts'

/**
 * Samza has a task for each partition. Without ZooKeeper there is one JVM, as Samza's coordinator gives each all the work, and a pool of threads runs them; by
 * ZooKeeper any number of JVMs share them, each with such a pool.
 */
export interface SamzaOptions extends SoleJvmOptions {
  /** A ZooKeeper that runs already: `localhost:2181`, or `a:2181,b:2181/samza`. */
  readonly zookeeper?: string | undefined
  /** Processes, by `zookeeper`; 1 without it. */
  readonly instances?: number | undefined
  /** `1.8` without it. */
  readonly version?: string | undefined
  /** Of Samza: `{ 'task.commit.ms': '1000' }`. */
  readonly config?: Readonly<Record<string, string>> | undefined
}

/** Samza chooses partitions by `hashCode` of the partition key, which is the key unless the program says otherwise, and not by Kafka's murmur2. */
const USUAL: Link = {
  guarantee: 'atLeastOnce', duplicates: undefined, isolation: 'read_committed', commitsOffsets: false, group: undefined,
  transactionalIdPrefix: undefined, transactionTimeoutMs: undefined, partitioner: 'hashCode', timestamps: 'written', keepsHeaders: false,
}

/** The servers of ZooKeeper's connect string, which may have a path behind them; none where it is no such string. */
export function serversOf(zookeeper: string): readonly Place[] {
  return placesOf(zookeeper.replace(/\/.*$/, ''))
}

/**
 * For `{ on }` of a task: a Samza application. Describes; starts nothing.
 *
 * @example
 *   .task('profiles', { on: samza({ source: 'Profiles.java' }), reads: [clicks], writes: [profiles], duplicates: { removedBy: 'once' } })
 *   .task('profiles', { on: samza({ jar: 'profiles.jar', zookeeper: 'zk.internal:2181', instances: 3 }), … })
 */
export function samza(options: SamzaOptions): SamzaSpec {
  const { version = '1.8', config = {}, zookeeper, instances = 1 } = options
  if (zookeeper !== undefined && serversOf(zookeeper).length === 0) throw new MillraceError('TOPOLOGY_INVALID', `samza({ zookeeper }): 'host:port', or several with commas between them, not '${zookeeper}'`)
  if (zookeeper === undefined && instances !== 1) {
    throw new MillraceError('TOPOLOGY_INVALID', `samza({ instances: ${instances} }): without ZooKeeper each of them would do all the work again. Name one with { zookeeper: 'localhost:2181' }, or give the one instance more threads with { parallelism: ${instances} }`)
  }
  return { engine: 'samza', link: USUAL, version, config, zookeeper, instances: countOf('samza', 'instances', instances), ...soleJvmFields('samza', options) }
}
