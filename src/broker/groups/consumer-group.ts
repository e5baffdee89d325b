/**
 * A consumer group of the new protocol (KIP-848) as data: members, epochs, target, who has which partition. What moves it is
 * `consumer-groups.ts`.
 *
 * U1. `epoch` grows with every change of members, subscriptions or topics; `targetEpoch` is the epoch for which `targets` were made.
 * U2. `owner(p)` is the one member that has `p` among `assigned` or `pendingRevocation`: no two members ever have the same one.
 * U3. Everything that changes is marked in `unstored`, so that one batch of records brings the log up to date, also after a write
 *     that the disk refused.
 */
import type { Timer } from '../../env/env.ts'
import { NOTHING_ASSIGNED } from './assignors.ts'
import type { Assignment } from './assignors.ts'
import type { CurrentAssignment } from './reconcile.ts'

export type ConsumerGroupState = 'empty' | 'assigning' | 'reconciling' | 'stable'

/** Kafka's words for the states. */
export const CONSUMER_GROUP_STATE_NAMES: Readonly<Record<ConsumerGroupState, string>> = { empty: 'Empty', assigning: 'Assigning', reconciling: 'Reconciling', stable: 'Stable' }

/** A static member that will be back (KIP-345) has this epoch meanwhile. */
export const EPOCH_LEFT_FOR_A_WHILE = -2

/** What a member says of itself. */
export interface MemberFacts {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly subscribedNames: readonly string[]
  readonly subscribedRegex: string | null
  readonly serverAssignor: string | null
}

export class ConsumerMember {
  readonly memberId: string
  facts: MemberFacts
  current: CurrentAssignment
  sessionTimer: Timer | undefined = undefined
  rebalanceTimer: Timer | undefined = undefined

  constructor(memberId: string, facts: MemberFacts, current: CurrentAssignment = NEW_MEMBER) {
    this.memberId = memberId
    this.facts = facts
    this.current = current
  }

  stopTimers(): void {
    this.sessionTimer?.cancel()
    this.rebalanceTimer?.cancel()
    this.rebalanceTimer = undefined
  }
}

export const NEW_MEMBER: CurrentAssignment = { memberEpoch: 0, previousMemberEpoch: 0, state: 'stable', assigned: NOTHING_ASSIGNED, pendingRevocation: NOTHING_ASSIGNED }

/** One record of the log: of the group itself, or of one member or expression. */
export type StoredPart =
  | { readonly kind: 'epoch' | 'targetEpoch' }
  | { readonly kind: 'member' | 'target' | 'current'; readonly memberId: string }
  | { readonly kind: 'regex'; readonly regex: string }

export interface ResolvedRegex {
  readonly topics: readonly string[]
  readonly resolvedAtMs: number
}

export class ConsumerGroup {
  readonly groupId: string
  epoch = 0
  targetEpoch = 0
  /** Of the topics that are subscribed to and their partitions: another value means another assignment. */
  metadataHash = 0
  readonly members = new Map<string, ConsumerMember>()
  readonly staticMembers = new Map<string, string>()
  readonly targets = new Map<string, Assignment>()
  readonly regexes = new Map<string, ResolvedRegex>()
  readonly #owners = new Map<string, string>()
  readonly #unstored = new Map<string, StoredPart>()
  /** The catalogue's version that `metadataHash` and `regexes` were made from. */
  catalogueVersion = -1
  stateChangedAt: number
  /** Settles when all that was appended so far is durable. */
  durable: Promise<void> = Promise.resolve()

  constructor(groupId: string, now: number) {
    this.groupId = groupId
    this.stateChangedAt = now
  }

  get state(): ConsumerGroupState {
    if (this.members.size === 0) return 'empty'
    if (this.epoch > this.targetEpoch) return 'assigning'
    for (const { current } of this.members.values()) if (current.state !== 'stable' || current.memberEpoch !== this.targetEpoch) return 'reconciling'
    return 'stable'
  }

  /** The parts whose records are behind; `clear` once they are written. */
  get unstored(): readonly StoredPart[] {
    return [...this.#unstored.values()]
  }

  stored(): void {
    this.#unstored.clear()
  }

  changed(part: StoredPart): void {
    this.#unstored.set('memberId' in part ? `${part.kind} ${part.memberId}` : 'regex' in part ? `${part.kind} ${part.regex}` : part.kind, part)
  }

  bumpEpoch(): void {
    this.epoch += 1
    this.changed({ kind: 'epoch' })
  }

  add(member: ConsumerMember): void {
    this.members.set(member.memberId, member)
    if (member.facts.instanceId !== null) this.staticMembers.set(member.facts.instanceId, member.memberId)
    this.#own(member.memberId, member.current)
  }

  /** Takes the member out, and all its records with it. */
  remove(member: ConsumerMember): void {
    member.stopTimers()
    this.#disown(member.current)
    this.members.delete(member.memberId)
    this.targets.delete(member.memberId)
    const { instanceId } = member.facts
    if (instanceId !== null && this.staticMembers.get(instanceId) === member.memberId) this.staticMembers.delete(instanceId)
    for (const kind of ['current', 'target', 'member'] as const) this.changed({ kind, memberId: member.memberId })
  }

  setCurrent(member: ConsumerMember, current: CurrentAssignment): void {
    if (member.current === current) return
    this.#disown(member.current)
    member.current = current
    this.#own(member.memberId, current)
    this.changed({ kind: 'current', memberId: member.memberId })
  }

  owner(topicId: string, partition: number): string | undefined {
    return this.#owners.get(`${topicId}/${partition}`)
  }

  staticMember(instanceId: string | null): ConsumerMember | undefined {
    const memberId = instanceId === null ? undefined : this.staticMembers.get(instanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  /** The names that the member reads, whether the topics exist or not. */
  namesOf({ facts }: ConsumerMember): Set<string> {
    const names = new Set(facts.subscribedNames)
    for (const name of this.regexes.get(facts.subscribedRegex ?? '')?.topics ?? []) names.add(name)
    return names
  }

  subscribedNames(): Set<string> {
    const names = new Set<string>()
    for (const member of this.members.values()) for (const name of this.namesOf(member)) names.add(name)
    return names
  }

  #own(memberId: string, current: CurrentAssignment): void {
    for (const partition of partitionKeys(current)) this.#owners.set(partition, memberId)
  }

  #disown(current: CurrentAssignment): void {
    for (const partition of partitionKeys(current)) this.#owners.delete(partition)
  }
}

function* partitionKeys({ assigned, pendingRevocation }: CurrentAssignment): Generator<string> {
  for (const assignment of [assigned, pendingRevocation]) {
    for (const [topicId, partitions] of assignment) for (const partition of partitions) yield `${topicId}/${partition}`
  }
}
