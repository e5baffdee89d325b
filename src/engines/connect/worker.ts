/** What a worker of Kafka Connect, and a connector, is told. Pure. */
import { resolve } from 'node:path'
import type { ConnectSpec } from '../../topology/foreign.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import type { JobContext } from '../engine.ts'

export type ConnectTask = ForeignTaskPlan & { readonly on: ConnectSpec }
type Config = Readonly<Record<string, string>>

const STRINGS = 'org.apache.kafka.connect.storage.StringConverter'
/** Positions and states are kept in topics of this task's own. */
const TOPIC_PARTITIONS = { offset: '5', status: '3' }

/** The properties of a worker that is asked at `port`; the user's own settings come last. */
export function workerConfig(task: ConnectTask, context: Pick<JobContext, 'app' | 'bootstrap'>, host: string, port: number): Config {
  const { link: { guarantee, isolation }, on: { plugins, config } } = task
  const name = `${context.app}.${task.name}`
  return {
    'bootstrap.servers': context.bootstrap, 'group.id': `${name}.workers`, 'client.id': name,
    listeners: `http://${host}:${port}`, 'rest.advertised.host.name': host, 'rest.advertised.port': String(port),
    'config.storage.topic': `${name}.connect-configs`, 'offset.storage.topic': `${name}.connect-offsets`, 'status.storage.topic': `${name}.connect-status`,
    // -1: as many copies as the cluster makes of a topic of which nobody says it.
    'config.storage.replication.factor': '-1', 'offset.storage.replication.factor': '-1', 'status.storage.replication.factor': '-1',
    'offset.storage.partitions': TOPIC_PARTITIONS.offset, 'status.storage.partitions': TOPIC_PARTITIONS.status,
    'key.converter': STRINGS, 'value.converter': STRINGS, 'plugin.discovery': plugins.length === 0 ? 'service_load' : 'hybrid_warn',
    ...plugins.length === 0 ? {} : { 'plugin.path': plugins.map(path => resolve(path)).join(',') },
    'exactly.once.source.support': guarantee === 'exactlyOnce' ? 'enabled' : 'disabled', 'connector.client.config.override.policy': 'All',
    'consumer.isolation.level': isolation, 'consumer.auto.offset.reset': 'earliest', 'offset.flush.interval.ms': '1000',
    // A worker that was killed is back at once: its work is neither held for it for minutes, nor missed for Kafka's own 45 s.
    'scheduled.rebalance.max.delay.ms': '0', 'consumer.session.timeout.ms': '10000', 'consumer.heartbeat.interval.ms': '3000',
    ...config,
  }
}

/** A sink reads in the task's group, so that its lag is seen there; each in one of its own where there are several. */
export function connectorConfig(task: ConnectTask, name: string, config: Config): Config {
  if (!isSink(config)) return config
  const sinks = Object.values(task.on.connectors).filter(isSink).length
  return { 'consumer.override.group.id': sinks === 1 ? task.group : `${task.group}.${name}`, ...config }
}

/** Topics that a sink reads, or a source of one topic writes, and that the task does not declare: nobody would see them in the graph. */
export function undeclared(task: ConnectTask): { readonly connector: string; readonly topic: string; readonly as: 'reads' | 'writes' } | undefined {
  for (const [connector, config] of Object.entries(task.on.connectors)) {
    const read = (config['topics'] ?? '').split(',').map(topic => topic.trim()).filter(topic => topic !== '')
    const missing = read.find(name => !task.reads.some(topic => topic.name === name))
    if (missing !== undefined) return { connector, topic: missing, as: 'reads' }
    const written = isSink(config) ? undefined : config['topic']
    if (written !== undefined && !task.writes.some(topic => topic.name === written)) return { connector, topic: written, as: 'writes' }
  }
  return undefined
}

function isSink(config: Config): boolean {
  return 'topics' in config || 'topics.regex' in config
}
