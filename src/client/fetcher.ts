/**
 * Fetches the assigned partitions and queues whole batches, never decoding a record.
 *
 * F1. A partition is in at most one request in flight; its data is handed out in offset order, without gaps or repeats.
 * F2. `bytesInFlightMax` bounds bytes queued, handed out and not released, and asked for. At it, nothing more is fetched.
 *     (The broker may exceed what was asked for by one batch per request, so that a large batch cannot block a partition.)
 * F3. After `seek`, `unassign` or `assign` nothing that was fetched before is handed out any more.
 * F4. Every batch handed out has had its CRC checked. A corrupt one stops that partition with `BATCH_CORRUPT`.
 * F5. `poll` is synchronous and makes no promise; `onData` is called when it may have something again.
 * F6. A broker has at most `LANES` requests in flight, each on a connection of its own, with disjoint partitions. Where all have data
 *     they share the lanes. What becomes fetchable while all of them are long polls at the end of their partitions does not wait for them: their connections are
 *     cut, and one request for all takes their place. A request waits only where the end of each of its partitions is known.
 * F7. Where the leader epoch has risen since the last fetch, OffsetForLeaderEpoch first shows that the position still
 *     exists (KIP-320). If it was truncated away that is handled like an offset out of range.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import type { Clock } from '../env/env.ts'
import { fetch } from '../wire/apis/01-fetch.ts'
import { errorCode, isRetriable, kafkaError } from '../wire/error-codes.ts'
import { codecsPending } from '../wire/record-batch.ts'
import type { RequestInput, ResponseOf } from '../wire/schema.ts'
import { ZERO_UUID } from '../wire/uuid.ts'
import { backoffMs } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import type { AbortedTransaction, FetchedBatches } from './fetched-batches.ts'
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, lookUpEpochEnds, lookUpOffsets } from './offset-lookups.ts'
import { PartitionFetch } from './partition-fetch.ts'
import type { QueuedPart, StartOffset } from './partition-fetch.ts'
import { groupByTopic } from './topic-groups.ts'
import { WakeTimer } from './wake-timer.ts'
import { checksumProblem, wholeBatches } from './whole-batches.ts'

export interface FetcherOptions {
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Default 64 MiB. */
  readonly bytesInFlightMax?: number | undefined
  /** Queued bytes of one partition above which it is not fetched, and the most asked for it at once. Default 4 MiB. */
  readonly bytesPerPartitionMax?: number | undefined
  /** The broker answers when it has this much, or after `waitMsMax`. Default 1. */
  readonly bytesMin?: number | undefined
  /** How long a request waits for data; it is answered as soon as there is some. Default 5,000. */
  readonly waitMsMax?: number | undefined
  /** What to do where the wanted offset is out of range or was truncated away. Default `error`: the partition stops and `onError` is called. */
  readonly reset?: 'earliest' | 'latest' | 'error' | undefined
  /** There may be something to `poll`. Called from a socket's turn; do not work in it for long. */
  readonly onData?: (() => void) | undefined
  /** The partition has stopped; `seek` or `unassign` it. `error.detail.kafkaCode` 1 is OFFSET_OUT_OF_RANGE. */
  readonly onError?: ((topic: string, partition: number, error: Error) => void) | undefined
}

export interface FetchProgress {
  /** Next offset to fetch; -1 while it is being resolved. */
  readonly offsetFetched: number
  /** Each -1 until the first answer. */
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly bytesQueued: number
  readonly paused: boolean
}

type FetchAnswer = ResponseOf<typeof fetch>
type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number]
/** A partition as it was when asked for; stale when its version has risen since. */
interface Asked { readonly at: PartitionFetch, readonly version: number }

/** A request in flight. */
interface Flight {
  readonly node: number
  readonly lane: string
  readonly asked: readonly Asked[]
  /** Nothing but data that is yet to come, or `waitMsMax`, makes the broker answer. */
  readonly waits: boolean
  /** Cuts its connection; from when the request is on it. */
  cut: (() => void) | undefined
  wasCut: boolean
}

const LANES = 2
const WAIT_MS_MAX = 5_000
const NAMES_VERSION_MAX = 12
const OFFSET_OUT_OF_RANGE = errorCode('OFFSET_OUT_OF_RANGE')
const UNKNOWN_SERVER_ERROR = errorCode('UNKNOWN_SERVER_ERROR')
const TOPIC_ID_ERRORS = new Set([errorCode('UNKNOWN_TOPIC_ID'), errorCode('INCONSISTENT_TOPIC_ID')])
/** No leader at the moment: look again. */
const LEADER_WAIT_MS = 100

export class Fetcher {
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #options: FetcherOptions
  readonly #isolation: 0 | 1
  readonly #bytesMax: number
  readonly #partitionBytesMax: number
  readonly #lanes: readonly string[]
  readonly #topics = new Map<string, Map<number, PartitionFetch>>()
  readonly #flights = new Set<Flight>()
  /** Something fetchable found no lane. */
  #isCrowded = false
  /** Partitions with queued data, in turn. */
  #ready: PartitionFetch[] = []
  #bytesHeld = 0
  #bytesAsked = 0
  #served = 0
  #scheduled = false
  readonly #wakeTimer: WakeTimer
  #closed = false
  readonly #stopMetadata: () => void

  constructor(cluster: Cluster, options: FetcherOptions) {
    this.#cluster = cluster
    this.#clock = cluster.env.clock
    this.#wakeTimer = new WakeTimer(this.#clock, 1, () => { if (!this.#closed) this.#run() })
    this.#options = options
    this.#isolation = options.isolation === 'read_committed' ? 1 : 0
    this.#bytesMax = options.bytesInFlightMax ?? 64 * 1024 * 1024
    this.#partitionBytesMax = options.bytesPerPartitionMax ?? 4 * 1024 * 1024
    this.#lanes = Array.from({ length: LANES }, () => cluster.newLane('fetch'))
    this.#stopMetadata = cluster.onMetadata(() => this.#wake())
  }

  /** Starts to fetch; a partition assigned already is sought. `leaderEpoch` is that of the last consumed record, where known. */
  assign(topic: string, partition: number, offset: StartOffset, options: { readonly leaderEpoch?: number } = {}): void {
    let partitions = this.#topics.get(topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.#topics.set(topic, partitions)
    }
    let at = partitions.get(partition)
    if (at === undefined) {
      at = new PartitionFetch(topic, partition)
      partitions.set(partition, at)
    }
    this.#drop(at)
    at.seek(offset, options.leaderEpoch ?? -1)
    this.#wake()
  }

  unassign(topic: string, partition: number): void {
    const at = this.#find(topic, partition)
    if (at === undefined) return
    this.#drop(at)
    at.end()
    const partitions = this.#topics.get(topic)
    partitions?.delete(partition)
    if (partitions?.size === 0) this.#topics.delete(topic)
  }

  /** Throws `USAGE` where the partition is not assigned. */
  seek(topic: string, partition: number, offset: StartOffset): void {
    if (this.#find(topic, partition) === undefined) throw new MillraceError('USAGE', `${topic}-${partition} is not assigned to this fetcher.`)
    this.assign(topic, partition, offset)
  }

  /** Keeps what is queued, hands out nothing and fetches nothing of this partition until `resume`. */
  pause(topic: string, partition: number): void {
    const at = this.#find(topic, partition)
    if (at !== undefined) at.paused = true
  }

  resume(topic: string, partition: number): void {
    const at = this.#find(topic, partition)
    if (at === undefined || !at.paused) return
    at.paused = false
    this.#list(at)
    this.#wake()
    if (at.listed) this.#clock.defer(() => { if (!this.#closed) this.#options.onData?.() })
  }

  /** The next partition's data in turn, or `undefined`. Call `release()` on it when its bytes are no longer needed. */
  poll(): FetchedBatches | undefined {
    for (;;) {
      const at = this.#ready.shift()
      if (at === undefined) return undefined
      at.listed = false
      if (at.paused) continue
      const part = at.queue.shift()
      if (part === undefined) continue
      at.bytesQueued -= part.batches.length
      this.#list(at)
      this.#wake()
      const problem = checksumProblem(part.batches)
      if (problem === undefined) return this.#handOut(at, part)
      this.#bytesHeld -= part.batches.length
      this.#stop(at, new MillraceError('BATCH_CORRUPT', `${at.topic}-${at.partition} from offset ${part.offsetWanted}: ${problem}`, { detail: { topic: at.topic, partition: at.partition, offset: part.offsetWanted } }))
    }
  }

  progress(topic: string, partition: number): FetchProgress | undefined {
    const at = this.#find(topic, partition)
    return at === undefined ? undefined : {
      offsetFetched: at.offset, highWatermark: at.highWatermark, lastStableOffset: at.lastStableOffset, logStartOffset: at.logStartOffset,
      bytesQueued: at.bytesQueued, paused: at.paused,
    }
  }

  /** Bytes queued, and handed out and not yet released. */
  get bytesHeld(): number {
    return this.#bytesHeld
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#wakeTimer.cancel()
    this.#stopMetadata()
    for (const partitions of this.#topics.values()) for (const at of partitions.values()) at.end()
    this.#topics.clear()
    this.#ready = []
    for (const lane of this.#lanes) this.#cluster.closeLane(lane)
  }

  #find(topic: string, partition: number): PartitionFetch | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  #drop(at: PartitionFetch): void {
    this.#bytesHeld -= at.bytesQueued
    at.queue.length = 0
    at.bytesQueued = 0
  }

  #list(at: PartitionFetch): void {
    if (at.listed || at.paused || at.queue.length === 0) return
    at.listed = true
    this.#ready.push(at)
  }

  #handOut(at: PartitionFetch, part: QueuedPart): FetchedBatches {
    const bytes = part.batches.length
    let released = false
    return {
      topic: at.topic, partition: at.partition, ...part,
      highWatermark: at.highWatermark, lastStableOffset: at.lastStableOffset, logStartOffset: at.logStartOffset,
      release: () => {
        if (released) return
        released = true
        this.#bytesHeld -= bytes
        this.#wake()
      },
    }
  }

  #wake(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    this.#clock.defer(() => {
      this.#scheduled = false
      if (!this.#closed) this.#run()
    })
  }

  #run(): void {
    const now = this.#clock.monotonic()
    this.#isCrowded = false
    const fetchable = new Map<number, PartitionFetch[]>()
    const lookups = new Map<number, PartitionFetch[]>()
    let wakeAt = Infinity
    for (const partitions of this.#topics.values()) {
      for (const at of partitions.values()) {
        if (at.busy || at.paused || at.state === 'stopped' || at.bytesQueued >= this.#partitionBytesMax) continue
        if (at.notBefore > now) {
          wakeAt = Math.min(wakeAt, at.notBefore)
          continue
        }
        const meta = this.#cluster.partitionKnown(at.topic, at.partition)
        if (meta === undefined || meta.leader < 0) {
          this.#cluster.refreshSoon(at.topic)
          wakeAt = Math.min(wakeAt, now + LEADER_WAIT_MS)
          continue
        }
        if (at.state === 'fetching' && at.leaderEpoch !== meta.leaderEpoch) {
          if (at.epochLast >= 0 && meta.leaderEpoch >= 0 && at.epochLast < meta.leaderEpoch) at.state = 'validating'
          at.leaderEpoch = meta.leaderEpoch
        } else if (at.state === 'validating') at.leaderEpoch = meta.leaderEpoch
        const groups = at.state === 'fetching' ? fetchable : lookups
        const group = groups.get(meta.leader)
        if (group === undefined) groups.set(meta.leader, [at])
        else group.push(at)
      }
    }
    for (const [node, group] of lookups) this.#launchLookups(node, group)
    let nodesLeft = fetchable.size
    for (const [node, group] of fetchable) {
      for (const part of this.#shared(node, group)) this.#launchFetch(node, part, nodesLeft)
      nodesLeft--
    }
    this.#wakeTimer.arm(wakeAt)
  }

  /** Partitions that all have data go over every lane at once: the broker reads the one answer while the other travels. */
  #shared(node: number, group: PartitionFetch[]): PartitionFetch[][] {
    const isBehind = group.length >= LANES && group.every(at => at.highWatermark >= 0 && !this.#isAtEnd(at))
    if (!isBehind || [...this.#flights].some(flight => flight.node === node)) return [group]
    return this.#lanes.map((_lane, index) => group.filter((_at, place) => place % LANES === index))
  }

  #launchFetch(node: number, group: PartitionFetch[], nodesLeft: number): void {
    const flights = [...this.#flights].filter(flight => flight.node === node)
    const lane = this.#lanes.find(each => !flights.some(flight => flight.lane === each))
    const bytesLeft = this.#bytesMax - this.#bytesHeld - this.#bytesAsked
    if (bytesLeft <= 0) return
    if (lane === undefined) return this.#cutWaiting(flights)
    group.sort((a, b) => a.servedAt - b.servedAt)
    const bytesMax = Math.min(Math.ceil(bytesLeft / nodesLeft), group.length * this.#partitionBytesMax)
    const asked = group.map(at => ({ at, version: at.version }))
    const flight: Flight = { node, lane, asked, waits: (this.#options.bytesMin ?? 1) > 1 || group.every(at => this.#isAtEnd(at)), cut: undefined, wasCut: false }
    for (const { at } of asked) at.busy = true
    this.#flights.add(flight)
    this.#bytesAsked += bytesMax
    this.#fetch(flight, bytesMax)
      .catch((error: unknown) => { if (!flight.wasCut) this.#failed(asked, error) })
      .finally(() => {
        this.#flights.delete(flight)
        this.#bytesAsked -= bytesMax
        for (const { at, version } of asked) if (at.version === version) at.busy = false
        this.#wake()
      })
  }

  /** All lanes are taken. Those that only wait make room, together: one request for all of it leaves the other lane free (F6). */
  #cutWaiting(flights: readonly Flight[]): void {
    this.#isCrowded = true
    for (const flight of flights) {
      if (flight.cut === undefined || (!flight.waits && flight.asked.some(({ at, version }) => at.version === version))) continue
      flight.wasCut = true
      flight.cut()
    }
  }

  #isAtEnd(at: PartitionFetch): boolean {
    const end = this.#isolation === 1 ? at.lastStableOffset : at.highWatermark
    return end >= 0 && at.offset >= end
  }

  async #fetch(flight: Flight, bytesMax: number): Promise<void> {
    const { asked } = flight
    const broker = await this.#cluster.connection(flight.node, flight.lane)
    flight.cut = () => broker.connection.close('a long poll made room')
    if (this.#isCrowded) this.#wake()
    const ids = new Map<string, string>()
    for (const { at } of asked) ids.set(at.topic, this.#cluster.topicId(at.topic) ?? ZERO_UUID)
    const versionMax = [...ids.values()].includes(ZERO_UUID) ? NAMES_VERSION_MAX : Infinity
    const topics = groupByTopic(asked.map(({ at }) => ({ topic: at.topic, at })), ({ at }) => ({
      partition: at.partition, currentLeaderEpoch: at.leaderEpoch, fetchOffset: at.offset, partitionMaxBytes: this.#partitionBytesMax,
    })).map(({ topic, items }) => ({ topic, topicId: ids.get(topic) ?? ZERO_UUID, partitions: items }))
    const isEndKnown = asked.every(({ at }) => at.highWatermark >= 0)
    const waitMs = isEndKnown ? this.#options.waitMsMax ?? WAIT_MS_MAX : 0
    const body: RequestInput<typeof fetch> = { maxWaitMs: waitMs, minBytes: this.#options.bytesMin ?? 1, maxBytes: bytesMax, isolationLevel: this.#isolation, topics }
    const answer = await broker.request(fetch, body, { versionMax, timeoutMs: waitMs + this.#cluster.requestTimeoutMs })
    if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, `Fetch at ${broker.connection.address}`)
    for (const { records } of answer.responses.flatMap(topic => topic.partitions)) {
      const codec = records === null ? undefined : codecsPending(records)
      if (codec !== undefined) await codec
    }
    const names = new Map([...ids].map(([topic, id]) => [id, topic]))
    let hasData = false
    for (const topic of answer.responses) {
      const name = topic.topic !== '' ? topic.topic : names.get(topic.topicId)
      for (const each of topic.partitions) {
        const found = asked.find(({ at }) => at.partition === each.partitionIndex && at.topic === name)
        if (found !== undefined && found.at.version === found.version) hasData = this.#take(found.at, each) || hasData
      }
    }
    if (hasData) this.#options.onData?.()
  }

  /** Returns whether there is something to poll. */
  #take(at: PartitionFetch, answer: PartitionAnswer): boolean {
    if (answer.errorCode !== 0) {
      this.#refused(at, answer.errorCode, answer.currentLeader ?? undefined)
      return false
    }
    at.failures = 0
    at.highWatermark = answer.highWatermark
    at.lastStableOffset = answer.lastStableOffset
    at.logStartOffset = answer.logStartOffset
    const { records } = answer
    if (records === null || records.length === 0) return false
    try {
      const { end, offsetNext, leaderEpoch } = wholeBatches(records, at.offset)
      const aborted = (this.#isolation === 1 ? answer.abortedTransactions ?? [] : []).sort(byFirstOffset)
      at.queue.push({ batches: records.subarray(0, end), offsetWanted: at.offset, offsetNext, aborted })
      at.offset = offsetNext
      at.epochLast = leaderEpoch
      at.bytesQueued += end
      this.#bytesHeld += end
    } catch (error) {
      this.#stop(at, error instanceof Error ? error : new Error(String(error)))
      return false
    }
    at.servedAt = ++this.#served
    this.#list(at)
    return at.listed
  }

  #refused(at: PartitionFetch, code: number, leader?: { readonly leaderId: number, readonly leaderEpoch: number }): void {
    if (code === OFFSET_OUT_OF_RANGE) return this.#reset(at, kafkaError(code, `fetch of ${at.topic}-${at.partition} at offset ${at.offset}`, { topic: at.topic, partition: at.partition, offset: at.offset }))
    if (!isRetriable(code) && code !== UNKNOWN_SERVER_ERROR && !TOPIC_ID_ERRORS.has(code)) {
      return this.#stop(at, kafkaError(code, `fetch of ${at.topic}-${at.partition}`, { topic: at.topic, partition: at.partition }))
    }
    if (leader !== undefined) this.#cluster.leaderMoved(at.topic, at.partition, leader.leaderId, leader.leaderEpoch)
    this.#cluster.refreshSoon(at.topic)
    this.#backOff(at)
  }

  #reset(at: PartitionFetch, error: MillraceError, divergedAt?: number): void {
    const { reset } = this.#options
    if (reset === undefined || reset === 'error') return this.#stop(at, error)
    this.#cluster.logger.warn('the position is gone, resetting', { topic: at.topic, partition: at.partition, offset: at.offset, to: divergedAt ?? reset })
    this.assign(at.topic, at.partition, divergedAt ?? reset)
  }

  /** What was fetched behind the trouble is dropped, so that nobody reads over a gap. */
  #stop(at: PartitionFetch, error: Error): void {
    this.#drop(at)
    at.end()
    this.#options.onError?.(at.topic, at.partition, error)
  }

  #backOff(at: PartitionFetch): void {
    at.notBefore = this.#clock.monotonic() + backoffMs(at.failures++, this.#cluster.backoff, this.#cluster.env.random)
  }

  #failed(asked: readonly Asked[], error: unknown): void {
    if (this.#closed || this.#cluster.closed) return
    this.#cluster.logger.debug('a fetch failed', { error: messageOf(error) })
    const fatal = error instanceof MillraceError && !error.retriable ? error : undefined
    for (const { at, version } of asked) {
      if (at.version !== version) continue
      if (fatal !== undefined) this.#stop(at, fatal)
      else {
        this.#cluster.refreshSoon(at.topic)
        this.#backOff(at)
      }
    }
  }

  /** Start offsets to resolve and positions to validate, of partitions that `node` leads. */
  #launchLookups(node: number, group: readonly PartitionFetch[]): void {
    const resolving = group.filter(at => at.state === 'resolving').map(at => ({ at, version: at.version }))
    const validating = group.filter(at => at.state === 'validating').map(at => ({ at, version: at.version }))
    if (resolving.length > 0) this.#launchLookup(resolving, () => this.#resolve(node, resolving))
    if (validating.length > 0) this.#launchLookup(validating, () => this.#validate(node, validating))
  }

  #launchLookup(asked: readonly Asked[], lookUp: () => Promise<void>): void {
    for (const { at } of asked) at.busy = true
    lookUp().catch((error: unknown) => this.#failed(asked, error)).finally(() => {
      for (const { at, version } of asked) if (at.version === version) at.busy = false
      this.#wake()
    })
  }

  async #resolve(node: number, asked: readonly Asked[]): Promise<void> {
    const answers = await lookUpOffsets(this.#cluster, node, asked.map(({ at }) => ({
      topic: at.topic, partition: at.partition, leaderEpoch: -1, timestamp: at.start === 'latest' ? LATEST_TIMESTAMP : EARLIEST_TIMESTAMP,
    })), this.#isolation)
    for (const { at, version } of asked) {
      const answer = answers.find(each => each.partition === at.partition && each.topic === at.topic)
      if (at.version !== version || answer === undefined) continue
      if (answer.errorCode !== 0) this.#refused(at, answer.errorCode)
      else {
        at.offset = answer.offset
        at.state = 'fetching'
      }
    }
  }

  async #validate(node: number, asked: readonly Asked[]): Promise<void> {
    const answers = await lookUpEpochEnds(this.#cluster, node, asked.map(({ at }) => ({
      topic: at.topic, partition: at.partition, currentLeaderEpoch: at.leaderEpoch, leaderEpoch: at.epochLast,
    })))
    for (const { at, version } of asked) {
      const answer = answers.find(each => each.partition === at.partition && each.topic === at.topic)
      if (at.version !== version || answer === undefined) continue
      if (answer.errorCode !== 0) this.#refused(at, answer.errorCode)
      else if (answer.endOffset >= 0 && answer.endOffset < at.offset) {
        this.#reset(at, kafkaError(OFFSET_OUT_OF_RANGE, `${at.topic}-${at.partition} was truncated to ${answer.endOffset}, behind the position ${at.offset}`,
          { topic: at.topic, partition: at.partition, offset: at.offset, truncatedTo: answer.endOffset }), answer.endOffset)
      } else at.state = 'fetching'
    }
  }
}

function byFirstOffset(a: AbortedTransaction, b: AbortedTransaction): number {
  return a.firstOffset - b.firstOffset
}
