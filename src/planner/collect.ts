/**
 * Fills `ClusterFacts` through the client: a few requests, nothing changed on the cluster.
 *
 * C1. Only topics and groups of the app are asked about, and only what exists.
 * C2. What the cluster does not allow (its brokers' settings, its transactions) is a gap that is named, not a failure; topics and groups are needed.
 * C3. A transaction is reported as unknown to its coordinator only if it was still open after the coordinators had been asked.
 */
import { MillraceError } from '../base/errors.ts'
import type { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import type { TopicPartition } from '../client/types.ts'
import type { Plan } from '../topology/plan.ts'
import type { TopicWidths } from './advice-facts.ts'
import type { Holder } from './catch-up.ts'
import { appTopicNames } from './topics.ts'
import type { BrokerFacts, ClusterFacts, GroupFacts, OpenTransaction, TopicFacts } from './facts.ts'
import { sampleTopics } from './sample.ts'

/** Answers to one who may not ask. A cluster too old for the request is VERSION_UNSUPPORTED. */
const NOT_ALLOWED: ReadonlySet<unknown> = new Set(['CLUSTER_AUTHORIZATION_FAILED', 'TOPIC_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'])

export interface CollectOptions {
  readonly bootstrap: string
  /** Records to read from the end of each topic; 0: none. */
  readonly sample: number
}

export async function collectFacts(cluster: Cluster, admin: Admin, plan: Plan, options: CollectOptions): Promise<ClusterFacts> {
  const existing = new Set(await admin.listTopics({ internal: true }))
  const names = appTopicNames(plan).filter(name => existing.has(name))
  const gaps: string[] = []
  const allowed = async <T>(what: string, instead: T, ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof MillraceError) || !(error.code === 'VERSION_UNSUPPORTED' || NOT_ALLOWED.has(error.detail['kafkaError']))) throw error
      gaps.push(`${what}: ${error.message}`)
      return instead
    }
  }
  const unknown = cluster.nodes.map(({ id: broker }) => ({ id: broker, configs: new Map<string, string>() }))
  const [brokers, topics, groups] = await Promise.all([allowed('settings of the brokers', unknown, () => brokerFacts(cluster, admin)), topicFacts(admin, names), groupFacts(admin, plan)])
  const openTransactions = await allowed('open transactions', [], () => heldBy(admin, topics))
  const declared = topics.filter(topic => plan.topics.some(each => each.name === topic.name))
  const samples = options.sample === 0 ? [] : await sampleTopics(cluster, declared, options.sample)
  return {
    at: cluster.env.clock.now(), bootstrap: options.bootstrap, brokers, openTransactions, samples, gaps,
    topics: new Map(topics.map(topic => [topic.name, topic])),
    groups,
  }
}

async function brokerFacts(cluster: Cluster, admin: Admin): Promise<BrokerFacts[]> {
  const ids = cluster.nodes.map(node => node.id)
  const configs = await admin.describeConfigs(ids.map(id => ({ type: 'broker', name: String(id) })))
  return ids.map(id => ({ id, configs: configMap(configs.get(String(id))) }))
}

function configMap(entries: readonly { readonly name: string; readonly value: string | null }[] | undefined): Map<string, string> {
  return new Map((entries ?? []).flatMap(entry => entry.value === null ? [] : [[entry.name, entry.value] as const]))
}

async function topicFacts(admin: Admin, names: readonly string[]): Promise<TopicFacts[]> {
  if (names.length === 0) return []
  const [described, configs] = await Promise.all([admin.describeTopics(names), admin.describeConfigs(names.map(name => ({ type: 'topic', name })))])
  const partitions = described.flatMap(({ name, partitions: list }) => list.map(({ partition }) => ({ topic: name, partition })))
  const [starts, ends, stable] = await Promise.all([
    admin.listOffsets(partitions, 'earliest'), admin.listOffsets(partitions, 'latest'), admin.listOffsets(partitions, 'latest', { isolation: 'read_committed' }),
  ])
  const offsets = (listings: typeof starts): Map<string, number> => new Map(listings.map(each => [id(each), each.offset]))
  const [startOf, endOf, stableOf] = [offsets(starts), offsets(ends), offsets(stable)]
  return described.map(({ name, partitions: list }) => ({
    name, replicas: Math.min(...list.map(each => each.replicas.length)), configs: configMap(configs.get(name)),
    partitions: list.map(({ partition }) => {
      const at = id({ topic: name, partition })
      const end = endOf.get(at) ?? 0
      return { partition, start: startOf.get(at) ?? 0, end, stable: Math.min(end, stableOf.get(at) ?? end) }
    }),
  }))
}

async function groupFacts(admin: Admin, plan: Plan): Promise<Map<string, GroupFacts>> {
  const known = new Set((await admin.listGroups()).map(group => group.groupId))
  const names = [...new Set(plan.tasks.map(task => task.group))].filter(name => known.has(name))
  const described = await admin.describeGroups(names)
  const committed = await Promise.all(names.map(name => admin.groupOffsets(name)))
  return new Map(described.map((group, index) => [group.groupId, {
    state: group.state, protocolType: group.protocolType, protocol: group.protocol,
    members: group.members.map(({ clientId, host, topics }) => ({ clientId, host, topics })),
    committed: (committed[index] ?? []).filter(each => each.offset >= 0).map(({ topic, partition, offset }) => ({ topic, partition, offset })),
  }]))
}

/** Whose transactions stand between the last stable offset and the high watermark. */
async function heldBy(admin: Admin, topics: readonly TopicFacts[]): Promise<OpenTransaction[]> {
  const held = topics.flatMap(({ name, partitions }) => partitions.filter(each => each.stable < each.end).map(({ partition }) => ({ topic: name, partition })))
  const before = await openIn(admin, held)
  if (before.length === 0) return []
  const listings = await admin.listTransactions()
  const listed = await admin.describeTransactions(listings.filter(each => before.some(open => open.producerId === each.producerId)).map(each => each.transactionalId))
  // Some may have ended while the coordinators were asked (C3).
  const after = new Set((await openIn(admin, held)).map(each => `${id(each)}@${each.startOffset}`))
  const still = before.filter(each => after.has(`${id(each)}@${each.startOffset}`))
  return [...new Set(still.map(each => each.producerId))].map(producerId => {
    const known = listed.find(each => each.producerId === producerId && /^(Ongoing|Prepare)/.test(each.state))
    return {
      producerId,
      coordinator: known === undefined ? undefined : { transactionalId: known.transactionalId, state: known.state, startedAt: known.startedAt, timeoutMs: known.timeoutMs },
      partitions: still.filter(each => each.producerId === producerId).map(({ topic, partition, startOffset }) => ({ topic, partition, startOffset })),
    }
  })
}

/** Of those of `names` that are there. */
export async function topicWidths(admin: Admin, names: readonly string[]): Promise<TopicWidths> {
  const existing = new Set(await admin.listTopics())
  const described = await admin.describeTopics([...new Set(names)].filter(name => existing.has(name)))
  const { nodes } = await admin.describeCluster()
  return { brokers: nodes.length, topics: new Map(described.map(({ name, partitions }) => [name, { partitions: partitions.length, replicas: Math.min(...partitions.map(each => each.replicas.length)) }])) }
}

/** By `topic/partition`: whose open transaction holds it, and for how long. Empty where that may not be asked. */
export async function holdersOf(admin: Admin, held: Iterable<string>, now: number): Promise<Map<string, Holder>> {
  try {
    const topics = new Map<string, { partition: number, start: number, end: number, stable: number }[]>()
    for (const at of held) {
      const [topic, partition] = [at.slice(0, at.lastIndexOf('/')), Number(at.slice(at.lastIndexOf('/') + 1))]
      topics.set(topic, [...topics.get(topic) ?? [], { partition, start: 0, end: 1, stable: 0 }])
    }
    const open = await heldBy(admin, [...topics].map(([name, partitions]) => ({ name, partitions, replicas: 1, configs: new Map() })))
    return new Map(open.flatMap(({ producerId, coordinator, partitions }) => partitions.map(({ topic, partition }) => [
      `${topic}/${partition}`, coordinator === undefined ? { who: `producer ${producerId}`, openMs: 0 } : { who: coordinator.transactionalId, openMs: Math.max(0, now - coordinator.startedAt) },
    ] as const)))
  } catch (error) {
    if (!(error instanceof MillraceError) || !(error.code === 'VERSION_UNSUPPORTED' || NOT_ALLOWED.has(error.detail['kafkaError']))) throw error
    return new Map()
  }
}

async function openIn(admin: Admin, partitions: readonly TopicPartition[]): Promise<(TopicPartition & { producerId: number; startOffset: number })[]> {
  if (partitions.length === 0) return []
  const described = await admin.describeProducers(partitions)
  return described.flatMap(({ topic, partition, producers }) => producers.filter(each => each.transactionStartOffset >= 0)
    .map(({ producerId, transactionStartOffset }) => ({ topic, partition, producerId, startOffset: transactionStartOffset })))
}

function id(at: TopicPartition): string {
  return `${at.topic}/${at.partition}`
}
