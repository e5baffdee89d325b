/** Administration of a cluster: topics, configs, groups, offsets, transactions. Errors are `BROKER_ERROR` with `detail.kafkaCode`. */
import type { Cluster } from './cluster.ts'
import type { CommittedOffset } from './group-member.ts'
import type { OffsetEntry, PartitionMeta, TopicPartition } from './types.ts'

export interface NewTopic {
  readonly name: string
  /** Default -1: the broker's. */
  readonly partitions?: number | undefined
  readonly replicas?: number | undefined
  readonly configs?: Readonly<Record<string, string>> | undefined
}

export interface TopicDescription {
  readonly name: string
  readonly topicId: string
  readonly internal: boolean
  readonly partitions: readonly PartitionMeta[]
}

/** `earliest`, `latest`, `maxTimestamp`, or the first offset whose timestamp is at or after the given epoch milliseconds. */
export type OffsetSpec = 'earliest' | 'latest' | 'maxTimestamp' | { readonly timestamp: number }

export interface OffsetListing extends TopicPartition {
  /** -1 where no record matches the timestamp. */
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

export class Admin {
  constructor(_cluster: Cluster) {}
  /** `existing: 'ok'` takes a topic that is there already as success. */
  createTopics(_topics: readonly NewTopic[], _options?: { readonly existing?: 'ok' | 'error', readonly validateOnly?: boolean }): Promise<void> { throw new Error('being built') }
  deleteTopics(_names: readonly string[]): Promise<void> { throw new Error('being built') }
  createPartitions(_topic: string, _count: number): Promise<void> { throw new Error('being built') }
  deleteRecords(_before: readonly OffsetEntry[]): Promise<void> { throw new Error('being built') }
  listTopics(_options?: { readonly internal?: boolean }): Promise<string[]> { throw new Error('being built') }
  describeTopics(_names: readonly string[]): Promise<TopicDescription[]> { throw new Error('being built') }
  listOffsets(_partitions: readonly TopicPartition[], _at: OffsetSpec, _options?: { readonly isolation?: 'read_committed' | 'read_uncommitted' }): Promise<OffsetListing[]> { throw new Error('being built') }
  groupOffsets(_groupId: string, _partitions?: readonly TopicPartition[], _options?: { readonly requireStable?: boolean }): Promise<CommittedOffset[]> { throw new Error('being built') }
  alterGroupOffsets(_groupId: string, _offsets: readonly OffsetEntry[]): Promise<void> { throw new Error('being built') }
}
