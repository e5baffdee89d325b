/**
 * How a group shares out partitions: the contract that the leader's assignor meets.
 *
 * Every member announces, for each assignor it knows, its subscription with the assignor's `userData`. The group picks an
 * assignor known to all; the leader calls `assign` once per rebalance with all members; each member gets its part.
 */
import type { TopicPartition } from './types.ts'

export interface SubscribedMember {
  readonly memberId: string
  readonly groupInstanceId: string | undefined
  readonly topics: readonly string[]
  /** What it says it owned when it joined, and the generation in which it did (-1 unknown). */
  readonly owned: readonly TopicPartition[]
  readonly generation: number
  readonly userData: Buffer | undefined
}

export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData?: Buffer | undefined
}

export interface Assignor {
  /** Name in the protocol: `range`, `cooperative-sticky`, … */
  readonly name: string
  /**
   * `eager`: everything is revoked before the join, `assign` may give anything to anybody.
   * `cooperative`: members keep what they own during the join. What `assign` gives to another than its owner is held back
   * (by `GroupMember` on the leader, see hand-over.ts) until the owner has given it up and joined again.
   */
  readonly protocol: 'eager' | 'cooperative'
  /** Called at each join with what is owned then. */
  userData?(owned: readonly TopicPartition[], generation: number): Buffer | undefined
  /** Pure and deterministic; called on the leader alone. A member left out gets nothing. */
  assign(members: readonly SubscribedMember[], partitionCounts: ReadonlyMap<string, number>): ReadonlyMap<string, MemberAssignment>
  /** Called on every member with its part, before `onRevoked` and `onAssigned`. */
  onAssignment?(assignment: MemberAssignment, generation: number): void
}
