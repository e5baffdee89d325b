/** Small data types that several parts of the client share. All are plain, read-only data. */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What the cluster's metadata says about one partition. */
export interface PartitionMeta {
  readonly partition: number
  /** Node id of the leader, -1 where there is none at the moment. */
  readonly leader: number
  /** -1 where the broker is too old to tell. */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

export interface BrokerNode {
  readonly id: number
  readonly host: string
  readonly port: number
}

/** A committed or to-be-committed position of a group in a partition. */
export interface OffsetEntry {
  readonly topic: string
  readonly partition: number
  /** The next offset to read. */
  readonly offset: number
  /** Leader epoch of the last consumed record, -1 or absent where unknown. */
  readonly leaderEpoch?: number | undefined
  /** Free text that travels with the offset (the runtime keeps its clocks here). */
  readonly metadata?: string | undefined
}

/** Who commits: captured once, at the start of the work that is committed, so that a rebalance in between fences it. */
export interface GroupIdentity {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly groupInstanceId?: string | undefined
}

export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

/** `topic-partition`, for messages only: never a map key on a hot path. */
export function nameOf(at: TopicPartition): string {
  return `${at.topic}-${at.partition}`
}
