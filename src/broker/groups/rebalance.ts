/**
 * Moves a classic group: joins, syncs, heartbeats, leaves and what time does to them (KIP-62, 345, 394, 814).
 *
 * B1. Every join and every sync that was accepted is answered exactly once: with a result, or with the error that ended it.
 * B2. A group's new assignment is stored durably before any member is told of it.
 * B3. A member that waits for a join or sync answer does not expire (its client cannot send heartbeats then); a new one has
 *     `NEW_MEMBER_JOIN_MS`.
 * B4. An expired or fenced member is never revived by a later heartbeat: it gets UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID.
 */
import type { Clock } from '../../env/env.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { Group } from './group.ts'
import { EMPTY_BYTES, failedJoin, failedSync, Member } from './member.ts'
import type { JoinRequest, JoinResult, SyncRequest, SyncResult } from './member.ts'

export const NEW_MEMBER_JOIN_MS = 5 * 60_000

export interface RebalanceHost {
  readonly clock: Clock
  readonly initialRebalanceDelayMs: number
  /** A fresh random part of a member id. */
  newId(): string
  /** Stores the group with the assignments durably; the promise settles when that is done or impossible. */
  store(group: Group): Promise<void>
}

export interface LeavingMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

export class Rebalance {
  readonly #host: RebalanceHost

  constructor(host: RebalanceHost) {
    this.#host = host
  }

  join(group: Group, request: JoinRequest, answer: (result: JoinResult) => void): void {
    const fail = (error: KafkaErrorName, memberId: string = request.memberId): void => answer(failedJoin(error, memberId))
    if (group.state === 'dead') return fail('COORDINATOR_NOT_AVAILABLE')
    if (!group.supports(request.protocolType, request.protocols)) return fail('INCONSISTENT_GROUP_PROTOCOL')
    if (request.memberId === '') return this.#joinUnknown(group, request, answer)
    if (this.#takePending(group, request.memberId)) return this.#addAndRebalance(group, request.memberId, request, answer)
    const invalid = this.#memberError(group, request.memberId, request.groupInstanceId)
    if (invalid !== 'NONE') return fail(invalid)
    const member = group.members.get(request.memberId)
    if (member === undefined) return fail('UNKNOWN_MEMBER_ID')
    switch (group.state) {
      case 'preparingRebalance':
        return this.#updateAndRebalance(group, member, request, answer)
      case 'completingRebalance':
        // Lost its answer and asks again: the same generation serves, unless what it offers has changed.
        if (member.offers(request.protocols)) return answer(this.#joined(group, member, group.leaderId === member.memberId))
        return this.#updateAndRebalance(group, member, request, answer)
      case 'stable':
        // The leader joins again to force a rebalance (its topics changed); a follower only where what it offers changed.
        if (group.leaderId === member.memberId || !member.offers(request.protocols)) return this.#updateAndRebalance(group, member, request, answer)
        return answer(this.#joined(group, member, false))
      case 'empty':
        return fail('UNKNOWN_MEMBER_ID')
    }
  }

  sync(group: Group, request: SyncRequest, answer: (result: SyncResult) => void): void {
    const fail = (error: KafkaErrorName): void => answer(failedSync(error))
    const invalid = this.memberError(group, request.memberId, request.groupInstanceId, request.generationId)
    if (invalid !== 'NONE') return fail(invalid)
    if ((request.protocolType !== null && request.protocolType !== group.protocolType)
      || (request.protocolName !== null && request.protocolName !== group.protocolName)) return fail('INCONSISTENT_GROUP_PROTOCOL')
    const member = group.members.get(request.memberId)
    if (member === undefined || group.state === 'empty') return fail('UNKNOWN_MEMBER_ID')
    if (group.state === 'preparingRebalance') return fail('REBALANCE_IN_PROGRESS')
    this.#synced(group, member.memberId)
    if (group.state === 'stable') {
      this.touch(group, member)
      return answer(this.#syncResult(group, member))
    }
    member.answerSync(failedSync('REBALANCE_IN_PROGRESS'))
    member.pendingSync = answer
    if (group.leaderId === member.memberId) this.#storeAssignment(group, request)
  }

  heartbeat(group: Group, memberId: string, groupInstanceId: string | null, generationId: number): KafkaErrorName {
    const invalid = this.memberError(group, memberId, groupInstanceId, generationId)
    if (invalid !== 'NONE') return invalid
    const member = group.members.get(memberId)
    if (member === undefined || group.state === 'empty') return 'UNKNOWN_MEMBER_ID'
    this.touch(group, member)
    return group.state === 'preparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  leave(group: Group, leaving: LeavingMember): KafkaErrorName {
    if (group.state === 'dead') return 'COORDINATOR_NOT_AVAILABLE'
    if (leaving.memberId === '') {
      // Admin's removal of a static member: by instance id alone.
      const member = group.staticMember(leaving.groupInstanceId)
      if (member === undefined) return 'UNKNOWN_MEMBER_ID'
      this.#removeAndRebalance(group, member)
      return 'NONE'
    }
    if (this.#takePending(group, leaving.memberId)) {
      this.#completeJoinWhenAllAreThere(group)
      return 'NONE'
    }
    const invalid = this.#memberError(group, leaving.memberId, leaving.groupInstanceId)
    if (invalid !== 'NONE') return invalid
    const member = group.members.get(leaving.memberId)
    if (member === undefined) return 'UNKNOWN_MEMBER_ID'
    this.#removeAndRebalance(group, member)
    return 'NONE'
  }

  /** What a request that names a member and a generation is answered before anything else is looked at. */
  memberError(group: Group, memberId: string, groupInstanceId: string | null, generationId: number): KafkaErrorName {
    if (group.state === 'dead') return 'COORDINATOR_NOT_AVAILABLE'
    const invalid = this.#memberError(group, memberId, groupInstanceId)
    if (invalid !== 'NONE') return invalid
    return generationId === group.generationId ? 'NONE' : 'ILLEGAL_GENERATION'
  }

  /** The member is alive: its session starts anew. */
  touch(group: Group, member: Member): void {
    this.#startSession(group, member, member.sessionTimeoutMs)
  }

  /** Starts the sessions of a group that was read back from the log. */
  resume(group: Group): void {
    for (const member of group.members.values()) this.touch(group, member)
  }

  /** Ends every timer and answers whoever waits; the group serves no more. */
  kill(group: Group, error: KafkaErrorName): void {
    group.rebalanceTimer?.cancel()
    group.syncTimer?.cancel()
    for (const timer of group.pendingMembers.values()) timer.cancel()
    group.pendingMembers.clear()
    group.moveTo('dead', this.#host.clock.now())
    for (const member of group.members.values()) {
      member.sessionTimer?.cancel()
      member.answerJoin(failedJoin(error, member.memberId))
      member.answerSync(failedSync(error))
    }
  }

  #memberError(group: Group, memberId: string, groupInstanceId: string | null): KafkaErrorName {
    if (groupInstanceId !== null) {
      const holder = group.staticMembers.get(groupInstanceId)
      if (holder === undefined) return 'UNKNOWN_MEMBER_ID'
      if (holder !== memberId) return 'FENCED_INSTANCE_ID'
    }
    return group.members.has(memberId) ? 'NONE' : 'UNKNOWN_MEMBER_ID'
  }

  #joinUnknown(group: Group, request: JoinRequest, answer: (result: JoinResult) => void): void {
    const memberId = `${request.groupInstanceId ?? request.clientId}-${this.#host.newId()}`
    const holder = group.staticMember(request.groupInstanceId)
    if (holder !== undefined) return this.#replaceStatic(group, holder, memberId, request, answer)
    if (!request.requireKnownMemberId) return this.#addAndRebalance(group, memberId, request, answer)
    group.pendingMembers.set(memberId, this.#host.clock.setTimer(() => {
      group.pendingMembers.delete(memberId)
      this.#completeJoinWhenAllAreThere(group)
    }, request.sessionTimeoutMs, { background: true }))
    answer(failedJoin('MEMBER_ID_REQUIRED', memberId))
  }

  /** A static member is back under a new member id: the old id is fenced, place and assignment stay. */
  #replaceStatic(group: Group, member: Member, newMemberId: string, request: JoinRequest, answer: (result: JoinResult) => void): void {
    const leaderBefore = group.leaderId
    member.answerJoin(failedJoin('FENCED_INSTANCE_ID', member.memberId))
    member.answerSync(failedSync('FENCED_INSTANCE_ID'))
    group.rename(member, newMemberId)
    member.update(request)
    member.pendingJoin = answer
    this.#startSession(group, member, member.sessionTimeoutMs)
    switch (group.state) {
      case 'stable':
        return group.selectProtocol() === group.protocolName
          ? this.#keepStable(group, member, leaderBefore, request.supportsSkippingAssignment)
          : this.#prepareRebalance(group)
      case 'completingRebalance':
        // The leader may be assigning to the old id right now: the new one would come away empty.
        return this.#prepareRebalance(group)
      case 'preparingRebalance':
        return this.#completeJoinWhenAllAreThere(group)
      case 'empty':
      case 'dead':
        return member.answerJoin(failedJoin('UNKNOWN_MEMBER_ID', newMemberId))
    }
  }

  #keepStable(group: Group, member: Member, leaderBefore: string | null, skipping: boolean): void {
    void this.#host.store(group).then(() => {
      const leads = group.leaderId === member.memberId
      const result = this.#joined(group, member, leads && skipping)
      // Without KIP-814 a returning leader is told the old leader's id, so that it does not assign in a stable group.
      member.answerJoin(skipping ? { ...result, skipAssignment: leads } : { ...result, leaderId: leaderBefore ?? '' })
    }, () => member.answerJoin(failedJoin('COORDINATOR_NOT_AVAILABLE', member.memberId)))
  }

  #addAndRebalance(group: Group, memberId: string, request: JoinRequest, answer: (result: JoinResult) => void): void {
    const member = new Member(memberId, request)
    member.isNew = true
    member.pendingJoin = answer
    if (group.members.size === 0) group.protocolType = request.protocolType
    group.memberCameWhileWaiting = true
    group.add(member)
    this.#startSession(group, member, NEW_MEMBER_JOIN_MS)
    this.#rebalanceUnlessUnderWay(group)
  }

  #updateAndRebalance(group: Group, member: Member, request: JoinRequest, answer: (result: JoinResult) => void): void {
    member.update(request)
    // A join repeated over a new connection: the old one is answered too (B1).
    member.answerJoin(failedJoin('REBALANCE_IN_PROGRESS', member.memberId))
    member.pendingJoin = answer
    this.#rebalanceUnlessUnderWay(group)
  }

  #rebalanceUnlessUnderWay(group: Group): void {
    if (group.state === 'preparingRebalance') this.#completeJoinWhenAllAreThere(group)
    else this.#prepareRebalance(group)
  }

  #prepareRebalance(group: Group): void {
    if (group.state === 'completingRebalance') this.#failSyncs(group, 'REBALANCE_IN_PROGRESS')
    group.syncTimer?.cancel()
    group.syncTimer = undefined
    group.awaitingSync.clear()
    const isFirst = group.state === 'empty' && this.#host.initialRebalanceDelayMs > 0
    group.moveTo('preparingRebalance', this.#host.clock.now())
    if (isFirst) return this.#waitForFirstMembers(group, group.rebalanceTimeoutMs)
    this.#setRebalanceTimer(group, group.rebalanceTimeoutMs, () => this.#completeJoin(group))
    this.#completeJoinWhenAllAreThere(group)
  }

  /** The first rebalance of an empty group waits for more members to come, at most their rebalance timeout. */
  #waitForFirstMembers(group: Group, leftMs: number): void {
    const wait = Math.min(this.#host.initialRebalanceDelayMs, leftMs)
    group.memberCameWhileWaiting = false
    group.waitsForFirstMembers = true
    this.#setRebalanceTimer(group, wait, () => {
      if (group.memberCameWhileWaiting && leftMs > wait) return this.#waitForFirstMembers(group, leftMs - wait)
      group.waitsForFirstMembers = false
      this.#completeJoin(group)
    })
  }

  #setRebalanceTimer(group: Group, delayMs: number, callback: () => void): void {
    group.rebalanceTimer?.cancel()
    group.rebalanceTimer = this.#host.clock.setTimer(callback, delayMs, { background: true })
  }

  #completeJoinWhenAllAreThere(group: Group): void {
    if (group.state === 'preparingRebalance' && !group.waitsForFirstMembers && group.allJoined) this.#completeJoin(group)
  }

  #completeJoin(group: Group): void {
    if (group.state !== 'preparingRebalance') return
    for (const member of [...group.members.values()]) {
      if (member.pendingJoin === undefined && !member.isStatic) {
        member.sessionTimer?.cancel()
        group.remove(member)
      }
    }
    const present = [...group.members.values()].filter(member => member.pendingJoin !== undefined)
    if (present.length === 0 && group.members.size > 0) {
      // Only silent static members are left: wait until their sessions end or one comes back.
      this.#setRebalanceTimer(group, group.rebalanceTimeoutMs, () => this.#completeJoin(group))
      return
    }
    group.rebalanceTimer?.cancel()
    group.rebalanceTimer = undefined
    if (group.leaderId === null || group.members.get(group.leaderId)?.pendingJoin === undefined) group.leaderId = present[0]?.memberId ?? null
    group.generationId += 1
    if (group.members.size === 0) {
      group.protocolName = null
      group.moveTo('empty', this.#host.clock.now())
      void this.#host.store(group).catch(() => { /* The disk failed and the broker is stopping; nobody waits for this write. */ })
      return
    }
    group.protocolName = group.selectProtocol()
    group.moveTo('completingRebalance', this.#host.clock.now())
    this.#answerJoins(group)
  }

  #answerJoins(group: Group): void {
    group.awaitingSync.clear()
    for (const member of group.members.values()) {
      member.isNew = false
      group.awaitingSync.add(member.memberId)
      const leads = member.memberId === group.leaderId
      this.touch(group, member)
      member.answerJoin(this.#joined(group, member, leads))
    }
    const generationId = group.generationId
    group.syncTimer?.cancel()
    group.syncTimer = this.#host.clock.setTimer(() => {
      if (group.generationId === generationId) this.#expireSyncs(group)
    }, group.rebalanceTimeoutMs, { background: true })
  }

  /** Members that joined and never synced are removed after the rebalance timeout. */
  #expireSyncs(group: Group): void {
    if (group.state !== 'completingRebalance' && group.state !== 'stable') return
    const silent = [...group.awaitingSync].flatMap(memberId => group.members.get(memberId) ?? [])
    if (silent.length === 0) return
    for (const member of silent) this.#drop(group, member)
    this.#prepareRebalance(group)
  }

  #synced(group: Group, memberId: string): void {
    group.awaitingSync.delete(memberId)
    if (group.awaitingSync.size > 0) return
    group.syncTimer?.cancel()
    group.syncTimer = undefined
  }

  #storeAssignment(group: Group, request: SyncRequest): void {
    const generationId = group.generationId
    const assigned = new Map(request.assignments.map(entry => [entry.memberId, entry.assignment]))
    for (const member of group.members.values()) member.assignment = Buffer.from(assigned.get(member.memberId) ?? EMPTY_BYTES)
    const stillWanted = (): boolean => group.state === 'completingRebalance' && group.generationId === generationId
    this.#host.store(group).then(() => {
      if (!stillWanted()) return
      group.moveTo('stable', this.#host.clock.now())
      for (const member of group.members.values()) {
        if (member.pendingSync === undefined) continue
        this.touch(group, member)
        member.answerSync(this.#syncResult(group, member))
      }
    }, () => {
      if (!stillWanted()) return
      this.#failSyncs(group, 'COORDINATOR_NOT_AVAILABLE')
      this.#prepareRebalance(group)
    })
  }

  #failSyncs(group: Group, error: KafkaErrorName): void {
    for (const member of group.members.values()) {
      member.assignment = EMPTY_BYTES
      member.answerSync(failedSync(error))
    }
  }

  #removeAndRebalance(group: Group, member: Member): void {
    this.#drop(group, member)
    if (group.state === 'stable' || group.state === 'completingRebalance') this.#prepareRebalance(group)
    else this.#completeJoinWhenAllAreThere(group)
  }

  #drop(group: Group, member: Member): void {
    member.sessionTimer?.cancel()
    group.remove(member)
    member.answerJoin(failedJoin('UNKNOWN_MEMBER_ID', member.memberId))
    member.answerSync(failedSync('UNKNOWN_MEMBER_ID'))
  }

  #takePending(group: Group, memberId: string): boolean {
    const timer = group.pendingMembers.get(memberId)
    if (timer === undefined) return false
    timer.cancel()
    return group.pendingMembers.delete(memberId)
  }

  #startSession(group: Group, member: Member, timeoutMs: number): void {
    member.sessionTimer?.cancel()
    member.sessionTimer = this.#host.clock.setTimer(() => {
      const waits = member.pendingJoin !== undefined || member.pendingSync !== undefined
      if (waits && !member.isNew) this.#startSession(group, member, member.sessionTimeoutMs)
      else if (group.members.get(member.memberId) === member) this.#removeAndRebalance(group, member)
    }, timeoutMs, { background: true })
  }

  #joined(group: Group, member: Member, withMembers: boolean): JoinResult {
    return {
      error: 'NONE', memberId: member.memberId, generationId: group.generationId, protocolType: group.protocolType, protocolName: group.protocolName,
      leaderId: group.leaderId ?? '', skipAssignment: false, members: withMembers ? group.joinedMembers() : [],
    }
  }

  #syncResult(group: Group, member: Member): SyncResult {
    return { error: 'NONE', protocolType: group.protocolType, protocolName: group.protocolName, assignment: member.assignment }
  }
}
