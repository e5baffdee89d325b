/**
 * Incremental fetch sessions (KIP-227): a client names its partitions once and then only what has changed; it is answered only
 * where something has.
 *
 *   epoch 0 ─▶ all named, a session is made ─▶ 1, 2, 3 … each names changes ─▶ epoch −1, or eviction: the session ends
 *
 * F1. A session has one epoch that is next; any other is INVALID_FETCH_SESSION_EPOCH, an unknown session FETCH_SESSION_ID_NOT_FOUND:
 *     the client begins anew, nothing is lost.
 * F2. At most `SESSIONS_MAX` sessions with `PARTITIONS_MAX` partitions together. For a new one the least recently used makes room if it was
 *     idle for `EVICT_AFTER_MS`, else a smaller one of that age; where there is none, the client is served without a session (id 0).
 * F3. Partitions that gave records go to the end of the session's order, so that a full answer starves nobody.
 * F4. A partition is in an incremental answer if it has records, an error or a divergence, or if its high watermark or log start
 *     offset are others than last time.
 */
import type { Clock } from '../env/env.ts'
import type { fetch } from '../wire/apis/01-fetch.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'
import type { RequestOf, ResponseInput } from '../wire/schema.ts'

export type FetchRequest = RequestOf<typeof fetch>
export type PartitionRequest = FetchRequest['topics'][number]['partitions'][number]
export type PartitionResponse = ResponseInput<typeof fetch>['responses'][number]['partitions'][number]

const SESSIONS_MAX = 1000
const PARTITIONS_MAX = 200_000
const EVICT_AFTER_MS = 120_000
const EPOCH_FIRST = 0
const EPOCH_FINAL = -1
const EPOCH_LAST = 0x7fff_ffff

/** One partition that is fetched: by name, or from Fetch v13 on by id. */
export interface WantedPartition {
  readonly topic: string
  readonly topicId: string
  readonly request: PartitionRequest
}

interface SessionPartition extends WantedPartition {
  /** As last answered; −1 before. */
  readonly highWatermark: number
  readonly logStartOffset: number
}

interface Session {
  readonly id: number
  readonly usesIds: boolean
  epoch: number
  readonly createdAt: number
  usedAt: number
  readonly partitions: Map<string, SessionPartition>
}

/** What a request turns out to be. */
export type FetchContext =
  | { readonly kind: 'refused'; readonly error: KafkaErrorName }
  | { readonly kind: 'plain' | 'first'; readonly wanted: readonly WantedPartition[] }
  | { readonly kind: 'incremental'; readonly wanted: readonly WantedPartition[]; readonly session: Session }

export interface AnsweredPartition {
  readonly wanted: WantedPartition
  readonly response: PartitionResponse
}

export class FetchSessions {
  readonly #clock: Clock
  readonly #newId: () => number
  /** The least recently used first. */
  readonly #sessions = new Map<number, Session>()
  #partitions = 0

  /** `newId`: a random number in [1, 2^31). */
  constructor(clock: Clock, newId: () => number) {
    this.#clock = clock
    this.#newId = newId
  }

  get count(): number {
    return this.#sessions.size
  }

  begin(request: FetchRequest, usesIds: boolean): FetchContext {
    const isFull = request.sessionEpoch === EPOCH_FIRST || request.sessionEpoch === EPOCH_FINAL
    const session = this.#sessions.get(request.sessionId)
    if (isFull) {
      if (session !== undefined) this.#end(session)
      return { kind: request.sessionEpoch === EPOCH_FIRST ? 'first' : 'plain', wanted: wantedOf(request) }
    }
    if (session === undefined) return { kind: 'refused', error: 'FETCH_SESSION_ID_NOT_FOUND' }
    if (session.epoch !== request.sessionEpoch) return { kind: 'refused', error: 'INVALID_FETCH_SESSION_EPOCH' }
    if (session.usesIds !== usesIds) return { kind: 'refused', error: 'FETCH_SESSION_TOPIC_ID_ERROR' }
    this.#update(session, request)
    if (session.partitions.size === 0) {
      this.#end(session)
      return { kind: 'plain', wanted: [] }
    }
    session.epoch = session.epoch === EPOCH_LAST ? 1 : session.epoch + 1
    this.#touch(session)
    return { kind: 'incremental', wanted: [...session.partitions.values()], session }
  }

  /** The session's id for the answer to a first request; 0 where there is no room (F2). */
  create(answered: readonly AnsweredPartition[], usesIds: boolean): number {
    if (answered.length === 0 || !this.#makeRoom(answered.length)) return 0
    let id = this.#newId()
    while (this.#sessions.has(id)) id = this.#newId()
    const now = this.#clock.monotonic()
    const session: Session = { id, usesIds, epoch: 1, createdAt: now, usedAt: now, partitions: new Map() }
    this.#sessions.set(id, session)
    for (const { wanted, response } of answered) session.partitions.set(keyOf(wanted), remembered(wanted, response))
    this.#partitions += session.partitions.size
    return id
  }

  /** Of all partitions of a session, those to be told (F4); remembers what they are told. */
  changed(session: Session, answered: readonly AnsweredPartition[]): AnsweredPartition[] {
    return answered.filter(({ wanted, response }) => {
      const key = keyOf(wanted)
      const before = session.partitions.get(key)
      const now = remembered(wanted, response)
      const hasRecords = (response.records?.length ?? 0) > 0
      const isTold = hasRecords || response.errorCode !== 0 || response.divergingEpoch != null
        || before === undefined || before.highWatermark !== now.highWatermark || before.logStartOffset !== now.logStartOffset
      // A later request of the session may have taken it out meanwhile, or have changed what is asked.
      if (isTold && before !== undefined) {
        if (hasRecords) session.partitions.delete(key)
        session.partitions.set(key, { ...now, request: before.request })
      }
      return isTold
    })
  }

  #update(session: Session, request: FetchRequest): void {
    const sizeBefore = session.partitions.size
    for (const wanted of wantedOf(request)) {
      const known = session.partitions.get(keyOf(wanted))
      session.partitions.set(keyOf(wanted), { ...wanted, highWatermark: known?.highWatermark ?? -1, logStartOffset: known?.logStartOffset ?? -1 })
    }
    for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
      for (const partition of partitions) session.partitions.delete(`${topic} ${topicId} ${partition}`)
    }
    this.#partitions += session.partitions.size - sizeBefore
  }

  #touch(session: Session): void {
    session.usedAt = this.#clock.monotonic()
    this.#sessions.delete(session.id)
    this.#sessions.set(session.id, session)
  }

  #makeRoom(partitions: number): boolean {
    if (partitions > PARTITIONS_MAX) return false
    while (this.#sessions.size >= SESSIONS_MAX || this.#partitions + partitions > PARTITIONS_MAX) {
      const evicted = this.#evictable(partitions)
      if (evicted === undefined) return false
      this.#end(evicted)
    }
    return true
  }

  #evictable(partitions: number): Session | undefined {
    const bound = this.#clock.monotonic() - EVICT_AFTER_MS
    const [oldest] = this.#sessions.values()
    if (oldest !== undefined && oldest.usedAt <= bound) return oldest
    let smallest: Session | undefined
    for (const session of this.#sessions.values()) {
      if (session.createdAt <= bound && session.partitions.size < partitions && session.partitions.size < (smallest?.partitions.size ?? Infinity)) smallest = session
    }
    return smallest
  }

  #end(session: Session): void {
    this.#sessions.delete(session.id)
    this.#partitions -= session.partitions.size
  }
}

function wantedOf(request: FetchRequest): WantedPartition[] {
  return request.topics.flatMap(({ topic, topicId, partitions }) => partitions.map(each => ({ topic, topicId, request: each })))
}

function keyOf({ topic, topicId, request }: WantedPartition): string {
  return `${topic} ${topicId} ${request.partition}`
}

/** An error is told again with the next answer without one: its high watermark is −1. */
function remembered(wanted: WantedPartition, response: PartitionResponse): SessionPartition {
  return { ...wanted, highWatermark: response.errorCode === 0 ? response.highWatermark : -1, logStartOffset: response.logStartOffset ?? -1 }
}
