/**
 * The topics of an app on the cluster: makes what is missing, and refuses what does not fit.
 *
 * TP1. A declared topic that exists stays as it is; one that is missing is made as declared.
 * TP2. Repartition and changelog topics get the counts of rule P2. One that exists with another count is refused: its records would be in the
 *      wrong shards.
 */
import { MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Admin, NewTopic } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import type { TopicSpec } from '../topology/node.ts'
import { resolvePartitions } from '../topology/partitions.ts'
import type { NativeTaskPlan, Plan } from '../topology/plan.ts'
import { METRICS_RETENTION_MS, METRICS_TOPIC } from './snapshot.ts'

const VISIBLE_MS_MAX = 30_000
const LOOK_AGAIN_MS = 50

export interface TopicTools {
  readonly cluster: Cluster
  readonly admin: Admin
  readonly logger: Logger
}

/** Makes every topic of `tasks`; returns the partition count of each by name. */
export async function prepareTopics(tools: TopicTools, plan: Plan, tasks: readonly NativeTaskPlan[], options: { readonly metrics: boolean }): Promise<Map<string, number>> {
  const existing = new Set(await tools.admin.listTopics({ internal: true }))
  const replicasMax = tools.cluster.nodes.length
  const counts = new Map<string, number>()
  await make(tools, counts, [
    ...plan.topics.map(topic => declaredTopic(topic, replicasMax)),
    ...deadLetterTopics(plan),
    ...options.metrics ? [{ name: METRICS_TOPIC, partitions: 1, configs: { 'retention.ms': String(METRICS_RETENTION_MS) } }] : [],
  ], existing)
  for (const task of tasks) await make(tools, counts, internalTopics(task, counts, replicasMax), existing)
  return counts
}

/** Where records go that a task could not process. */
export function deadLetterTopics(plan: Plan): NewTopic[] {
  return plan.tasks.flatMap(task => task.kind === 'native' && task.onError.kind === 'deadLetter' ? [{ name: task.onError.topic, configs: { 'retention.ms': '-1' } }] : [])
}

/** As it is made on a cluster of `replicasMax` brokers. */
export function declaredTopic(topic: TopicSpec, replicasMax: number): NewTopic {
  const configs: Record<string, string> = {}
  if (topic.retentionMs !== undefined) configs['retention.ms'] = String(topic.retentionMs)
  if (topic.cleanup !== undefined) configs['cleanup.policy'] = topic.cleanup
  if (topic.segmentBytes !== undefined) configs['segment.bytes'] = String(topic.segmentBytes)
  return {
    name: topic.name, configs, partitions: topic.partitions,
    replicas: topic.replicas === undefined || replicasMax < 2 ? undefined : Math.min(topic.replicas, replicasMax),
  }
}

/** Repartition and changelog topics of a task; `declared`: partition counts of what it reads. Throws `TOPOLOGY_INVALID` where those do not fit together. */
export function internalTopics(task: NativeTaskPlan, declared: ReadonlyMap<string, number>, replicasMax: number): (NewTopic & { readonly partitions: number })[] {
  const counts = resolvePartitions(task, declared)
  const replicas = replicasMax < 2 ? undefined : Math.min(3, replicasMax)
  return [
    ...task.repartitionTopics.map(topic => ({ name: topic.name, partitions: counts.repartition.get(topic.name) ?? 1, replicas, configs: topic.config })),
    ...task.stores.map(store => ({ name: store.changelog.name, partitions: counts.changelog.get(store.changelog.name) ?? 1, replicas, configs: store.changelog.config })),
  ]
}

async function make(tools: TopicTools, counts: Map<string, number>, wanted: readonly NewTopic[], existing: Set<string>): Promise<void> {
  // A dead-letter topic may be declared too: the first, the declaration, counts.
  const topics = wanted.filter((topic, index) => wanted.findIndex(other => other.name === topic.name) === index)
  const missing = topics.filter(topic => !existing.has(topic.name))
  if (missing.length > 0) {
    tools.logger.info('making topics', { topics: missing.map(topic => topic.name).join(' ') })
    await tools.admin.createTopics(missing, { existing: 'ok' })
    for (const topic of missing) existing.add(topic.name)
    await visible(tools, missing.map(topic => topic.name))
  }
  for (const topic of topics) {
    const found = existing.has(topic.name) && !missing.includes(topic)
    const count = (await tools.cluster.partitions(topic.name)).length
    counts.set(topic.name, count)
    if (found && topic.partitions !== undefined && count < topic.partitions) tools.logger.warn(fewerPartitions(topic.name, count, topic.partitions))
    const internal = topic.name.endsWith('.changelog') || topic.name.endsWith('.repartition')
    if (internal && topic.partitions !== undefined && topic.partitions !== count) {
      throw new MillraceError('TOPIC_MISMATCH', `Topic ${topic.name} has ${count} partitions, but its task needs ${topic.partitions}: the partitions of its input have changed since it was made. Delete it (and the changelogs of the task) to start with new state, or give the app another name.`, { detail: { topic: topic.name, partitions: count, wanted: topic.partitions } })
    }
  }
}

function fewerPartitions(name: string, count: number, declared: number): string {
  return `${name} has ${count} partition${count === 1 ? '' : 's'} and is declared with ${declared}: at most ${count} shard${count === 1 ? '' : 's'} of a task can work on it at a time. It stays as it is, since more partitions would part the records of a key.`
}

/** Other brokers learn of a new topic with delay. */
async function visible(tools: TopicTools, names: readonly string[]): Promise<void> {
  const { clock } = tools.cluster.env
  const deadline = clock.monotonic() + VISIBLE_MS_MAX
  for (;;) {
    await tools.cluster.refresh(names)
    const waiting = names.filter(name => !(tools.cluster.partitionsKnown(name) ?? []).some(meta => meta.leader >= 0))
    if (waiting.length === 0) return
    if (clock.monotonic() > deadline) throw new MillraceError('TIMEOUT', `Topics ${waiting.join(', ')} were made, but have no leader after ${VISIBLE_MS_MAX / 1_000} s. Is a broker down?`, { retriable: true })
    await clock.sleep(LOOK_AGAIN_MS)
  }
}
