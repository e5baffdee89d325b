/**
 * One member of a classic group: who it is, what it offers, what it waits for.
 *
 * At most one of `pendingJoin` and `pendingSync` is set; each is called exactly once and then cleared.
 */
import type { Timer } from '../../env/env.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'

export interface MemberProtocol {
  readonly name: string
  /** The member's subscription and user data, opaque to the broker. */
  readonly metadata: Buffer
}

export interface JoinRequest {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  /** JoinGroup v4 on, dynamic members: the first join only hands out a member id (KIP-394). */
  readonly requireKnownMemberId: boolean
  /** JoinGroup v9 on: a static leader that returns to a stable group may be told to skip the assignment (KIP-814). */
  readonly supportsSkippingAssignment: boolean
}

export interface JoinedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly metadata: Buffer
}

export interface JoinResult {
  readonly error: KafkaErrorName
  readonly memberId: string
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string
  readonly skipAssignment: boolean
  /** Every member for the leader, empty for the others. */
  readonly members: readonly JoinedMember[]
}

export interface SyncRequest {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

export interface SyncResult {
  readonly error: KafkaErrorName
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Buffer
}

export const EMPTY_BYTES = Buffer.alloc(0)

export class Member {
  memberId: string
  readonly groupInstanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Buffer = EMPTY_BYTES
  pendingJoin: ((result: JoinResult) => void) | undefined = undefined
  pendingSync: ((result: SyncResult) => void) | undefined = undefined
  /** True from its first join until that join is answered: its client cannot send heartbeats yet. */
  isNew = false
  sessionTimer: Timer | undefined = undefined

  constructor(memberId: string, request: Omit<JoinRequest, 'memberId' | 'protocolType' | 'requireKnownMemberId' | 'supportsSkippingAssignment'>) {
    this.memberId = memberId
    this.groupInstanceId = request.groupInstanceId
    this.clientId = request.clientId
    this.clientHost = request.clientHost
    this.sessionTimeoutMs = request.sessionTimeoutMs
    this.rebalanceTimeoutMs = request.rebalanceTimeoutMs
    this.protocols = copyProtocols(request.protocols)
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null
  }

  update(request: JoinRequest): void {
    this.protocols = copyProtocols(request.protocols)
    this.sessionTimeoutMs = request.sessionTimeoutMs
    this.rebalanceTimeoutMs = request.rebalanceTimeoutMs
    this.clientId = request.clientId
    this.clientHost = request.clientHost
  }

  /** Whether the member offers exactly `protocols`, names, bytes and order. */
  offers(protocols: readonly MemberProtocol[]): boolean {
    return protocols.length === this.protocols.length && protocols.every((protocol, index) => {
      const mine = this.protocols[index]
      return mine !== undefined && mine.name === protocol.name && mine.metadata.equals(protocol.metadata)
    })
  }

  /** The metadata it gave for the protocol; empty where it does not offer it. */
  metadataOf(protocolName: string | null): Buffer {
    return this.protocols.find(protocol => protocol.name === protocolName)?.metadata ?? EMPTY_BYTES
  }

  answerJoin(result: JoinResult): void {
    const answer = this.pendingJoin
    this.pendingJoin = undefined
    answer?.(result)
  }

  answerSync(result: SyncResult): void {
    const answer = this.pendingSync
    this.pendingSync = undefined
    answer?.(result)
  }
}

/** Protocol bytes arrive as slices of a frame and are kept for as long as the member lives: they are copied. */
function copyProtocols(protocols: readonly MemberProtocol[]): MemberProtocol[] {
  return protocols.map(protocol => ({ name: protocol.name, metadata: Buffer.from(protocol.metadata) }))
}

export function failedJoin(error: KafkaErrorName, memberId: string): JoinResult {
  return { error, memberId, generationId: -1, protocolType: null, protocolName: null, leaderId: '', skipAssignment: false, members: [] }
}

export function failedSync(error: KafkaErrorName): SyncResult {
  return { error, protocolType: null, protocolName: null, assignment: EMPTY_BYTES }
}
