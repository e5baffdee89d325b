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
import type { Link, SamzaSpec } from '../topology/foreign.ts'
import { soleJvmFields, type SoleJvmOptions } from './jvm-program.ts'

/** One JVM: without ZooKeeper Samza's coordinator gives each all the work. Samza has a task for each partition; a pool of threads runs them. */
export interface SamzaOptions extends SoleJvmOptions {
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

/**
 * For `{ on }` of a task: a Samza application. Describes; starts nothing.
 *
 * @example
 *   .task('profiles', { on: samza({ source: 'Profiles.java' }), reads: [clicks], writes: [profiles], duplicates: { removedBy: 'once' } })
 */
export function samza(options: SamzaOptions): SamzaSpec {
  const { version = '1.8', config = {} } = options
  return { engine: 'samza', link: USUAL, version, config, ...soleJvmFields('samza', options) }
}
