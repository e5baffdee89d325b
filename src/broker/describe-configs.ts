/**
 * What DescribeConfigs says of a topic, of the broker and of groups: every entry with value, source, type and synonyms.
 */
import { CONFIG_TYPE_CODES, TOPIC_CONFIGS } from './topic-configs.ts'
import type { ConfigRow, ConfigType } from './topic-configs.ts'
import { protocolVersionAs } from './as-version.ts'
import { ASSIGNOR_NAMES } from './groups/assignors.ts'
import type { ResolvedOptions } from './options.ts'
import { FRAME_BYTES_MAX, NODE_ID } from './options.ts'

export const CONFIG_SOURCES = { topic: 1, dynamicBroker: 2, dynamicDefaultBroker: 3, staticBroker: 4, default: 5, group: 8 } as const

/** Resource types of the protocol. */
export const RESOURCE_TOPIC = 2
export const RESOURCE_BROKER = 4
export const RESOURCE_BROKER_LOGGER = 8
export const RESOURCE_CLIENT_METRICS = 16
export const RESOURCE_GROUP = 32

export interface EffectiveConfig {
  readonly name: string
  readonly value: string
  readonly source: number
  readonly type: ConfigType
  readonly readOnly: boolean
  readonly synonyms: readonly { readonly name: string; readonly value: string; readonly source: number }[]
  readonly documentation: string
}

/** Every configuration of a topic for which `configs` are set. */
export function effectiveConfigs(configs: ReadonlyMap<string, string>): EffectiveConfig[] {
  return TOPIC_CONFIGS.map(row => {
    const set = configs.get(row.name)
    const fallback = row.hasBrokerDefault ? [{ name: row.brokerName, value: row.default, source: CONFIG_SOURCES.default }] : []
    return {
      name: row.name, value: set ?? row.default, source: set === undefined ? CONFIG_SOURCES.default : CONFIG_SOURCES.topic, type: row.type, readOnly: false,
      synonyms: set === undefined ? fallback : [{ name: row.name, value: set, source: CONFIG_SOURCES.topic }, ...fallback],
      documentation: documentationOf(row),
    }
  })
}

/** The broker's own settings, all of them fixed at start, and the defaults of topics under their broker-wide names. */
export function brokerConfigs(options: ResolvedOptions, logDirectory: string): EffectiveConfig[] {
  const { durability } = options
  const flushMs = durability.kind === 'interval' ? String(durability.ms) : durability.kind === 'sync' ? '0' : '9223372036854775807'
  const entries: [name: string, value: string, type: ConfigType, isDefault: boolean][] = [
    ['broker.id', String(NODE_ID), 'int', false],
    ['node.id', String(NODE_ID), 'int', false],
    ['process.roles', 'broker,controller', 'list', false],
    ['log.dir', logDirectory, 'string', false],
    ['log.dirs', logDirectory, 'list', false],
    ['listeners', options.listeners.map(({ protocol, host, port }) => `${protocol}://${host}:${port}`).join(','), 'list', false],
    ['auto.create.topics.enable', String(options.autoCreateTopics), 'boolean', options.autoCreateTopics],
    ['num.partitions', String(options.partitionsDefault), 'int', options.partitionsDefault === 1],
    ['default.replication.factor', '1', 'int', true],
    ['delete.topic.enable', 'true', 'boolean', true],
    ['group.initial.rebalance.delay.ms', String(options.groupInitialRebalanceDelayMs), 'int', false],
    ['group.min.session.timeout.ms', String(options.groupMinSessionTimeoutMs), 'int', options.groupMinSessionTimeoutMs === 6000],
    ['group.max.session.timeout.ms', '1800000', 'int', true],
    ['group.consumer.session.timeout.ms', String(options.groupConsumerSessionTimeoutMs), 'int', options.groupConsumerSessionTimeoutMs === 45_000],
    ['group.consumer.heartbeat.interval.ms', String(options.groupConsumerHeartbeatIntervalMs), 'int', options.groupConsumerHeartbeatIntervalMs === 5000],
    ['group.consumer.assignors', ASSIGNOR_NAMES.join(','), 'list', true],
    ['group.consumer.migration.policy', 'disabled', 'string', false],
    ['group.coordinator.rebalance.protocols', 'classic,consumer', 'list', false],
    ['offsets.topic.num.partitions', '1', 'int', false],
    ['offsets.topic.replication.factor', '1', 'int', false],
    ['offsets.retention.minutes', '10080', 'int', true],
    ['transaction.state.log.num.partitions', '1', 'int', false],
    ['transaction.state.log.replication.factor', '1', 'int', false],
    ['transaction.state.log.min.isr', '1', 'int', false],
    ['transaction.max.timeout.ms', '900000', 'int', true],
    ['transactional.id.expiration.ms', '604800000', 'int', true],
    ['socket.request.max.bytes', String(FRAME_BYTES_MAX), 'int', true],
    ['inter.broker.protocol.version', protocolVersionAs(options.asVersion), 'string', true],
    ['min.insync.replicas', '1', 'int', true],
  ]
  const own = entries.map(([name, value, type, isDefault]) => brokerEntry(name, value, type, isDefault))
  const named = new Set(own.map(entry => entry.name))
  const defaults = TOPIC_CONFIGS.filter(row => !named.has(row.brokerName)).map(row => {
    if (row.name === 'flush.messages' && durability.kind === 'sync') return brokerEntry(row.brokerName, '1', row.type, false)
    if (row.name === 'flush.ms') return brokerEntry(row.brokerName, flushMs, row.type, durability.kind === 'os')
    return brokerEntry(row.brokerName, row.default, row.type, true)
  })
  return [...own, ...defaults].sort((a, b) => a.name < b.name ? -1 : 1)
}

function brokerEntry(name: string, value: string, type: ConfigType, isDefault: boolean): EffectiveConfig {
  const source = isDefault ? CONFIG_SOURCES.default : CONFIG_SOURCES.staticBroker
  return { name, value, source, type, readOnly: true, synonyms: [{ name, value, source }], documentation: 'Set when the broker is started.' }
}

function documentationOf(row: ConfigRow): string {
  return row.honoured ? `As in Apache Kafka. Default: ${row.default}.` : `Kept and shown, without effect on this one-node broker. Default: ${row.default}.`
}

/** One entry in the form of the DescribeConfigs response. */
export function describedEntry(config: EffectiveConfig, options: { readonly synonyms: boolean; readonly documentation: boolean }): {
  name: string; value: string; readOnly: boolean; configSource: number; isSensitive: boolean
  synonyms: readonly { name: string; value: string; source: number }[]; configType: number; documentation: string | null
} {
  return {
    name: config.name, value: config.value, readOnly: config.readOnly, configSource: config.source, isSensitive: false,
    synonyms: options.synonyms ? config.synonyms : [], configType: CONFIG_TYPE_CODES[config.type], documentation: options.documentation ? config.documentation : null,
  }
}
