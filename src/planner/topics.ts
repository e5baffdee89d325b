/** The topics that an app needs, as they would be made, beside what the cluster has. */
import type { NewTopic } from '../client/admin.ts'
import { deadLetterTopics, declaredTopic, internalTopics } from '../runtime/topics.ts'
import type { NativeTaskPlan, Plan } from '../topology/plan.ts'
import { MillraceError } from '../base/errors.ts'
import { declaredPartitions } from '../topology/contracts/contracts.ts'
import { brokerConfig, type ClusterFacts, recordsOf, type TopicFacts } from './facts.ts'

export type TopicRole = 'declared' | 'deadLetter' | 'repartition' | 'changelog'

export interface TopicRow {
  readonly name: string
  readonly role: TopicRole
  /** `make`: it is not there. `unknown`: no cluster was asked. */
  readonly action: 'make' | 'ok' | 'differs' | 'unknown'
  /** As found, else as it would be made; `null` where that is the cluster's to say and it was not asked. */
  readonly partitions: number | null
  readonly replicas: number | null
  /** −1: for ever. */
  readonly retentionMs: number | null
  readonly cleanup: string | null
  /** `null`: not there, or not asked. */
  readonly records: number | null
  /** `partitions 4, wanted 8`. */
  readonly differences: readonly string[]
}

/** Kafka's own. */
export const RETENTION_MS_DEFAULT = 604_800_000

/** Partition counts: of the topic, else of its declaration, else the cluster's default. What stays unknown is left out. */
export function partitionsKnown(plan: Plan, facts: ClusterFacts | undefined): Map<string, number> {
  const counts = declaredPartitions(plan)
  if (facts === undefined) return counts
  const fallback = Number(brokerConfig(facts, 'num.partitions') ?? 1)
  for (const { name } of plan.topics) counts.set(name, facts.topics.get(name)?.partitions.length ?? counts.get(name) ?? fallback)
  return counts
}

/** Every topic of the app, internal ones included. */
export function appTopicNames(plan: Plan): string[] {
  const internal = plan.tasks.flatMap(task => task.kind === 'native' ? [...task.repartitionTopics.map(topic => topic.name), ...task.stores.map(store => store.changelog.name)] : [])
  return [...new Set([...plan.topics.map(topic => topic.name), ...deadLetterTopics(plan).map(topic => topic.name), ...internal])]
}

export function topicRows(plan: Plan, facts: ClusterFacts | undefined): TopicRow[] {
  const brokers = facts?.brokers.length ?? 1
  const known = partitionsKnown(plan, facts)
  const declared = plan.topics.map(topic => row(wantedOf(declaredTopic(topic, facts === undefined ? Infinity : brokers)), 'declared', facts))
  const letters = deadLetterTopics(plan).filter((topic, index, all) => all.findIndex(other => other.name === topic.name) === index && !plan.topics.some(other => other.name === topic.name))
  const internal = plan.tasks.flatMap(task => task.kind === 'native' ? wantedInternal(task, known, brokers).map(topic => row(topic, topic.name.endsWith('.changelog') ? 'changelog' : 'repartition', facts)) : [])
  return [...declared, ...letters.map(topic => row(wantedOf(topic), 'deadLetter', facts)), ...internal]
}

interface Wanted {
  readonly name: string
  readonly partitions: number | undefined
  readonly replicas: number | undefined
  readonly configs: Readonly<Record<string, string>>
}

function wantedOf(topic: NewTopic): Wanted {
  return { name: topic.name, partitions: topic.partitions, replicas: topic.replicas, configs: topic.configs ?? {} }
}

/** Without a count where those of its inputs are unknown, or do not fit together: that is a broken contract of its own. */
export function wantedInternal(task: NativeTaskPlan, known: ReadonlyMap<string, number>, brokers: number): Wanted[] {
  const unresolved = (): Wanted[] => [
    ...task.repartitionTopics.map(topic => ({ name: topic.name, partitions: topic.partitionsEnforced, replicas: undefined, configs: topic.config })),
    ...task.stores.map(store => ({ name: store.changelog.name, partitions: undefined, replicas: undefined, configs: store.changelog.config })),
  ]
  if (!task.reads.every(topic => known.has(topic.name))) return unresolved()
  try {
    return internalTopics(task, known, brokers).map(wantedOf)
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'TOPOLOGY_INVALID') return unresolved()
    throw error
  }
}

function row(wanted: Wanted, role: TopicRole, facts: ClusterFacts | undefined): TopicRow {
  const { name } = wanted
  const found = facts?.topics.get(name)
  const configOf = (key: string): string | undefined => found?.configs.get(key) ?? wanted.configs[key]
  const differences = found === undefined ? [] : differencesOf(wanted, found)
  const settings = settingsOf(configOf, facts)
  return {
    name, role, differences,
    action: facts === undefined ? 'unknown' : found === undefined ? 'make' : differences.length > 0 ? 'differs' : 'ok',
    partitions: found?.partitions.length ?? wanted.partitions ?? numberOf(facts && brokerConfig(facts, 'num.partitions')),
    replicas: found?.replicas ?? wanted.replicas ?? numberOf(facts && brokerConfig(facts, 'default.replication.factor')),
    retentionMs: settings?.retentionMs ?? null, cleanup: settings?.cleanup ?? null,
    records: found === undefined ? null : recordsOf(found),
  }
}

/** How long a topic keeps records, and by which time. `undefined` where only a cluster could say and none was asked. */
export interface TopicSettings {
  readonly retentionMs: number | undefined
  readonly cleanup: string | undefined
  readonly isAppendTime: boolean
}

function settingsOf(configOf: (key: string) => string | undefined, facts: ClusterFacts | undefined): TopicSettings {
  const broker = (name: string): string | undefined => facts === undefined ? undefined : brokerConfig(facts, name)
  const hours = numberOf(broker('log.retention.hours'))
  const ofBroker = facts === undefined ? undefined : numberOf(broker('log.retention.ms')) ?? (hours === null ? RETENTION_MS_DEFAULT : hours * 3_600_000)
  return {
    retentionMs: numberOf(configOf('retention.ms')) ?? ofBroker ?? undefined,
    cleanup: configOf('cleanup.policy') ?? broker('log.cleanup.policy') ?? (facts === undefined ? undefined : 'delete'),
    isAppendTime: (configOf('message.timestamp.type') ?? broker('log.message.timestamp.type')) === 'LogAppendTime',
  }
}

/** Of a declared topic, as it is on the cluster or would be made there; without a cluster, as far as declared. */
export function declaredSettings(plan: Plan, facts: ClusterFacts | undefined, name: string): TopicSettings {
  const spec = plan.topics.find(topic => topic.name === name)
  const wanted = spec === undefined ? {} : declaredTopic(spec, facts?.brokers.length ?? 1).configs ?? {}
  return settingsOf(key => facts?.topics.get(name)?.configs.get(key) ?? wanted[key], facts)
}

function differencesOf(wanted: Wanted, found: TopicFacts): string[] {
  const count = found.partitions.length
  return [
    ...wanted.partitions !== undefined && wanted.partitions !== count ? [`partitions ${count}, wanted ${wanted.partitions}`] : [],
    ...wanted.replicas !== undefined && wanted.replicas !== found.replicas ? [`replicas ${found.replicas}, wanted ${wanted.replicas}`] : [],
    ...Object.entries(wanted.configs).flatMap(([name, value]) => {
      const actual = found.configs.get(name)
      return actual === undefined || sameConfig(actual, value) ? [] : [`${name} ${actual}, wanted ${value}`]
    }),
  ]
}

/** Lists count as sets: `compact,delete` is `delete,compact`. */
function sameConfig(left: string, right: string): boolean {
  const parts = (text: string): string => text.split(',').map(part => part.trim()).sort().join(',')
  return parts(left) === parts(right)
}

function numberOf(text: string | undefined): number | null {
  return text === undefined || !Number.isFinite(Number(text)) ? null : Number(text)
}
