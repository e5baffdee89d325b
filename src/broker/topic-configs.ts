/**
 * The configurations of topics: one table with type, default and check of each. DescribeConfigs, CreateTopics and
 * AlterConfigs all come from it.
 *
 * K1. Every name Apache Kafka 4.1 knows is known: an unknown one is INVALID_CONFIG, never dropped in silence.
 * K2. A value is kept as the text that was given, once it has been checked; numbers beyond 2^53 count as "no limit".
 * K3. `honoured: false` marks what is stored and shown and has no effect here, because one node has no replicas, or because
 *     batches are kept as the producer compressed them.
 */
import type { LogConfig } from '../log/types.ts'

export type ConfigType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'

/** Kafka's numbers for the types in DescribeConfigs. */
export const CONFIG_TYPE_CODES: Readonly<Record<ConfigType, number>> = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 }

export interface ConfigRow {
  readonly name: string
  readonly type: ConfigType
  readonly default: string
  /** The broker-wide name of the default, as DescribeConfigs lists it among the synonyms. */
  readonly brokerName: string
  /** The broker-wide setting has a default of its own (`log.retention.ms` has none: `log.retention.hours` serves). */
  readonly hasBrokerDefault: boolean
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly oneOf?: readonly string[] | undefined
  readonly honoured: boolean
}

/** Broker-wide names whose default is another one's, in other units. */
const WITHOUT_BROKER_DEFAULT = new Set([
  'log.retention.ms', 'log.roll.ms', 'log.roll.jitter.ms', 'log.flush.interval.ms',
  // These are of topics alone.
  'remote.log.copy.disable', 'remote.log.delete.on.disable', 'remote.storage.enable', 'leader.replication.throttled.replicas', 'follower.replication.throttled.replicas',
])

const LONG_MAX = '9223372036854775807'
const INT_MAX = 2_147_483_647

function row(name: string, type: ConfigType, value: string, more: { brokerName?: string; min?: number; max?: number; oneOf?: readonly string[]; honoured?: boolean } = {}): ConfigRow {
  const brokerName = more.brokerName ?? `log.${name}`
  return { name, type, default: value, brokerName, hasBrokerDefault: !WITHOUT_BROKER_DEFAULT.has(brokerName), min: more.min, max: more.max ?? (type === 'int' ? INT_MAX : undefined), oneOf: more.oneOf, honoured: more.honoured ?? true }
}

export const TOPIC_CONFIGS: readonly ConfigRow[] = [
  row('cleanup.policy', 'list', 'delete', { oneOf: ['delete', 'compact'] }),
  row('compression.gzip.level', 'int', '-1', { brokerName: 'compression.gzip.level', min: -1, max: 9, honoured: false }),
  row('compression.lz4.level', 'int', '9', { brokerName: 'compression.lz4.level', min: 1, max: 17, honoured: false }),
  row('compression.type', 'string', 'producer', { brokerName: 'compression.type', oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'], honoured: false }),
  row('compression.zstd.level', 'int', '3', { brokerName: 'compression.zstd.level', min: -131072, max: 22, honoured: false }),
  row('delete.retention.ms', 'long', '86400000', { brokerName: 'log.cleaner.delete.retention.ms', min: 0 }),
  row('file.delete.delay.ms', 'long', '60000', { brokerName: 'log.segment.delete.delay.ms', min: 0, honoured: false }),
  row('flush.messages', 'long', LONG_MAX, { brokerName: 'log.flush.interval.messages', min: 1, honoured: false }),
  row('flush.ms', 'long', LONG_MAX, { brokerName: 'log.flush.interval.ms', min: 0, honoured: false }),
  row('follower.replication.throttled.replicas', 'list', '', { brokerName: 'follower.replication.throttled.replicas', honoured: false }),
  row('index.interval.bytes', 'int', '4096', { min: 0 }),
  row('leader.replication.throttled.replicas', 'list', '', { brokerName: 'leader.replication.throttled.replicas', honoured: false }),
  row('local.retention.bytes', 'long', '-2', { brokerName: 'log.local.retention.bytes', min: -2, honoured: false }),
  row('local.retention.ms', 'long', '-2', { brokerName: 'log.local.retention.ms', min: -2, honoured: false }),
  row('max.compaction.lag.ms', 'long', LONG_MAX, { brokerName: 'log.cleaner.max.compaction.lag.ms', min: 1 }),
  row('max.message.bytes', 'int', '1048588', { brokerName: 'message.max.bytes', min: 0 }),
  row('message.timestamp.after.max.ms', 'long', '3600000', { min: 0 }),
  row('message.timestamp.before.max.ms', 'long', LONG_MAX, { min: 0 }),
  row('message.timestamp.type', 'string', 'CreateTime', { oneOf: ['CreateTime', 'LogAppendTime'] }),
  row('min.cleanable.dirty.ratio', 'double', '0.5', { brokerName: 'log.cleaner.min.cleanable.ratio', min: 0, max: 1 }),
  row('min.compaction.lag.ms', 'long', '0', { brokerName: 'log.cleaner.min.compaction.lag.ms', min: 0 }),
  row('min.insync.replicas', 'int', '1', { brokerName: 'min.insync.replicas', min: 1, honoured: false }),
  row('preallocate', 'boolean', 'false', { honoured: false }),
  row('remote.log.copy.disable', 'boolean', 'false', { brokerName: 'remote.log.copy.disable', honoured: false }),
  row('remote.log.delete.on.disable', 'boolean', 'false', { brokerName: 'remote.log.delete.on.disable', honoured: false }),
  row('remote.storage.enable', 'boolean', 'false', { brokerName: 'remote.storage.enable', honoured: false }),
  row('retention.bytes', 'long', '-1', { min: -1 }),
  row('retention.ms', 'long', '604800000', { brokerName: 'log.retention.ms', min: -1 }),
  row('segment.bytes', 'int', '1073741824', { min: 14 }),
  row('segment.index.bytes', 'int', '10485760', { brokerName: 'log.index.size.max.bytes', min: 4, honoured: false }),
  row('segment.jitter.ms', 'long', '0', { brokerName: 'log.roll.jitter.ms', min: 0, honoured: false }),
  row('segment.ms', 'long', '604800000', { brokerName: 'log.roll.ms', min: 1 }),
  row('unclean.leader.election.enable', 'boolean', 'false', { brokerName: 'unclean.leader.election.enable', honoured: false }),
]

const byName = new Map(TOPIC_CONFIGS.map(config => [config.name, config]))

export function topicConfigRow(name: string): ConfigRow | undefined {
  return byName.get(name)
}

/** Why `value` is not valid for `name`, or `undefined` where it is. */
export function configProblem(name: string, value: string | null): string | undefined {
  const config = byName.get(name)
  if (config === undefined) return `Unknown topic config name: ${name}`
  if (value === null) return `Null value not supported for topic configs: ${name}`
  const invalid = (why: string): string => `Invalid value ${value} for configuration ${name}: ${why}`
  switch (config.type) {
    case 'boolean':
      return value === 'true' || value === 'false' ? undefined : invalid('Expected value to be either true or false')
    case 'int':
    case 'long':
      if (!/^[+-]?\d+$/.test(value.trim())) return invalid(`Not a number of type ${config.type.toUpperCase()}`)
      return rangeProblem(config, Number(value), invalid)
    case 'double':
      if (value.trim() === '' || !Number.isFinite(Number(value))) return invalid('Not a number of type DOUBLE')
      return rangeProblem(config, Number(value), invalid)
    case 'list':
      if (config.oneOf === undefined) return undefined
      return listItems(value).every(item => config.oneOf?.includes(item) === true) ? undefined : invalid(`String must be one of: ${config.oneOf.join(', ')}`)
    case 'string':
      return config.oneOf === undefined || config.oneOf.includes(value) ? undefined : invalid(`String must be one of: ${config.oneOf.join(', ')}`)
  }
}

export function listItems(value: string): string[] {
  return value.split(',').map(item => item.trim()).filter(item => item !== '')
}

function rangeProblem(config: ConfigRow, value: number, invalid: (why: string) => string): string | undefined {
  if (config.min !== undefined && value < config.min) return invalid(`Value must be at least ${config.min}`)
  if (config.max !== undefined && value > config.max) return invalid(`Value must be no more than ${config.max}`)
  return undefined
}

/** The log's view of a topic's configuration: what is set over what is the default. */
export function logConfigOf(configs: ReadonlyMap<string, string>): LogConfig {
  const text = (name: string): string => configs.get(name) ?? byName.get(name)?.default ?? ''
  const number = (name: string): number => Math.min(Number(text(name)), Number.MAX_SAFE_INTEGER)
  const policies = listItems(text('cleanup.policy'))
  return {
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    cleanupDelete: policies.includes('delete'),
    cleanupCompact: policies.includes('compact'),
    maxMessageBytes: number('max.message.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    timestampType: text('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
  }
}
