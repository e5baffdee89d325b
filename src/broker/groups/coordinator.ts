/**
 * The group coordinator: finds the group, moves it (`rebalance.ts`, or `consumer-groups.ts` for the new protocol), keeps its offsets,
 * and stores both in `__consumer_offsets`.
 *
 * Q1. Memory changes when the log has taken the record; the client is answered when the log has flushed it.
 * Q2. At start the log is read from its beginning: groups come back with members, generation and assignment, so that clients go
 *     on without a rebalance; offsets of open transactions come back as pending.
 * Q3. A commit is fenced by member and generation or epoch (KIP-447 for transactional ones) before anything is written.
 * Q4. A group id is of one protocol at a time, classic or consumer; it changes to the other one only while it has no members, and
 *     keeps its offsets.
 */
import type { Clock, Timer } from '../../env/env.ts'
import type { Logger } from '../../base/logger.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { ConsumerGroups } from './consumer-groups.ts'
import type { HeartbeatAnswer, TopicCatalogue } from './consumer-groups.ts'
import { readConsumerKey, readConsumerValue } from './consumer-records.ts'
import { Group, GROUP_STATE_NAMES } from './group.ts'
import { failedJoin, failedSync, Member } from './member.ts'
import type { JoinRequest, JoinResult, SyncRequest, SyncResult } from './member.ts'
import { GroupOffsets } from './offsets.ts'
import type { TopicPartition } from './offsets.ts'
import type { ConsumerHeartbeat } from './heartbeat-checks.ts'
import { Rebalance } from './rebalance.ts'
import type { LeavingMember } from './rebalance.ts'
import { groupKey, groupValue, offsetKey, offsetValue, readGroupsKey, readGroupValue, readOffsetValue } from './records.ts'
import type { CommittedOffset, StoredGroup } from './records.ts'
import { Refusal } from './refusal.ts'

const SESSION_TIMEOUT_MAX_MS = 1_800_000
export const METADATA_BYTES_MAX = 4096
const MEMBERS_MAX = 10_000
/** Groups live on in memory until their offsets expire: who makes up names is stopped somewhere. */
const GROUPS_MAX = 100_000
const OFFSETS_RETENTION_MS = 7 * 86_400_000
const EXPIRY_SCAN_MS = 600_000

export interface GroupRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

/** Which transaction a commit belongs to. */
export interface TransactionOwner {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface GroupLog {
  /** Appends in one batch, now; `durable` resolves when it is flushed. Throws Kafka errors (a fenced producer). */
  append(records: readonly GroupRecord[], owner: TransactionOwner | undefined): { readonly baseOffset: number; readonly durable: Promise<void> }
}

export interface GroupCoordinatorOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly log: GroupLog
  readonly initialRebalanceDelayMs: number
  readonly sessionTimeoutMinMs: number
  readonly topics: TopicCatalogue
  /** Of members of consumer groups, who do not choose theirs. */
  readonly consumerSessionTimeoutMs: number
  readonly consumerHeartbeatIntervalMs: number
  readonly newId: () => string
  /** How many groups there may be, of both protocols. Default 100,000. */
  readonly groupsMax?: number | undefined
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface CommitRequest {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** −1: not a member. In a consumer group the member's epoch. */
  readonly generationId: number
  /** The request is of a version that knows member epochs (OffsetCommit v9). */
  readonly knowsEpochs: boolean
  readonly offsets: readonly OffsetToCommit[]
}

export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions
  readonly #groups = new Map<string, Group>()
  readonly #rebalance: Rebalance
  readonly offsets = new GroupOffsets()
  readonly consumerGroups: ConsumerGroups
  #closed = false
  #expiryTimer: Timer | undefined

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
    this.#rebalance = new Rebalance({
      clock: options.clock, initialRebalanceDelayMs: options.initialRebalanceDelayMs, newId: options.newId,
      store: group => this.#store(group),
    })
    this.consumerGroups = new ConsumerGroups({
      clock: options.clock, topics: options.topics, sessionTimeoutMs: options.consumerSessionTimeoutMs, heartbeatIntervalMs: options.consumerHeartbeatIntervalMs,
      append: records => options.log.append(records, undefined).durable,
    })
  }

  /** Takes one record read back from the log. */
  restore(key: Buffer, value: Buffer | null, logOffset: number, producerId: number | undefined): void {
    const consumerKey = readConsumerKey(key)
    if (consumerKey !== undefined) return this.consumerGroups.restore(consumerKey, value === null ? undefined : readConsumerValue(consumerKey.part.kind, value))
    const read = readGroupsKey(key)
    if (read.kind === 'unknown') return
    if (read.kind === 'group') {
      if (value === null) this.#groups.delete(read.groupId)
      else this.#groups.set(read.groupId, restoredGroup(read.groupId, readGroupValue(value)))
      return
    }
    const { groupId, topic, partition } = read
    if (value === null) return this.offsets.remove(groupId, topic, partition, { pendingToo: false })
    const stored = { ...readOffsetValue(value), logOffset }
    if (producerId === undefined) this.offsets.commit(groupId, topic, partition, stored)
    else this.offsets.addPending(producerId, groupId, topic, partition, stored)
  }

  /** After the log was read: sessions start, and groups with offsets alone get their empty group. */
  start(): void {
    this.consumerGroups.start()
    for (const groupId of this.offsets.groupIds()) if (this.consumerGroups.get(groupId) === undefined) this.#groupFor(groupId)
    for (const group of this.#groups.values()) this.#rebalance.resume(group)
    this.#scanForExpiry()
  }

  close(): void {
    this.#closed = true
    this.#expiryTimer?.cancel()
    this.consumerGroups.close()
    for (const group of this.#groups.values()) this.#rebalance.kill(group, 'COORDINATOR_NOT_AVAILABLE')
  }

  /** A classic group. */
  get(groupId: string): Group | undefined {
    return this.#groups.get(groupId)
  }

  /** Every classic group. */
  list(): Group[] {
    return [...this.#groups.values()]
  }

  /** Throws a `Refusal`. */
  heartbeatConsumer(request: ConsumerHeartbeat): Promise<HeartbeatAnswer> {
    const classic = this.#groups.get(request.groupId)
    return this.consumerGroups.heartbeat(request, {
      checkNew: () => {
        if (classic === undefined && this.#isFull) throw new Refusal('GROUP_MAX_SIZE_REACHED', 'This broker has as many groups as it takes.')
        if (classic === undefined || (classic.state === 'empty' && classic.pendingMembers.size === 0)) return
        throw new Refusal('GROUP_ID_NOT_FOUND', `Group ${request.groupId} is not a consumer group.`)
      },
      makeRoom: () => {
        if (classic === undefined) return
        this.#appendForLater([{ key: groupKey(classic.groupId), value: null }])
        this.#rebalance.kill(classic, 'UNKNOWN_MEMBER_ID')
        this.#groups.delete(classic.groupId)
      },
    })
  }

  join(groupId: string, request: JoinRequest): Promise<JoinResult> {
    const fail = (error: KafkaErrorName): Promise<JoinResult> => Promise.resolve(failedJoin(error, request.memberId))
    if (groupId === '') return fail('INVALID_GROUP_ID')
    if (request.sessionTimeoutMs < this.#options.sessionTimeoutMinMs || request.sessionTimeoutMs > SESSION_TIMEOUT_MAX_MS) return fail('INVALID_SESSION_TIMEOUT')
    const consumerGroup = this.consumerGroups.get(groupId)
    if (consumerGroup !== undefined) {
      if (consumerGroup.state !== 'empty') return fail('INCONSISTENT_GROUP_PROTOCOL')
      this.#appendForLater(this.consumerGroups.end(consumerGroup))
    }
    const known = this.#groups.get(groupId)
    if (known === undefined && request.memberId !== '') return fail('UNKNOWN_MEMBER_ID')
    if (known === undefined && this.#isFull) return fail('GROUP_MAX_SIZE_REACHED')
    const group = known ?? this.#groupFor(groupId)
    if (group.members.size + group.pendingMembers.size >= MEMBERS_MAX && !group.members.has(request.memberId)) return fail('GROUP_MAX_SIZE_REACHED')
    return new Promise(resolve => this.#rebalance.join(group, request, resolve))
  }

  sync(groupId: string, request: SyncRequest): Promise<SyncResult> {
    const group = this.#groups.get(groupId)
    if (groupId === '' || group === undefined) return Promise.resolve(failedSync(groupId === '' ? 'INVALID_GROUP_ID' : 'UNKNOWN_MEMBER_ID'))
    return new Promise(resolve => this.#rebalance.sync(group, request, resolve))
  }

  heartbeat(groupId: string, memberId: string, groupInstanceId: string | null, generationId: number): KafkaErrorName {
    if (groupId === '') return 'INVALID_GROUP_ID'
    const group = this.#groups.get(groupId)
    return group === undefined ? 'UNKNOWN_MEMBER_ID' : this.#rebalance.heartbeat(group, memberId, groupInstanceId, generationId)
  }

  leave(groupId: string, members: readonly LeavingMember[]): { readonly error: KafkaErrorName; readonly members: readonly KafkaErrorName[] } {
    if (groupId === '') return { error: 'INVALID_GROUP_ID', members: [] }
    const group = this.#groups.get(groupId)
    return { error: 'NONE', members: members.map(member => group === undefined ? 'UNKNOWN_MEMBER_ID' : this.#rebalance.leave(group, member)) }
  }

  /** LeaveGroup on a consumer group, by an admin: each member's error. */
  async leaveConsumer(group: ConsumerGroup, members: readonly LeavingMember[]): Promise<KafkaErrorName[]> {
    const errors: KafkaErrorName[] = []
    for (const { memberId, groupInstanceId } of members) {
      try {
        await this.consumerGroups.removeMember(group, memberId, groupInstanceId)
        errors.push('NONE')
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        errors.push(error.error)
      }
    }
    return errors
  }

  /** Commits offsets outside of transactions. The answer, one error for all, comes once they are durable. */
  async commit(request: CommitRequest): Promise<KafkaErrorName> {
    const error = this.#commitError(request, false)
    if (error !== 'NONE') return error
    const group = this.consumerGroups.get(request.groupId) === undefined ? this.#groupFor(request.groupId) : undefined
    const member = group?.members.get(request.memberId)
    if (group !== undefined && member !== undefined && (group.state === 'stable' || group.state === 'preparingRebalance')) this.#rebalance.touch(group, member)
    await this.#append(request, undefined)
    return 'NONE'
  }

  /** Writes offsets of an open transaction: pending until its marker. Throws the log's error for a fenced producer. */
  async commitInTransaction(request: CommitRequest, owner: TransactionOwner): Promise<KafkaErrorName> {
    const error = this.#commitError(request, true)
    if (error !== 'NONE') return error
    if (this.consumerGroups.get(request.groupId) === undefined) this.#groupFor(request.groupId)
    await this.#append(request, owner)
    return 'NONE'
  }

  /** The error for a commit as a whole; looked at before a transaction is touched. */
  transactionalCommitError(request: CommitRequest): KafkaErrorName {
    return this.#commitError(request, true)
  }

  async deleteGroup(groupId: string): Promise<KafkaErrorName> {
    const consumerGroup = this.consumerGroups.get(groupId)
    if (consumerGroup !== undefined) {
      if (consumerGroup.state !== 'empty') return 'NON_EMPTY_GROUP'
      await this.#removeConsumer(consumerGroup)
      return 'NONE'
    }
    const group = this.#groups.get(groupId)
    if (group === undefined || group.state === 'dead') return 'GROUP_ID_NOT_FOUND'
    if (group.state !== 'empty' || group.pendingMembers.size > 0) return 'NON_EMPTY_GROUP'
    await this.#remove(group, this.offsets.partitionsOf(groupId))
    return 'NONE'
  }

  /** OffsetDelete: removes committed offsets of topics the group's members do not read. */
  async deleteOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    const present = partitions.filter(({ topic, partition }) => this.offsets.get(groupId, topic, partition) !== undefined)
    if (present.length === 0) return
    const { durable } = this.#options.log.append(present.map(({ topic, partition }) => ({ key: offsetKey(groupId, topic, partition), value: null })), undefined)
    for (const { topic, partition } of present) this.offsets.remove(groupId, topic, partition, { pendingToo: false })
    await durable
  }

  /** The topic is gone, and its committed offsets with it. */
  topicDeleted(topic: string): void {
    for (const groupId of this.offsets.groupsOfTopic(topic)) {
      const partitions = this.offsets.partitionsOf(groupId).filter(partition => partition.topic === topic)
      void this.deleteOffsets(groupId, partitions).catch(() => { /* The disk failed; the broker is stopping. */ })
      for (const { partition } of partitions) this.offsets.remove(groupId, topic, partition, { pendingToo: true })
    }
  }

  get #isFull(): boolean {
    return this.#groups.size + this.consumerGroups.count >= (this.#options.groupsMax ?? GROUPS_MAX)
  }

  #groupFor(groupId: string): Group {
    let group = this.#groups.get(groupId)
    if (group === undefined) this.#groups.set(groupId, group = new Group(groupId, this.#options.clock.now()))
    return group
  }

  #commitError(request: CommitRequest, transactional: boolean): KafkaErrorName {
    if (request.groupId === '') return 'INVALID_GROUP_ID'
    const consumerGroup = this.consumerGroups.get(request.groupId)
    if (consumerGroup !== undefined) return consumerCommitError(consumerGroup, request, transactional)
    const group = this.#groups.get(request.groupId)
    if (group === undefined && request.generationId < 0) return this.#isFull ? 'GROUP_MAX_SIZE_REACHED' : 'NONE'
    if (group === undefined) return request.knowsEpochs && !transactional ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'
    if (request.generationId < 0 && group.state === 'empty') return 'NONE'
    if (request.generationId >= 0 || request.memberId !== '' || request.groupInstanceId !== null) {
      const error = this.#rebalance.memberError(group, request.memberId, request.groupInstanceId, request.generationId)
      if (error !== 'NONE') return error
    } else if (!transactional && group.state !== 'empty') return 'UNKNOWN_MEMBER_ID'
    return !transactional && group.state === 'completingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  async #append(request: CommitRequest, owner: TransactionOwner | undefined): Promise<void> {
    if (request.offsets.length === 0) return
    const committedAtMs = this.#options.clock.now()
    const commits: CommittedOffset[] = request.offsets.map(({ offset, leaderEpoch, metadata }) => ({ offset, leaderEpoch, metadata, committedAtMs }))
    const records = request.offsets.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
      key: offsetKey(request.groupId, topic, partition), value: offsetValue({ offset, leaderEpoch, metadata, committedAtMs }),
    }))
    const { baseOffset, durable } = this.#options.log.append(records, owner)
    // Before it is durable a transactional commit already counts as pending; a plain one is shown once it is (Q1).
    if (owner !== undefined) this.#remember(request, commits, baseOffset, owner)
    await durable
    if (owner === undefined) this.#remember(request, commits, baseOffset, undefined)
  }

  #remember(request: CommitRequest, commits: readonly CommittedOffset[], baseOffset: number, owner: TransactionOwner | undefined): void {
    for (const [index, { topic, partition }] of request.offsets.entries()) {
      const commit = commits[index]
      if (commit === undefined) continue
      const stored = { ...commit, logOffset: baseOffset + index }
      if (owner === undefined) this.offsets.commit(request.groupId, topic, partition, stored)
      else this.offsets.addPending(owner.producerId, request.groupId, topic, partition, stored)
    }
  }

  /** What is appended next is durable no earlier than this, and somebody waits for that. */
  #appendForLater(records: readonly GroupRecord[]): void {
    this.#options.log.append(records, undefined).durable.catch(() => { /* The disk failed; the broker is stopping. */ })
  }

  #store(group: Group): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return this.#options.log.append([{ key: groupKey(group.groupId), value: groupValue(group) }], undefined).durable
  }

  async #remove(group: Group, partitions: readonly TopicPartition[]): Promise<void> {
    const records = partitions.map(({ topic, partition }) => ({ key: offsetKey(group.groupId, topic, partition), value: null }))
    const { durable } = this.#options.log.append([...records, { key: groupKey(group.groupId), value: null }], undefined)
    for (const { topic, partition } of partitions) this.offsets.remove(group.groupId, topic, partition, { pendingToo: true })
    this.#rebalance.kill(group, 'UNKNOWN_MEMBER_ID')
    this.#groups.delete(group.groupId)
    await durable
  }

  async #removeConsumer(group: ConsumerGroup): Promise<void> {
    const partitions = this.offsets.partitionsOf(group.groupId)
    const records = partitions.map(({ topic, partition }) => ({ key: offsetKey(group.groupId, topic, partition), value: null }))
    const { durable } = this.#options.log.append([...records, ...this.consumerGroups.end(group)], undefined)
    for (const { topic, partition } of partitions) this.offsets.remove(group.groupId, topic, partition, { pendingToo: true })
    await durable
  }

  /** Whether nothing was committed since `bound`, and nothing is pending. */
  #offsetsExpired(groupId: string, bound: number): boolean {
    if (this.offsets.hasPending(groupId)) return false
    return this.offsets.partitionsOf(groupId).every(({ topic, partition }) => (this.offsets.get(groupId, topic, partition)?.committedAtMs ?? -1) <= bound)
  }

  /** Empty groups lose their offsets after seven days, and are forgotten. */
  #scanForExpiry(): void {
    if (this.#closed) return
    const bound = this.#options.clock.now() - OFFSETS_RETENTION_MS
    const ignored = (): void => { /* The disk failed; the broker is stopping. */ }
    for (const group of this.list()) {
      if (group.state !== 'empty' || group.pendingMembers.size > 0 || group.stateChangedAt > bound || !this.#offsetsExpired(group.groupId, bound)) continue
      void this.#remove(group, this.offsets.partitionsOf(group.groupId)).catch(ignored)
    }
    for (const group of this.consumerGroups.list()) {
      if (group.state === 'empty' && group.stateChangedAt <= bound && this.#offsetsExpired(group.groupId, bound)) void this.#removeConsumer(group).catch(ignored)
    }
    this.#expiryTimer = this.#options.clock.setTimer(() => this.#scanForExpiry(), EXPIRY_SCAN_MS, { background: true })
  }
}

function consumerCommitError(group: ConsumerGroup, request: CommitRequest, transactional: boolean): KafkaErrorName {
  if (request.generationId < 0 && group.state === 'empty') return 'NONE'
  // A transactional commit may leave out who commits.
  if (transactional && request.generationId === -1 && request.memberId === '' && request.groupInstanceId === null) return 'NONE'
  const member = group.members.get(request.memberId)
  if (member === undefined) return 'UNKNOWN_MEMBER_ID'
  if (!transactional && !request.knowsEpochs) return 'UNSUPPORTED_VERSION'
  if (request.generationId === member.current.memberEpoch) return 'NONE'
  return transactional ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH'
}

function restoredGroup(groupId: string, stored: StoredGroup): Group {
  const group = new Group(groupId, stored.stateChangedAtMs)
  group.protocolType = stored.protocolType === '' ? null : stored.protocolType
  group.generationId = stored.generationId
  group.protocolName = stored.protocolName
  for (const member of stored.members) {
    const restored = new Member(member.memberId, { ...member, protocols: [{ name: stored.protocolName ?? '', metadata: member.subscription }] })
    restored.assignment = member.assignment
    group.add(restored)
  }
  if (group.members.size > 0) group.state = 'stable'
  group.leaderId = stored.leaderId ?? group.leaderId
  return group
}

export function groupStateName(group: Group | undefined): string {
  return GROUP_STATE_NAMES[group?.state ?? 'dead']
}
