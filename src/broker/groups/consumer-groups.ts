/**
 * Moves the consumer groups of the new protocol (KIP-848): joins, heartbeats, leaves, and what time and topics do to them.
 *
 *   heartbeat ─▶ checks ─▶ member as it says it is ─▶ new epoch? ─▶ new target? ─▶ reconcile this member ─▶ store ─▶ answer
 *
 * M1. Nothing is changed before every check has passed; what is changed then is appended in one batch and durable before the answer.
 * M2. A member that was removed (left, silent beyond its session, too slow to revoke) is never revived: it is told UNKNOWN_MEMBER_ID
 *     and joins anew.
 * M3. Topics that come, grow or go are seen at the next heartbeat of any member.
 * M4. A refused disk leaves memory ahead of the log; the next change writes all that is behind (U3).
 */
import type { Clock } from '../../env/env.ts'
import { crc32c } from '../../wire/crc32c.ts'
import { assign, ASSIGNOR_DEFAULT, ASSIGNOR_NAMES, isAssignorName, NOTHING_ASSIGNED } from './assignors.ts'
import type { Assignment, AssignorName } from './assignors.ts'
import { ConsumerGroup, ConsumerMember, EPOCH_LEFT_FOR_A_WHILE } from './consumer-group.ts'
import type { MemberFacts } from './consumer-group.ts'
import { consumerRecord, consumerTombstone } from './consumer-records.ts'
import type { ConsumerKey, ConsumerValue } from './consumer-records.ts'
import { checkHeartbeat, checkMemberEpoch, EPOCH_JOIN, EPOCH_LEAVE } from './heartbeat-checks.ts'
import type { ConsumerHeartbeat } from './heartbeat-checks.ts'
import { isSameAssignment, reconcile } from './reconcile.ts'
import { Refusal } from './refusal.ts'
import { RestoredGroup } from './restored-group.ts'
import { TopicPattern } from './topic-pattern.ts'

const MEMBERS_MAX = 10_000
const REBALANCE_TIMEOUT_DEFAULT_MS = 300_000
/** Of a member that joins again: its place is kept, and it holds nothing that it was to give up. */
const REJOINED = { memberEpoch: 0, previousMemberEpoch: 0, state: 'stable', pendingRevocation: NOTHING_ASSIGNED } as const

/** The topics that exist. */
export interface TopicCatalogue {
  /** Another number whenever a topic came, grew or went. */
  readonly version: number
  names(): Iterable<string>
  find(name: string): { readonly topicId: string; readonly partitions: number } | undefined
}

export interface ConsumerGroupsHost {
  readonly clock: Clock
  readonly topics: TopicCatalogue
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** Appends now; resolves when durable. Throws where the disk refuses. */
  append(records: readonly { readonly key: Buffer; readonly value: Buffer | null }[]): Promise<void>
}

export interface HeartbeatAnswer {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** `null`: as before. */
  readonly assignment: Assignment | null
}

export class ConsumerGroups {
  readonly #host: ConsumerGroupsHost
  readonly #groups = new Map<string, ConsumerGroup>()
  readonly #restored = new Map<string, RestoredGroup>()
  #closed = false

  constructor(host: ConsumerGroupsHost) {
    this.#host = host
  }

  get(groupId: string): ConsumerGroup | undefined {
    return this.#groups.get(groupId)
  }

  list(): ConsumerGroup[] {
    return [...this.#groups.values()]
  }

  close(): void {
    this.#closed = true
    for (const group of this.#groups.values()) for (const member of group.members.values()) member.stopTimers()
  }

  /** Takes one record read back from the log; no value for a tombstone. */
  restore({ groupId, part }: ConsumerKey, value: ConsumerValue | undefined): void {
    if (part.kind === 'epoch' && value === undefined) {
      this.#restored.delete(groupId)
      return
    }
    const group = this.#restored.get(groupId) ?? new RestoredGroup(groupId)
    this.#restored.set(groupId, group)
    group.take(part, value)
  }

  get count(): number {
    return this.#groups.size
  }

  /** After the log was read: the groups are put together, and sessions start. */
  start(): void {
    for (const [groupId, restored] of this.#restored) {
      const group = restored.build(this.#host.clock.now())
      if (group === undefined) continue
      this.#groups.set(groupId, group)
      for (const member of group.members.values()) {
        this.#startSession(group, member)
        this.#watchRevocation(group, member)
      }
    }
    this.#restored.clear()
  }

  /** Throws a `Refusal`. A first join makes the group: `checkNew` refuses that, `makeRoom` is called where it is done. */
  async heartbeat(request: ConsumerHeartbeat, { checkNew, makeRoom }: { readonly checkNew: () => void; readonly makeRoom: () => void }): Promise<HeartbeatAnswer> {
    checkHeartbeat(request)
    if (request.memberEpoch === EPOCH_LEAVE || request.memberEpoch === EPOCH_LEFT_FOR_A_WHILE) return this.#leave(request)
    const known = this.#groups.get(request.groupId)
    if (known === undefined && request.memberEpoch !== EPOCH_JOIN) throw groupNotFound(request.groupId)
    if (known === undefined) checkNew()
    const resolved = this.#resolveNewRegex(known, request)
    const group = known ?? new ConsumerGroup(request.groupId, this.#host.clock.now())
    const replaced = this.#checkMember(group, request)
    // From here on nothing is refused (M1).
    if (known === undefined) makeRoom()
    this.#groups.set(group.groupId, group)
    if (resolved !== undefined) this.#keepRegex(group, request.subscribedTopicRegex ?? '', resolved)
    const before = group.members.get(request.memberId)?.current.assigned
    const epochBefore = group.epoch
    const member = this.#updatedMember(group, request, replaced)
    this.#advance(group, request, epochBefore)
    this.#reconcile(group, member, request.owned)
    this.#startSession(group, member)
    const isFull = request.memberEpoch === EPOCH_JOIN
      || (request.rebalanceTimeoutMs !== -1 && (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) && request.owned !== null)
    const { memberEpoch, assigned } = member.current
    const isTold = isFull || before === undefined || !isSameAssignment(before, assigned)
    await this.#store(group)
    return { memberId: member.memberId, memberEpoch, heartbeatIntervalMs: this.#host.heartbeatIntervalMs, assignment: isTold ? assigned : null }
  }

  /** Takes members out by id or by instance id: an admin's LeaveGroup. */
  async removeMember(group: ConsumerGroup, memberId: string, instanceId: string | null): Promise<void> {
    const member = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId)
    if (member === undefined) throw new Refusal('UNKNOWN_MEMBER_ID', `Member ${memberId} is not a member of group ${group.groupId}.`)
    if (memberId !== '' && member.memberId !== memberId) throw new Refusal('FENCED_INSTANCE_ID', `Instance ${instanceId} is held by another member.`)
    this.#remove(group, member)
    await this.#store(group)
  }

  /** The records that end a group, and its end in memory. For groups without members. */
  end(group: ConsumerGroup): { readonly key: Buffer; readonly value: null }[] {
    this.#groups.delete(group.groupId)
    const regexes = [...group.regexes.keys()].map(regex => ({ kind: 'regex', regex }) as const)
    return [...group.unstored.filter(part => 'memberId' in part), ...regexes, { kind: 'targetEpoch' } as const, { kind: 'epoch' } as const].map(part => consumerTombstone(group.groupId, part))
  }

  async #leave(request: ConsumerHeartbeat): Promise<HeartbeatAnswer> {
    const group = this.#groups.get(request.groupId)
    if (group === undefined) throw groupNotFound(request.groupId)
    const member = request.instanceId === null ? group.members.get(request.memberId) : group.staticMember(request.instanceId)
    if (member === undefined) throw unknownMember(request)
    if (member.memberId !== request.memberId) throw fencedInstance(request, member)
    if (request.memberEpoch === EPOCH_LEFT_FOR_A_WHILE) {
      // It keeps what it has until its session ends; what it was to give up is given up.
      group.setCurrent(member, { ...member.current, memberEpoch: EPOCH_LEFT_FOR_A_WHILE, state: 'stable', pendingRevocation: NOTHING_ASSIGNED })
      this.#watchRevocation(group, member)
    } else this.#remove(group, member)
    await this.#store(group)
    return { memberId: request.memberId, memberEpoch: request.memberEpoch, heartbeatIntervalMs: 0, assignment: null }
  }

  /** Refuses what this member may not do. Returns the static member whose place it takes. */
  #checkMember(group: ConsumerGroup, request: ConsumerHeartbeat): ConsumerMember | undefined {
    const joins = request.memberEpoch === EPOCH_JOIN
    const holder = group.staticMember(request.instanceId)
    const member = group.members.get(request.memberId)
    if (request.instanceId !== null && holder !== undefined && holder.memberId !== request.memberId) {
      if (!joins) throw fencedInstance(request, holder)
      if (holder.current.memberEpoch === EPOCH_LEFT_FOR_A_WHILE) return holder
      throw new Refusal('UNRELEASED_INSTANCE_ID', `Static member ${request.memberId} with instance id ${request.instanceId} cannot join the group because the instance id is owned by ${holder.memberId}.`)
    }
    if (member === undefined || (request.instanceId !== null && holder === undefined)) {
      if (!joins) throw unknownMember(request)
      if (group.members.size >= MEMBERS_MAX) throw new Refusal('GROUP_MAX_SIZE_REACHED', `The consumer group has reached its maximum capacity of ${MEMBERS_MAX} members.`)
      return undefined
    }
    checkMemberEpoch(member, request)
    return undefined
  }

  /** The member with what it says of itself, new or known; bumps the group's epoch where that matters to the assignment. */
  #updatedMember(group: ConsumerGroup, request: ConsumerHeartbeat, replaced: ConsumerMember | undefined): ConsumerMember {
    const known = replaced ?? group.members.get(request.memberId)
    const facts = updatedFacts(known?.facts, request)
    const member = replaced === undefined ? known ?? this.#newMember(group, request.memberId, facts) : this.#replaceStatic(group, replaced, request.memberId)
    if (member === known && request.memberEpoch === EPOCH_JOIN) {
      // Back under its own id, with nothing: what it was to give up is given up.
      group.setCurrent(member, { ...member.current, ...REJOINED })
    }
    const before = known?.facts
    if (before !== undefined && isSameFacts(before, facts)) return member
    member.facts = facts
    if (facts.instanceId !== null) group.staticMembers.set(facts.instanceId, member.memberId)
    group.changed({ kind: 'member', memberId: member.memberId })
    if (before !== undefined && isSameSubscription(before, facts)) return member
    this.#dropUnusedRegexes(group)
    group.bumpEpoch()
    return member
  }

  #newMember(group: ConsumerGroup, memberId: string, facts: MemberFacts): ConsumerMember {
    const member = new ConsumerMember(memberId, facts)
    group.add(member)
    group.stateChangedAt = this.#host.clock.now()
    group.changed({ kind: 'current', memberId })
    return member
  }

  /** A static member is back under another id: it takes place, target and partitions of the one that left for a while. */
  #replaceStatic(group: ConsumerGroup, replaced: ConsumerMember, memberId: string): ConsumerMember {
    const target = group.targets.get(replaced.memberId) ?? NOTHING_ASSIGNED
    const other = group.members.get(memberId)
    if (other !== undefined) group.remove(other)
    group.remove(replaced)
    const member = new ConsumerMember(memberId, replaced.facts, { ...replaced.current, ...REJOINED })
    group.add(member)
    group.targets.set(memberId, target)
    for (const kind of ['member', 'current', 'target'] as const) group.changed({ kind, memberId })
    return member
  }

  /** A new epoch where topics changed, one for each heartbeat at most, and a new target where the epoch did. */
  #advance(group: ConsumerGroup, request: ConsumerHeartbeat, epochBefore: number): void {
    const { version } = this.#host.topics
    if (group.catalogueVersion === version && group.epoch <= group.targetEpoch) return
    if (group.catalogueVersion !== version) this.#refreshRegexes(group, request)
    group.catalogueVersion = version
    const counts = this.#partitionCounts(group)
    const metadataHash = hashOf(counts)
    if (metadataHash !== group.metadataHash) {
      group.metadataHash = metadataHash
      group.changed({ kind: 'epoch' })
      if (group.epoch === epochBefore) group.bumpEpoch()
    }
    if (group.epoch <= group.targetEpoch) return
    const members = [...group.members.values()].map(member => ({
      memberId: member.memberId, instanceId: member.facts.instanceId, target: group.targets.get(member.memberId) ?? NOTHING_ASSIGNED,
      topicIds: [...group.namesOf(member)].flatMap(name => this.#host.topics.find(name)?.topicId ?? []),
    }))
    for (const [memberId, target] of assign(preferredAssignor(group), members, counts)) {
      const before = group.targets.get(memberId)
      if (before !== undefined && isSameAssignment(before, target)) continue
      group.targets.set(memberId, target)
      group.changed({ kind: 'target', memberId })
    }
    group.targetEpoch = group.epoch
    group.changed({ kind: 'targetEpoch' })
  }

  #partitionCounts(group: ConsumerGroup): Map<string, number> {
    const counts = new Map<string, number>()
    for (const name of group.subscribedNames()) {
      const topic = this.#host.topics.find(name)
      if (topic !== undefined) counts.set(topic.topicId, topic.partitions)
    }
    return counts
  }

  #reconcile(group: ConsumerGroup, member: ConsumerMember, owned: Assignment | null): void {
    const before = member.current
    group.setCurrent(member, reconcile(before, {
      targetEpoch: group.targetEpoch, target: group.targets.get(member.memberId) ?? NOTHING_ASSIGNED, owned,
      isFree: (topicId, partition) => [undefined, member.memberId].includes(group.owner(topicId, partition)),
    }))
    if (member.current !== before) this.#watchRevocation(group, member)
  }

  #resolveNewRegex(group: ConsumerGroup | undefined, request: ConsumerHeartbeat): readonly string[] | undefined {
    const regex = request.subscribedTopicRegex
    if (regex === null || regex === '' || group?.regexes.has(regex) === true) return undefined
    return this.#resolve(regex, request)
  }

  #resolve(regex: string, { mayDescribe }: ConsumerHeartbeat): string[] {
    const found = new TopicPattern(regex).resolve(this.#host.topics.names())
    return mayDescribe === undefined ? found : found.filter(mayDescribe)
  }

  #keepRegex(group: ConsumerGroup, regex: string, topics: readonly string[]): void {
    group.regexes.set(regex, { topics, resolvedAtMs: this.#host.clock.now() })
    group.changed({ kind: 'regex', regex })
  }

  #refreshRegexes(group: ConsumerGroup, request: ConsumerHeartbeat): void {
    for (const [regex, { topics }] of group.regexes) {
      try {
        const now = this.#resolve(regex, request)
        if (now.join() !== topics.join()) this.#keepRegex(group, regex, now)
      } catch (error) {
        // Topics have become so many that it takes too long now: what it matched before stays.
        if (!(error instanceof Refusal)) throw error
      }
    }
  }

  #dropUnusedRegexes(group: ConsumerGroup): void {
    const used = new Set([...group.members.values()].map(member => member.facts.subscribedRegex))
    for (const regex of group.regexes.keys()) {
      if (used.has(regex)) continue
      group.regexes.delete(regex)
      group.changed({ kind: 'regex', regex })
    }
  }

  #remove(group: ConsumerGroup, member: ConsumerMember): void {
    group.remove(member)
    this.#dropUnusedRegexes(group)
    group.stateChangedAt = this.#host.clock.now()
    group.bumpEpoch()
  }

  #startSession(group: ConsumerGroup, member: ConsumerMember): void {
    member.sessionTimer?.cancel()
    member.sessionTimer = this.#host.clock.setTimer(() => this.#expire(group, member), this.#host.sessionTimeoutMs, { background: true })
  }

  /** A member that is to give up partitions has its rebalance timeout for it. */
  #watchRevocation(group: ConsumerGroup, member: ConsumerMember): void {
    member.rebalanceTimer?.cancel()
    member.rebalanceTimer = undefined
    if (member.current.state !== 'unrevoked') return
    member.rebalanceTimer = this.#host.clock.setTimer(() => this.#expire(group, member), member.facts.rebalanceTimeoutMs, { background: true })
  }

  #expire(group: ConsumerGroup, member: ConsumerMember): void {
    if (this.#closed || group.members.get(member.memberId) !== member) return
    this.#remove(group, member)
    this.#store(group).catch(() => { /* The disk refused it: the next change writes it too (M4). */ })
  }

  /** Appends what is behind, and waits until all that the group's answers show is durable (M1). */
  async #store(group: ConsumerGroup): Promise<void> {
    const parts = group.unstored
    if (parts.length > 0 && !this.#closed) {
      group.durable = this.#host.append(parts.map(part => consumerRecord(group, part)))
      group.stored()
    }
    await group.durable
  }
}

function updatedFacts(known: MemberFacts | undefined, request: ConsumerHeartbeat): MemberFacts {
  const regex = request.subscribedTopicRegex ?? known?.subscribedRegex ?? null
  return {
    instanceId: request.instanceId ?? known?.instanceId ?? null, rackId: request.rackId ?? known?.rackId ?? null, clientId: request.clientId, clientHost: request.clientHost,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? known?.rebalanceTimeoutMs ?? REBALANCE_TIMEOUT_DEFAULT_MS : request.rebalanceTimeoutMs,
    subscribedNames: request.subscribedTopicNames === null ? known?.subscribedNames ?? [] : [...new Set(request.subscribedTopicNames)].sort(),
    subscribedRegex: regex === '' ? null : regex, serverAssignor: request.serverAssignor ?? known?.serverAssignor ?? null,
  }
}

function isSameFacts(a: MemberFacts, b: MemberFacts): boolean {
  return isSameSubscription(a, b) && a.instanceId === b.instanceId && a.rackId === b.rackId && a.clientId === b.clientId && a.clientHost === b.clientHost && a.rebalanceTimeoutMs === b.rebalanceTimeoutMs
}

function isSameSubscription(a: MemberFacts, b: MemberFacts): boolean {
  return a.subscribedRegex === b.subscribedRegex && a.serverAssignor === b.serverAssignor && a.subscribedNames.length === b.subscribedNames.length && a.subscribedNames.every((name, index) => name === b.subscribedNames[index])
}

/** The assignor that most members ask for; the default where none does. */
export function preferredAssignor(group: ConsumerGroup): AssignorName {
  const votes = new Map<AssignorName, number>(ASSIGNOR_NAMES.map(name => [name, 0]))
  for (const { facts: { serverAssignor } } of group.members.values()) {
    if (serverAssignor !== null && isAssignorName(serverAssignor)) votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1)
  }
  let best = ASSIGNOR_DEFAULT
  for (const [name, count] of votes) if (count > (votes.get(best) ?? 0)) best = name
  return best
}

/** 0 where nothing is subscribed to that exists. */
function hashOf(counts: ReadonlyMap<string, number>): number {
  if (counts.size === 0) return 0
  const text = [...counts].map(([topicId, count]) => `${topicId}:${count}`).sort().join()
  // 21 bits of the length beside the checksum's 32: together within 2^53.
  return 1 + crc32c(Buffer.from(text)) + (text.length % 0x10_0000) * 0x1_0000_0000
}

function groupNotFound(groupId: string): Refusal {
  return new Refusal('GROUP_ID_NOT_FOUND', `Group ${groupId} not found.`)
}

function unknownMember({ memberId, groupId }: ConsumerHeartbeat): Refusal {
  return new Refusal('UNKNOWN_MEMBER_ID', `Member ${memberId} is not a member of group ${groupId}.`)
}

function fencedInstance({ memberId, instanceId }: ConsumerHeartbeat, holder: ConsumerMember): Refusal {
  return new Refusal('FENCED_INSTANCE_ID', `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder.memberId}.`)
}
