/**
 * A classic consumer group as data: members, generation, chosen protocol, state. What moves it is `rebalance.ts`.
 *
 *   empty ──join──▶ preparingRebalance ──all joined──▶ completingRebalance ──leader synced──▶ stable
 *     ▲                    ▲                                  │                                 │
 *     └──── last one left ─┴──────── join, leave, expiry ─────┴─────────────────────────────────┘
 *
 * G1. `generationId` never decreases, and grows by one each time a rebalance completes.
 * G2. A group with members has a leader among them once it is past `preparingRebalance`.
 * G3. `staticMembers` maps each instance id to the one member that holds it.
 * G4. A pending member has been given an id and is not yet in `members`; a rebalance waits for it.
 */
import type { Timer } from '../../env/env.ts'
import { Member } from './member.ts'
import type { JoinedMember, MemberProtocol } from './member.ts'

export type GroupState = 'empty' | 'preparingRebalance' | 'completingRebalance' | 'stable' | 'dead'

/** Kafka's words for the states, as DescribeGroups and ListGroups say them. */
export const GROUP_STATE_NAMES: Readonly<Record<GroupState, string>> = {
  empty: 'Empty', preparingRebalance: 'PreparingRebalance', completingRebalance: 'CompletingRebalance', stable: 'Stable', dead: 'Dead',
}

export class Group {
  readonly groupId: string
  state: GroupState = 'empty'
  generationId = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leaderId: string | null = null
  /** Wall clock of the last change of state: offsets of an empty group expire from then on. */
  stateChangedAt: number
  readonly members = new Map<string, Member>()
  readonly staticMembers = new Map<string, string>()
  readonly pendingMembers = new Map<string, Timer>()
  /** Joined in this generation and not yet synced. */
  readonly awaitingSync = new Set<string>()
  rebalanceTimer: Timer | undefined = undefined
  syncTimer: Timer | undefined = undefined
  /** The first rebalance of an empty group is giving others time to come … */
  waitsForFirstMembers = false
  /** … and somebody did: it may wait some more. */
  memberCameWhileWaiting = false

  constructor(groupId: string, now: number) {
    this.groupId = groupId
    this.stateChangedAt = now
  }

  moveTo(state: GroupState, now: number): void {
    this.state = state
    this.stateChangedAt = now
  }

  add(member: Member): void {
    this.members.set(member.memberId, member)
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId)
    this.leaderId ??= member.memberId
  }

  remove(member: Member): void {
    this.members.delete(member.memberId)
    this.awaitingSync.delete(member.memberId)
    if (member.groupInstanceId !== null && this.staticMembers.get(member.groupInstanceId) === member.memberId) this.staticMembers.delete(member.groupInstanceId)
    if (this.leaderId === member.memberId) this.leaderId = this.members.keys().next().value ?? null
  }

  /** Gives the static member's place, assignment included, to `newMemberId`. */
  rename(member: Member, newMemberId: string): void {
    const wasLeader = this.leaderId === member.memberId
    this.members.delete(member.memberId)
    this.awaitingSync.delete(member.memberId)
    member.memberId = newMemberId
    this.members.set(newMemberId, member)
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, newMemberId)
    if (wasLeader) this.leaderId = newMemberId
  }

  staticMember(groupInstanceId: string | null): Member | undefined {
    const memberId = groupInstanceId === null ? undefined : this.staticMembers.get(groupInstanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
    return longest
  }

  get allJoined(): boolean {
    if (this.pendingMembers.size > 0) return false
    for (const member of this.members.values()) if (member.pendingJoin === undefined) return false
    return true
  }

  /** Whether a member that offers these may join those who are there. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.members.size === 0) return protocolType !== '' && protocols.length > 0
    if (protocolType !== this.protocolType) return false
    const common = this.#commonProtocols()
    return protocols.some(protocol => common.has(protocol.name))
  }

  /** The protocol that most members like best, among those that all offer. */
  selectProtocol(): string | null {
    const common = this.#commonProtocols()
    const votes = new Map<string, number>()
    for (const member of this.members.values()) {
      const choice = member.protocols.find(protocol => common.has(protocol.name))
      if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
    }
    let best: string | null = null
    for (const [name, count] of votes) if (best === null || count > (votes.get(best) ?? 0)) best = name
    return best
  }

  joinedMembers(): JoinedMember[] {
    return [...this.members.values()].map(member => ({ memberId: member.memberId, groupInstanceId: member.groupInstanceId, metadata: member.metadataOf(this.protocolName) }))
  }

  #commonProtocols(): Set<string> {
    let common: Set<string> | undefined
    for (const member of this.members.values()) {
      const names = new Set(member.protocols.map(protocol => protocol.name))
      common = common === undefined ? names : new Set([...common].filter(name => names.has(name)))
    }
    return common ?? new Set()
  }
}
