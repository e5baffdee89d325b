/**
 * A task of the graph that is Kafka Connect (4.1): connectors on distributed workers of this task's own.
 *
 * A connector's configuration is as Connect's REST interface takes it. The distribution brings FileStreamSource, FileStreamSink, and Debezium's PostgreSQL source and
 * JDBC sink; others come from `plugins`. Keys and values are text (StringConverter) where neither `config` nor the connector says otherwise.
 */
import { MillraceError } from '../../base/errors.ts'
import type { ConnectSpec, Link } from '../../topology/foreign.ts'
import { countOf } from '../count-of.ts'

export interface ConnectOptions {
  /** By name: `{ lines: { 'connector.class': 'FileStreamSource', file: 'lines.txt', topic: 'lines' } }`. */
  readonly connectors: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Processes that share the connectors' tasks; 1 without it. */
  readonly workers?: number | undefined
  /** Folders with connectors of your own, each with its jars in it. */
  readonly plugins?: readonly string[] | undefined
  /** `4.1` without it. */
  readonly version?: string | undefined
  /** Of the workers: `{ 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' }`. */
  readonly config?: Readonly<Record<string, string>> | undefined
  /** `['-Xmx256m']` without it. */
  readonly javaOptions?: readonly string[] | undefined
}

/** Sources write and keep their positions in one transaction where the connector can (FileStreamSource, Debezium); what a sink writes elsewhere is the sink's. */
const USUAL: Link = {
  guarantee: 'exactlyOnce', duplicates: undefined, isolation: 'read_committed', commitsOffsets: true, group: undefined,
  transactionalIdPrefix: undefined, transactionTimeoutMs: 60_000, partitioner: 'murmur2', timestamps: 'written', keepsHeaders: false,
}

/** What says who a worker is, and where its positions are: the graph's to say. */
const OURS = ['bootstrap.servers', 'group.id', 'listeners', 'config.storage.topic', 'offset.storage.topic', 'status.storage.topic']

/**
 * For `{ on }` of a task: connectors of Kafka Connect. Describes; starts nothing.
 *
 * @example
 *   .task('export', { on: connect({ connectors: { file: { 'connector.class': 'FileStreamSink', file: 'sales.txt', topics: 'sales' } } }), reads: [sales] })
 */
export function connect(options: ConnectOptions): ConnectSpec {
  const { connectors, workers = 1, plugins = [], version = '4.1', config = {}, javaOptions = ['-Xmx256m'] } = options
  if (Object.keys(connectors).length === 0) throw new MillraceError('TOPOLOGY_INVALID', "connect() needs what to run: { connectors: { name: { 'connector.class': … } } }")
  for (const [name, { 'connector.class': type }] of Object.entries(connectors)) {
    if (type === undefined) throw new MillraceError('TOPOLOGY_INVALID', `connect(): connector '${name}' has no connector.class`)
  }
  const taken = OURS.find(key => key in config)
  if (taken !== undefined) throw new MillraceError('TOPOLOGY_INVALID', `connect({ config }): ${taken} is the graph's to say; leave it out`)
  return { engine: 'connect', link: USUAL, version, connectors, instances: countOf('connect', 'workers', workers), plugins, config, javaOptions }
}
