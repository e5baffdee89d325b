/** What `millrace plan` has seen of a cluster, as data: every rule that needs a cluster is a function of a plan and of this. */
import type { TopicPartition } from '../client/types.ts'

export interface ClusterFacts {
  /** When it was looked at, epoch milliseconds. */
  readonly at: number
  readonly bootstrap: string
  readonly brokers: readonly BrokerFacts[]
  /** Those of the app that exist, by name. */
  readonly topics: ReadonlyMap<string, TopicFacts>
  /** Those of the app's tasks that exist, by name. */
  readonly groups: ReadonlyMap<string, GroupFacts>
  /** That hold a last stable offset of one of the topics. */
  readonly openTransactions: readonly OpenTransaction[]
  /** The last records of each topic. */
  readonly samples: readonly SampledRecord[]
  /** What could not be asked, each with its reason: a cluster need not allow everything. */
  readonly gaps: readonly string[]
}

export interface BrokerFacts {
  readonly id: number
  readonly configs: ReadonlyMap<string, string>
}

export interface TopicFacts {
  readonly name: string
  /** Of the partition with the fewest. */
  readonly replicas: number
  readonly configs: ReadonlyMap<string, string>
  readonly partitions: readonly PartitionFacts[]
}

export interface PartitionFacts {
  readonly partition: number
  /** Log start offset. */
  readonly start: number
  /** High watermark. */
  readonly end: number
  /** Last stable offset. */
  readonly stable: number
}

export interface GroupFacts {
  readonly state: string
  readonly protocolType: string
  /** The assignor in use. */
  readonly protocol: string
  readonly members: readonly { readonly clientId: string; readonly host: string; readonly topics: readonly string[] }[]
  /** Committed offsets. */
  readonly committed: readonly (TopicPartition & { readonly offset: number })[]
}

export interface OpenTransaction {
  readonly producerId: number
  /** What its coordinator knows; `undefined` where none knows it: it hangs. */
  readonly coordinator: { readonly transactionalId: string; readonly state: string; readonly startedAt: number; readonly timeoutMs: number } | undefined
  readonly partitions: readonly (TopicPartition & { readonly startOffset: number })[]
}

export interface SampledRecord extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** A setting that all brokers share, or the first one's. */
export function brokerConfig(facts: ClusterFacts, name: string): string | undefined {
  return facts.brokers.flatMap(broker => broker.configs.get(name) ?? [])[0]
}

/** Records that a topic holds, markers and gaps included. */
export function recordsOf(topic: TopicFacts): number {
  return topic.partitions.reduce((sum, { start, end }) => sum + end - start, 0)
}
