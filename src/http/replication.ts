/** How well the topics of an app are replicated now, as the cluster's metadata says. Pure. */
import type { TopicDescription } from '../client/admin.ts'

export interface Replication {
  /** That are there now. */
  readonly brokers: number
  readonly partitions: number
  /** Partitions of which a replica is not in sync. */
  readonly underReplicated: number
  /** Partitions that nobody leads: nothing is read or written there. */
  readonly offline: number
}

/** `null` where nothing has a second replica: on a single broker there is nothing to tell. */
export function replicationOf(topics: readonly TopicDescription[], brokers: number): Replication | null {
  const partitions = topics.flatMap(topic => topic.partitions)
  if (partitions.every(({ replicas }) => replicas.length < 2)) return null
  return {
    brokers, partitions: partitions.length,
    underReplicated: partitions.filter(({ replicas, inSync }) => inSync.length < replicas.length).length,
    offline: partitions.filter(({ leader }) => leader < 0).length,
  }
}
