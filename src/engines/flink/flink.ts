/**
 * A task of the graph that is a Flink job (2.0): a SQL script through Flink's SQL Gateway, or a jar through its REST interface.
 *
 * In a script, and in a jar's arguments, `${bootstrap}`, `${group}`, `${isolation}`, `${guarantee}` (`exactly-once`, `at-least-once`) and `${transactionalIdPrefix}`
 * stand for what the graph says. A table that reads should have `'properties.group.id' = '${group}'`, so that its lag can be seen, and
 * `'properties.isolation.level' = '${isolation}'`; one that writes `'sink.delivery-guarantee' = '${guarantee}'`,
 * `'sink.transactional-id-prefix' = '${transactionalIdPrefix}'` and `'properties.transaction.timeout.ms' = '900000'` (Flink's own hour is more than a broker grants).
 */
import { MillraceError } from '../../base/errors.ts'
import { type Duration, ms } from '../../base/duration.ts'
import type { FlinkJobSource, FlinkSpec, Link } from '../../topology/foreign.ts'
import { countOf } from '../count-of.ts'

export interface FlinkOptions {
  /** A SQL script: `CREATE TABLE …;` and one `INSERT` or one `EXECUTE STATEMENT SET`. */
  readonly sql?: string | undefined
  /** Or a jar. */
  readonly jar?: string | undefined
  /** Class of the jar whose main executes the job; without it the one its manifest names. */
  readonly mainClass?: string | undefined
  /** Of the jar's main. */
  readonly args?: readonly string[] | undefined
  /** A session cluster that runs already: `http://host:8081`, and its SQL Gateway for scripts. Without it one is started here. */
  readonly cluster?: { readonly restUrl: string; readonly sqlGatewayUrl?: string | undefined } | undefined
  /** Flink's option and Kafka's partitions should fit: more of it than partitions is idle. 1 without it. */
  readonly parallelism?: number | undefined
  /** Results of an exactly-once sink are seen this much later. `'1 second'` without it. */
  readonly checkpointInterval?: Duration | undefined
  /** Of the cluster started here; 1 without it. */
  readonly taskManagers?: number | undefined
  /** `2.0` without it. */
  readonly version?: string | undefined
  /** Flink's own settings: `{ 'state.backend.type': 'rocksdb' }`. */
  readonly config?: Readonly<Record<string, string>> | undefined
}

/**
 * A Kafka source with checkpoints and an exactly-once Kafka sink, whose transactions live until the checkpoint after next. A DataStream sink passes the event's time
 * on; a table's stamps with the time of writing unless it has a column `METADATA FROM 'timestamp'`, and then its task says `timestamps: 'event'`.
 */
const USUAL: Link = {
  guarantee: 'exactlyOnce', duplicates: undefined, isolation: 'read_committed', commitsOffsets: true, group: undefined,
  transactionalIdPrefix: undefined, transactionTimeoutMs: 900_000, partitioner: 'murmur2', timestamps: 'event', keepsHeaders: false,
}

/**
 * For `{ on }` of a task: a Flink job. Describes; starts nothing.
 *
 * @example
 *   .task('trends', { on: flink({ sql: 'trends.sql', parallelism: 2 }), reads: [sales], writes: [trends] })
 */
export function flink(options: FlinkOptions): FlinkSpec {
  const { parallelism = 1, taskManagers = 1, version = '2.0', checkpointInterval = '1 second' } = options
  for (const [name, value] of Object.entries({ parallelism, taskManagers })) countOf('flink', name, value)
  const { cluster } = options
  const job = jobOf(options)
  if (cluster !== undefined && job.kind === 'sql' && cluster.sqlGatewayUrl === undefined) throw new MillraceError('TOPOLOGY_INVALID', 'flink({ sql, cluster }): a script is submitted through the SQL Gateway: name its address as cluster.sqlGatewayUrl')
  return {
    engine: 'flink', link: job.kind === 'sql' ? { ...USUAL, timestamps: 'written' } : USUAL, version, job, parallelism, taskManagers, checkpointIntervalMs: ms(checkpointInterval),
    cluster: cluster === undefined ? undefined : { restUrl: cluster.restUrl, sqlGatewayUrl: cluster.sqlGatewayUrl }, config: options.config ?? {},
  }
}

function jobOf({ sql, jar, mainClass, args = [] }: FlinkOptions): FlinkJobSource {
  if (sql !== undefined && jar !== undefined) throw new MillraceError('TOPOLOGY_INVALID', 'flink({ sql, jar }): one of the two')
  if (sql !== undefined) return { kind: 'sql', path: sql }
  if (jar !== undefined) return { kind: 'jar', path: jar, entryClass: mainClass, args }
  throw new MillraceError('TOPOLOGY_INVALID', 'flink() needs what to run: { sql: "trends.sql" } or { jar: "trends.jar" }')
}
