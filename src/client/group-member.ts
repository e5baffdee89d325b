/**
 * A member of a consumer group (classic protocol): joins, assigns where it is the leader, heartbeats in the background.
 *
 * G1. `onRevoked` is awaited before the partitions are given up, and still runs under the old generation, so that a commit
 *     in it succeeds; heartbeats go on meanwhile. `onLost` means they are gone already: commit nothing.
 * G2. Every partition handed to `onAssigned` is later handed to exactly one of `onRevoked` and `onLost`.
 * G3. `identity()` is captured by whoever commits at the start of the work; an old generation is fenced by the coordinator.
 * G4. With a static id (`groupInstanceId`) closing does not leave the group.
 */
import type { Assignor } from './assignor.ts'
import type { Cluster } from './cluster.ts'
import type { GroupIdentity, OffsetEntry, TopicPartition } from './types.ts'

export interface GroupMemberOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  /** In order of preference; all members must share one. Eager and cooperative ones cannot be mixed. */
  readonly assignors: readonly Assignor[]
  /** Default 45,000. */
  readonly sessionTimeoutMs?: number | undefined
  /** Default 3,000, at most a third of the session timeout. */
  readonly heartbeatIntervalMs?: number | undefined
  /** How long members may take to rejoin. Default 60,000. */
  readonly rebalanceTimeoutMs?: number | undefined
  readonly groupInstanceId?: string | undefined
  /** Newly owned partitions (under eager protocols: all of them). Awaited. */
  readonly onAssigned: (partitions: readonly TopicPartition[], identity: GroupIdentity) => void | Promise<void>
  readonly onRevoked: (partitions: readonly TopicPartition[], identity: GroupIdentity) => void | Promise<void>
  readonly onLost: (partitions: readonly TopicPartition[]) => void | Promise<void>
  /** The member has stopped for good: FENCED (its static id is used elsewhere), GROUP_ERROR (no common protocol …). */
  readonly onFailed?: ((error: Error) => void) | undefined
}

export interface CommittedOffset extends OffsetEntry {
  /** -1: the group has no commit for the partition. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

export class GroupMember {
  constructor(_cluster: Cluster, _options: GroupMemberOptions) {}
  /** Joins in the background; resolves with the first completed join. */
  start(): Promise<void> { throw new Error('being built') }
  /** Current generation and member id; generation -1 while not in the group. */
  identity(): GroupIdentity { throw new Error('being built') }
  get generation(): number { throw new Error('being built') }
  get memberId(): string { throw new Error('being built') }
  get owned(): readonly TopicPartition[] { throw new Error('being built') }
  /** Asks for a rebalance (the assignor's user data has changed). */
  rejoin(_reason: string): void { throw new Error('being built') }
  /** Rejects with `GROUP_ERROR` where the generation is over. Not for transactional work: that is `Producer.sendOffsets`. */
  commitOffsets(_offsets: readonly OffsetEntry[], _identity?: GroupIdentity): Promise<void> { throw new Error('being built') }
  /** `requireStable` waits out offsets that an open transaction holds (UNSTABLE_OFFSET_COMMIT). */
  fetchOffsets(_partitions: readonly TopicPartition[], _options: { readonly requireStable: boolean }): Promise<CommittedOffset[]> { throw new Error('being built') }
  /** Revokes what is owned (awaiting `onRevoked`), leaves, stops. */
  close(): Promise<void> { throw new Error('being built') }
}
