/**
 * A member of a consumer group (classic protocol): joins, assigns where it is the leader, heartbeats in the background.
 *
 * ```text
 * join ──> sync ──> callbacks ──> stable ──rebalance, rejoin()──> (eager: onRevoked) ──> join
 *   ▲                                └──unknown member, illegal generation──> onLost ──┐
 *   └──────────────────────────────────────────────────────────────────────────────────┘
 * ```
 * G1. `onRevoked` is awaited before the partitions are given up, in a generation that is still valid, so that a commit in
 *     it with the identity it is handed succeeds; heartbeats go on meanwhile. `onLost` means they are gone already: commit nothing.
 * G2. Every partition handed to `onAssigned` is later handed to exactly one of `onRevoked` and `onLost`.
 * G3. `identity()` is captured by whoever commits at the start of the work; an old generation is fenced by the coordinator.
 *     Under cooperative protocols partitions stay owned while the generation rises: `beforeJoin` is the moment to finish
 *     work that was begun under the old one.
 * G4. With a static id (`groupInstanceId`) closing does not leave the group unless told to: whoever comes back with the id
 *     within the session timeout has its partitions at once.
 * G5. One callback runs at a time, in the order of events.
 * G6. Closing waits for callbacks, for nobody else: a join or sync that others hold up is abandoned, and what is owned is revoked in the
 *     generation of before it, in which the coordinator takes commits until the join ends.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import { joinGroup } from '../wire/apis/11-join-group.ts'
import { leaveGroup } from '../wire/apis/13-leave-group.ts'
import { syncGroup } from '../wire/apis/14-sync-group.ts'
import { errorCode, errorName, kafkaError } from '../wire/error-codes.ts'
import type { ResponseOf } from '../wire/schema.ts'
import type { Assignor, SubscribedMember } from './assignor.ts'
import type { Cluster } from './cluster.ts'
import { CONSUMER_PROTOCOL_TYPE, decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import { commitGroupOffsets, fetchGroupOffsets } from './group-offsets.ts'
import type { CommittedOffset } from './group-offsets.ts'
import { withoutOwnedByOthers } from './hand-over.ts'
import { Heartbeats } from './heartbeats.ts'
import { difference } from './partition-set.ts'
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
  /** The same once no rebalance was seen for 20 s. Default: as before that. */
  readonly calmHeartbeatIntervalMs?: number | undefined
  /** How long members may take to rejoin. Default 60,000. */
  readonly rebalanceTimeoutMs?: number | undefined
  readonly groupInstanceId?: string | undefined
  /** Newly owned partitions (under eager protocols: all of them). Awaited; if it fails the member stops. */
  readonly onAssigned: (partitions: readonly TopicPartition[], identity: GroupIdentity) => void | Promise<void>
  readonly onRevoked: (partitions: readonly TopicPartition[], identity: GroupIdentity) => void | Promise<void>
  readonly onLost: (partitions: readonly TopicPartition[]) => void | Promise<void>
  /** Before each join while partitions are owned and kept (cooperative): the last moment of the identity's generation. Awaited. */
  readonly beforeJoin?: ((identity: GroupIdentity) => void | Promise<void>) | undefined
  /** The member has stopped for good: FENCED (its static id is used elsewhere), GROUP_ERROR (no common protocol …). */
  readonly onFailed?: ((error: Error) => void) | undefined
}

type JoinAnswer = ResponseOf<typeof joinGroup>
type State = 'new' | 'joining' | 'stable' | 'closing' | 'stopped'

const MEMBER_ID_REQUIRED = errorCode('MEMBER_ID_REQUIRED')
const UNKNOWN_MEMBER_ID = errorCode('UNKNOWN_MEMBER_ID')
const ILLEGAL_GENERATION = errorCode('ILLEGAL_GENERATION')
const REBALANCE_IN_PROGRESS = errorCode('REBALANCE_IN_PROGRESS')

export class GroupMember {
  readonly #cluster: Cluster
  readonly #options: GroupMemberOptions
  readonly #lane: string
  readonly #heartbeats: Heartbeats
  readonly #cooperative: boolean
  readonly #rebalanceTimeoutMs: number
  readonly #sessionTimeoutMs: number
  #state: State = 'new'
  #memberId = ''
  #generation = -1
  #owned: readonly TopicPartition[] = []
  /** Why to join again, and whether what is owned is lost; set by heartbeats, `rejoin` and failed steps. */
  #rejoinReason: string | undefined
  #lost = false
  #signal: () => void = () => {}
  /** Rejects when the member closes; steps that wait for other members are raced with it (G6). */
  readonly #closing: Promise<never>
  #abandon: () => void = () => {}
  #closed: Promise<void> | undefined
  #loop: Promise<void> | undefined
  /** Where this member is the leader: partition counts that its assignment was made from. */
  #counts: ReadonlyMap<string, number> | undefined
  #stopMetadata: () => void = () => {}

  constructor(cluster: Cluster, options: GroupMemberOptions) {
    const kinds = new Set(options.assignors.map(each => each.protocol))
    if (kinds.size !== 1) throw new MillraceError('CONFIG_INVALID', kinds.size === 0 ? 'A group member needs at least one assignor.' : 'Eager and cooperative assignors cannot be mixed in one member.')
    if (options.groupId === '') throw new MillraceError('CONFIG_INVALID', 'The group id is empty.')
    this.#cluster = cluster
    this.#options = options
    this.#cooperative = kinds.has('cooperative')
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? 45_000
    this.#rebalanceTimeoutMs = options.rebalanceTimeoutMs ?? 60_000
    this.#lane = cluster.newLane(`group:${options.groupId}`)
    this.#closing = new Promise((_, reject) => {
      this.#abandon = () => reject(new MillraceError('GROUP_ERROR', `The membership in ${options.groupId} is being closed.`, { retriable: true }))
    })
    this.#closing.catch(() => { /* Nobody may be waiting for a step. */ })
    const intervalMs = Math.min(options.heartbeatIntervalMs ?? 3_000, this.#sessionTimeoutMs / 3)
    this.#heartbeats = new Heartbeats(cluster, {
      lane: this.#lane,
      intervalMs,
      calmIntervalMs: Math.max(intervalMs, Math.min(options.calmHeartbeatIntervalMs ?? 0, this.#sessionTimeoutMs / 3)),
      sessionTimeoutMs: this.#sessionTimeoutMs,
      identity: () => this.identity(),
      alive: () => this.#lookForTopics(),
      refused: code => this.#refused(code),
    })
  }

  /** Joins in the background; resolves when the first join and its callbacks are done, or the member was closed before. Rejects where the group cannot be joined. */
  start(): Promise<void> {
    if (this.#state !== 'new') throw new MillraceError('USAGE', 'A group member is started once.')
    this.#state = 'joining'
    this.#stopMetadata = this.#cluster.onMetadata(() => this.#checkCounts())
    return new Promise((resolve, reject) => {
      this.#loop = this.#run(resolve).then(resolve, (error: unknown) => {
        const failure = error instanceof Error ? error : new Error(String(error))
        reject(failure)
        return this.#fail(failure)
      })
    })
  }

  /** Current generation and member id; generation -1 while not in the group. */
  identity(): GroupIdentity {
    return { groupId: this.#options.groupId, generation: this.#generation, memberId: this.#memberId, groupInstanceId: this.#options.groupInstanceId }
  }

  get generation(): number {
    return this.#generation
  }

  get memberId(): string {
    return this.#memberId
  }

  get owned(): readonly TopicPartition[] {
    return this.#owned
  }

  /** True while the member knows of no rebalance under way. */
  get stable(): boolean {
    return this.#state === 'stable' && this.#rejoinReason === undefined
  }

  /** Asks for a rebalance (the assignor's user data has changed). */
  rejoin(reason: string): void {
    if (this.#state === 'stopped' || this.#state === 'closing') return
    this.#rejoinReason ??= reason
    this.#signal()
  }

  /** Rejects with `GROUP_ERROR` where the generation is over. Not for transactional work: that is `Producer.sendOffsets`. */
  commitOffsets(offsets: readonly OffsetEntry[], identity: GroupIdentity = this.identity()): Promise<void> {
    return commitGroupOffsets(this.#cluster, identity, offsets)
  }

  /** `requireStable` waits out offsets that an open transaction holds (UNSTABLE_OFFSET_COMMIT). */
  fetchOffsets(partitions: readonly TopicPartition[], options: { readonly requireStable: boolean }): Promise<CommittedOffset[]> {
    return fetchGroupOffsets(this.#cluster, this.#options.groupId, partitions, options.requireStable)
  }

  /** Revokes what is owned (awaiting `onRevoked`), leaves (a static member only with `leave: true`, see G4), stops. */
  close(options: { readonly leave?: boolean | undefined } = {}): Promise<void> {
    this.#closed ??= this.#close(options)
    return this.#closed
  }

  async #close(options: { readonly leave?: boolean | undefined }): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'closing'
    this.#signal()
    this.#abandon()
    await this.#loop
    if (this.#isStopped()) return
    await this.#giveUp(this.#owned)
    this.#heartbeats.stop()
    if (options.leave ?? this.#options.groupInstanceId === undefined) await this.#leave()
    this.#stop()
  }

  async #run(joined: () => void): Promise<void> {
    for (let attempt = 0; this.#isRunning();) {
      try {
        await this.#joinOnce()
        attempt = 0
      } catch (error) {
        if (!this.#isRunning()) break
        if (!(error instanceof MillraceError && error.retriable)) throw error
        this.#cluster.logger.debug('joining the group again', { group: this.#options.groupId, reason: messageOf(error) })
        await Promise.race([this.#cluster.pause(attempt++), this.#closing]).catch(() => { /* The loop's condition says it. */ })
        continue
      }
      if (!this.#isRunning()) break
      this.#state = 'stable'
      joined()
      await this.#untilSignal()
    }
  }

  /** From here to a new assignment with its callbacks. Throws a retriable error where it must be tried again. */
  async #joinOnce(): Promise<void> {
    this.#state = this.#state === 'closing' ? 'closing' : 'joining'
    if (this.#lost) await this.#lose()
    if (this.#owned.length > 0) {
      if (this.#cooperative) await this.#call('beforeJoin', () => this.#options.beforeJoin?.(this.identity()))
      else await this.#giveUp(this.#owned)
    }
    // A heartbeat during those callbacks may have said that all is lost.
    if (this.#lost) await this.#lose()
    this.#heartbeats.stop()
    this.#rejoinReason = undefined
    const answer = await this.#join()
    const assignor = this.#options.assignors.find(each => each.name === answer.protocolName)
    if (assignor === undefined) throw new MillraceError('GROUP_ERROR', `The group ${this.#options.groupId} chose the protocol ${answer.protocolName ?? '(none)'}, which this member does not have.`)
    const assignments = answer.leader === answer.memberId && !answer.skipAssignment ? await this.#assign(assignor, answer) : []
    const bytes = await this.#sync(assignor, assignments)
    this.#heartbeats.start()
    const assignment = decodeAssignment(bytes)
    assignor.onAssignment?.(assignment, this.#generation)
    await this.#apply(assignment.partitions)
  }

  async #join(): Promise<JoinAnswer> {
    for (;;) {
      const answer = await this.#step(this.#cluster.request({ group: this.#options.groupId }, joinGroup, {
        groupId: this.#options.groupId,
        sessionTimeoutMs: this.#sessionTimeoutMs,
        rebalanceTimeoutMs: this.#rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupInstanceId: this.#options.groupInstanceId ?? null,
        protocolType: CONSUMER_PROTOCOL_TYPE,
        protocols: this.#options.assignors.map(assignor => ({ name: assignor.name, metadata: this.#subscription(assignor) })),
        reason: null,
      }, { lane: this.#lane, timeoutMs: this.#rebalanceTimeoutMs + 10_000, retry: false }))
      if (answer.errorCode === MEMBER_ID_REQUIRED) {
        this.#memberId = answer.memberId
        continue
      }
      if (answer.errorCode !== 0) throw this.#stepFailed(answer.errorCode, 'JoinGroup')
      this.#memberId = answer.memberId
      this.#generation = answer.generationId
      return answer
    }
  }

  /** A request that the coordinator may answer only when all members have done theirs (G6). */
  #step<Answer>(request: Promise<Answer>): Promise<Answer> {
    return Promise.race([request, this.#closing])
  }

  #subscription(assignor: Assignor): Buffer {
    const { topics } = this.#options
    return encodeSubscription({ topics, userData: assignor.userData?.(this.#owned, this.#generation), owned: this.#owned, generation: this.#generation })
  }

  async #assign(assignor: Assignor, answer: JoinAnswer): Promise<{ memberId: string, assignment: Buffer }[]> {
    const members: SubscribedMember[] = answer.members.map(member => ({ memberId: member.memberId, groupInstanceId: member.groupInstanceId ?? undefined, ...decodeSubscription(member.metadata) }))
    const topics = [...new Set(members.flatMap(member => member.topics))]
    await this.#cluster.refresh(topics)
    const counts = new Map(topics.map(topic => [topic, this.#cluster.partitionsKnown(topic)?.length ?? 0]))
    this.#counts = counts
    const assigned = assignor.assign(members, counts)
    const safe = assignor.protocol === 'cooperative' ? withoutOwnedByOthers(assigned, members) : assigned
    return [...safe].map(([memberId, { partitions, userData }]) => ({ memberId, assignment: encodeAssignment({ partitions, userData }) }))
  }

  async #sync(assignor: Assignor, assignments: readonly { memberId: string, assignment: Buffer }[]): Promise<Buffer> {
    if (assignments.length === 0) this.#counts = undefined
    const answer = await this.#step(this.#cluster.request({ group: this.#options.groupId }, syncGroup, {
      groupId: this.#options.groupId,
      generationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: this.#options.groupInstanceId ?? null,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName: assignor.name,
      assignments,
    }, { lane: this.#lane, timeoutMs: this.#rebalanceTimeoutMs + 10_000, retry: false }))
    if (answer.errorCode !== 0) throw this.#stepFailed(answer.errorCode, 'SyncGroup')
    return answer.assignment
  }

  /** A refused step: notes what it means for the membership, and gives the error to throw. */
  #stepFailed(code: number, step: string): MillraceError {
    const error = kafkaError(code, `${step} of group ${this.#options.groupId}`)
    const again = code === REBALANCE_IN_PROGRESS || code === UNKNOWN_MEMBER_ID || code === ILLEGAL_GENERATION
    this.#noteRefusal(code)
    if (error.retriable) this.#cluster.coordinatorMoved({ group: this.#options.groupId })
    if (again || error.retriable || error.code === 'FENCED') return again ? new MillraceError('GROUP_ERROR', error.message, { retriable: true, detail: error.detail }) : error
    return new MillraceError('GROUP_ERROR', error.message, { detail: error.detail })
  }

  #noteRefusal(code: number): void {
    if (code !== UNKNOWN_MEMBER_ID && code !== ILLEGAL_GENERATION) return
    this.#lost = this.#owned.length > 0
    if (code === UNKNOWN_MEMBER_ID) this.#memberId = ''
    this.#generation = -1
  }

  async #apply(assigned: readonly TopicPartition[]): Promise<void> {
    const identity = this.identity()
    const revoked = difference(this.#owned, assigned)
    const added = difference(assigned, this.#owned)
    if (revoked.length > 0) {
      await this.#giveUp(revoked)
      // Only now may the leader give them to others.
      this.#rejoinReason ??= 'partitions were given up'
    }
    if (this.#lost || this.#isStopped()) return
    if (added.length > 0 || !this.#cooperative) {
      this.#owned = [...this.#owned, ...added]
      await this.#options.onAssigned(added, identity)
    }
  }

  async #giveUp(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0 || this.#lost) return
    await this.#call('onRevoked', () => this.#options.onRevoked(partitions, this.identity()))
    this.#owned = difference(this.#owned, partitions)
  }

  async #lose(): Promise<void> {
    const lost = this.#owned
    this.#lost = false
    this.#owned = []
    if (lost.length > 0) await this.#call('onLost', () => this.#options.onLost(lost))
  }

  /** Revocation cannot be refused: what a callback throws is reported and the protocol goes on. */
  async #call(name: string, callback: () => void | Promise<void> | undefined): Promise<void> {
    try {
      await callback()
    } catch (error) {
      this.#cluster.logger.warn(`${name} failed`, { group: this.#options.groupId, error: messageOf(error) })
    }
  }

  /** What the coordinator answered to a heartbeat. */
  #refused(code: number): void {
    if (code === REBALANCE_IN_PROGRESS) return this.rejoin('the group rebalances')
    if (code === UNKNOWN_MEMBER_ID || code === ILLEGAL_GENERATION) {
      this.#noteRefusal(code)
      return this.rejoin(`the coordinator said ${errorName(code)}`)
    }
    const error = kafkaError(code, `Heartbeat of group ${this.#options.groupId}`)
    void this.#fail(error.code === 'FENCED' ? error : new MillraceError('GROUP_ERROR', error.message, { detail: error.detail }))
  }

  #checkCounts(): void {
    if (this.#counts === undefined || this.#state !== 'stable') return
    for (const [topic, count] of this.#counts) {
      const now = this.#cluster.partitionsKnown(topic)?.length
      if (now !== undefined && now !== count) return this.rejoin(`topic ${topic} has ${now} partitions, not ${count}`)
    }
  }

  /** The leader looks for subscribed topics that were not there; everything known is asked for now and then by the cluster. */
  #lookForTopics(): void {
    for (const [topic, count] of this.#counts ?? []) if (count === 0) this.#cluster.refreshSoon(topic)
  }

  async #leave(): Promise<void> {
    if (this.#memberId === '' || this.#cluster.closed) return
    try {
      await this.#cluster.request({ group: this.#options.groupId }, leaveGroup, {
        groupId: this.#options.groupId, memberId: this.#memberId, members: [{ memberId: this.#memberId, groupInstanceId: this.#options.groupInstanceId ?? null, reason: null }],
      }, { deadlineMs: 3_000, timeoutMs: 3_000 })
    } catch (error) {
      // The session timeout will say it for us.
      this.#cluster.logger.warn('the group could not be left', { group: this.#options.groupId, error: messageOf(error) })
    }
  }

  async #fail(error: Error): Promise<void> {
    if (this.#state === 'stopped') return
    const closing = this.#state === 'closing'
    this.#stop()
    this.#signal()
    await this.#lose()
    if (!closing) this.#options.onFailed?.(error)
  }

  #stop(): void {
    this.#state = 'stopped'
    this.#generation = -1
    this.#heartbeats.stop()
    this.#stopMetadata()
    this.#cluster.closeLane(this.#lane)
  }

  #untilSignal(): Promise<void> {
    if (this.#rejoinReason !== undefined || this.#lost || !this.#isRunning()) return Promise.resolve()
    return new Promise(resolve => { this.#signal = resolve })
  }

  #isRunning(): boolean {
    return this.#state !== 'closing' && this.#state !== 'stopped'
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }
}
