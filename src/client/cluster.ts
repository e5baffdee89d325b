/**
 * A Kafka cluster as seen by one client: bootstrap, metadata, coordinators, features, and requests with retries.
 *
 * C1. A request goes out in the highest version that both sides know, and never in a version the broker did not announce.
 * C2. Transport failures are retried with jittered exponential backoff until the request's deadline; an answer from
 *     the broker is handed to the caller, except for the coordinator and controller errors that only mean "ask elsewhere"
 *     or "ask again".
 * C3. Metadata never goes back (see metadata.ts, M1).
 * C4. Requests that may block on the broker (fetch, join) go on a lane, a connection of their own, so that nothing waits behind them.
 * C5. Only requests whose repetition is harmless are retried here; whoever sends others says `retry: false`.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import type { Env, Timer } from '../env/env.ts'
import { metadata } from '../wire/apis/03-metadata.ts'
import { findCoordinator } from '../wire/apis/10-find-coordinator.ts'
import { errorCode, isRetriable, kafkaError } from '../wire/error-codes.ts'
import type { Api, RequestInput, ResponseOf } from '../wire/schema.ts'
import { backoffMs } from './backoff.ts'
import type { BackoffOptions } from './backoff.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { closedError, ConnectionPool } from './connection-pool.ts'
import type { Lane } from './connection-pool.ts'
import { MetadataCache, parseBootstrap } from './metadata.ts'
import type { TopicMeta } from './metadata.ts'
import { tlsOptionsOf } from './security.ts'
import type { SecurityOptions } from './security.ts'
import type { BrokerNode, PartitionMeta } from './types.ts'

export interface ClusterOptions {
  /** `host:port,host:port`. */
  readonly bootstrap: string
  readonly clientId?: string | undefined
  readonly logger?: Logger | undefined
  /** Default 5,000. */
  readonly connectTimeoutMs?: number | undefined
  /** How long one attempt may wait for its answer. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a request is retried in all. Default 60,000. */
  readonly deliveryTimeoutMs?: number | undefined
  /** Default 50. */
  readonly backoffMinMs?: number | undefined
  /** Default 1,000. */
  readonly backoffMaxMs?: number | undefined
  /** Metadata older than this is asked for again in the background. Default 300,000. */
  readonly metadataAgeMaxMs?: number | undefined
  /** Largest answer accepted; a larger one closes the connection. Default 100 MiB. */
  readonly responseBytesMax?: number | undefined
  /** TLS and log-in; without it plain text and none. */
  readonly security?: SecurityOptions | undefined
  /** Ask the broker to create a topic that is asked about and absent. Default false. */
  readonly autoCreateTopics?: boolean | undefined
}

export interface ClusterFeatures {
  /** Finalized `transaction.version`: 2 means transactions v2 (KIP-890). 0 where not finalized. */
  readonly transactionVersion: number
  readonly groupVersion: number
  readonly metadataVersion: number
}

export type RequestTarget = 'any' | 'controller' | { readonly node: number } | { readonly group: string } | { readonly transactionalId: string }

export interface RequestOptions<A> {
  readonly lane?: Lane | undefined
  /** How long one attempt may wait for its answer. */
  readonly timeoutMs?: number | undefined
  /** How long it is retried in all. */
  readonly deadlineMs?: number | undefined
  /** Default true, but false for a single node as target: its caller knows whether another one will do. */
  readonly retry?: boolean | undefined
  readonly versionMax?: number | undefined
  /** The code that decides on "ask elsewhere" where it is not the answer's own `errorCode`. */
  readonly errorOf?: ((response: ResponseOf<A>) => number) | undefined
}

const IN_FLIGHT_MAX = 64
const RESPONSE_BYTES_MAX = 100 * 1024 * 1024
const REFRESH_SPACING_MS = 100
/** Any broker can answer these: one that hangs is not waited for as long as for other requests. */
const LOOKUP_TIMEOUT_MS = 10_000
const GROUP_KEY = 0
const TRANSACTION_KEY = 1
const COORDINATOR_MOVED = new Set([errorCode('NOT_COORDINATOR'), errorCode('COORDINATOR_NOT_AVAILABLE')])
/** The end of the transaction before is being written: soon over. */
const CONCURRENT_BACKOFF = { minMs: 2, maxMs: 100 }
const CONCURRENT = errorCode('CONCURRENT_TRANSACTIONS')
const ASK_AGAIN = new Set([errorCode('COORDINATOR_LOAD_IN_PROGRESS'), errorCode('CONCURRENT_TRANSACTIONS')])
const NOT_CONTROLLER = errorCode('NOT_CONTROLLER')
const UNKNOWN_TOPIC = errorCode('UNKNOWN_TOPIC_OR_PARTITION')

export class Cluster {
  readonly env: Env
  readonly logger: Logger
  readonly clientId: string
  readonly requestTimeoutMs: number
  readonly backoff: BackoffOptions
  readonly #options: ClusterOptions
  readonly #pool: ConnectionPool
  readonly #cache: MetadataCache
  readonly #coordinators = new Map<string, number>()
  readonly #metadataCallbacks = new Set<() => void>()
  readonly #sleepers = new Set<() => void>()
  #features: ClusterFeatures = { transactionVersion: 0, groupVersion: 0, metadataVersion: 0 }
  #featuresEpoch = -2
  #turn = 0
  #laneCount = 0
  #closed = false
  #refreshing: Promise<void> | undefined
  #refreshQueued: { names: Set<string>, promise: Promise<void>, start: () => void } | undefined
  #soonNames = new Set<string>()
  #soonTimer: Timer | undefined
  #refreshedAt = -Infinity
  #ageTimer: Timer | undefined

  private constructor(env: Env, options: ClusterOptions) {
    this.env = env
    this.logger = options.logger ?? silentLogger
    this.clientId = options.clientId ?? 'millrace'
    this.requestTimeoutMs = options.requestTimeoutMs ?? 30_000
    this.backoff = { minMs: options.backoffMinMs ?? 50, maxMs: options.backoffMaxMs ?? 1_000 }
    this.#options = options
    this.#cache = new MetadataCache(parseBootstrap(options.bootstrap))
    this.#pool = new ConnectionPool(env, {
      clientId: this.clientId,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      requestTimeoutMs: this.requestTimeoutMs,
      responseBytesMax: options.responseBytesMax ?? RESPONSE_BYTES_MAX,
      inFlightMax: IN_FLIGHT_MAX,
      tls: tlsOptionsOf(options.security),
      sasl: options.security?.sasl,
    }, this.backoff)
  }

  /** Rejects with `CONNECTION_FAILED`, naming every address tried, where none answers. */
  static async connect(env: Env, options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(env, options)
    try {
      await cluster.#bootstrap()
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  get features(): ClusterFeatures {
    return this.#features
  }

  get clusterId(): string {
    return this.#cache.clusterId
  }

  get controllerId(): number {
    return this.#cache.controllerId
  }

  get nodes(): readonly BrokerNode[] {
    return this.#cache.brokers
  }

  get closed(): boolean {
    return this.#closed
  }

  /** A lane name that nobody else has. */
  newLane(prefix: string): Lane {
    return `${prefix}-${this.#laneCount++}`
  }

  closeLane(lane: Lane): void {
    this.#pool.closeLane(lane)
  }

  /**
   * From the cache, or asked for. Rejects with `BROKER_ERROR` (`detail.kafkaCode` 3) where the topic does not exist;
   * waits for one that has just been created for up to `waitMsMax` (default 2,000).
   */
  async partitions(topic: string, options: { readonly waitMsMax?: number } = {}): Promise<readonly PartitionMeta[]> {
    const until = this.env.clock.monotonic() + (options.waitMsMax ?? 2_000)
    for (let attempt = 0; ; attempt++) {
      const known = this.#cache.topic(topic)
      if (known !== undefined) return known.partitions
      await this.refresh([topic])
      if (this.#cache.topic(topic) !== undefined) continue
      const code = this.#cache.errorOf(topic) || UNKNOWN_TOPIC
      if (!isRetriable(code) || this.env.clock.monotonic() >= until) throw kafkaError(code, `topic ${topic}`, { topic })
      await this.pause(attempt)
    }
  }

  /** From the cache only. */
  partitionsKnown(topic: string): readonly PartitionMeta[] | undefined {
    return this.#cache.topic(topic)?.partitions
  }

  partitionKnown(topic: string, partition: number): PartitionMeta | undefined {
    return this.#cache.topic(topic)?.partitions[partition]
  }

  topicKnown(topic: string): TopicMeta | undefined {
    return this.#cache.topic(topic)
  }

  /** The error code of the last metadata answer about the topic, 0 where it was fine or there was none. */
  topicError(topic: string): number {
    return this.#cache.errorOf(topic)
  }

  topicId(topic: string): string | undefined {
    return this.#cache.topic(topic)?.topicId
  }

  topicName(topicId: string): string | undefined {
    return this.#cache.nameOf(topicId)
  }

  /** A leader that an answer named; the next metadata answer confirms it. */
  leaderMoved(topic: string, partition: number, leader: number, leaderEpoch: number): void {
    this.#cache.applyLeader(topic, partition, leader, leaderEpoch)
  }

  /** Asks for these topics now (all known ones where left out). Resolves with an answer to a request sent after the call. */
  refresh(topics: readonly string[] = this.#cache.topicNames): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    const queued = this.#refreshQueued ??= this.#newRefresh()
    for (const topic of topics) queued.names.add(topic)
    if (this.#refreshing === undefined) queued.start()
    return queued.promise
  }

  /** Asks for the topic soon, in the background: many calls make one request, and requests keep a distance. */
  refreshSoon(topic: string): void {
    this.#soonNames.add(topic)
    if (this.#soonTimer !== undefined || this.#closed) return
    const spacing = REFRESH_SPACING_MS * (0.5 + this.env.random.next() / 2)
    const delay = Math.max(0, this.#refreshedAt + spacing - this.env.clock.monotonic())
    this.#soonTimer = this.env.clock.setTimer(() => {
      this.#soonTimer = undefined
      const names = [...this.#soonNames]
      this.#soonNames.clear()
      this.refresh(names).catch((error: unknown) => this.#refreshFailed(error, names))
    }, delay)
  }

  /** Called after each metadata answer; returns the way to stop. */
  onMetadata(callback: () => void): () => void {
    this.#metadataCallbacks.add(callback)
    return () => void this.#metadataCallbacks.delete(callback)
  }

  /** The connection to a broker of the metadata. */
  connection(nodeId: number, lane: Lane): Promise<BrokerConnection> {
    const node = this.#cache.node(nodeId)
    if (node === undefined) return Promise.reject(new MillraceError('CONNECTION_FAILED', `Node ${nodeId} is not among the cluster's brokers at the moment.`, { retriable: true }))
    return this.#pool.get(node, lane)
  }

  /** See C1, C2, C5. Rejects with the last failure: `TIMEOUT`, `CONNECTION_FAILED`, `CONNECTION_CLOSED`, `VERSION_UNSUPPORTED`. */
  async request<A extends Api>(target: RequestTarget, api: A, body: RequestInput<A>, options: RequestOptions<A> = {}): Promise<ResponseOf<A>> {
    const until = this.env.clock.monotonic() + (options.deadlineMs ?? this.#options.deliveryTimeoutMs ?? 60_000)
    const retry = options.retry ?? !(typeof target === 'object' && 'node' in target)
    for (let attempt = 0; ; attempt++) {
      let failure: unknown
      let { backoff } = this
      try {
        const broker = await this.#brokerFor(target, options.lane ?? 'main')
        const response = await broker.request(api, body, options)
        const code = options.errorOf?.(response) ?? topLevelError(response)
        if (!retry || !this.#mayAskAgain(target, code)) return response
        failure = kafkaError(code, `${api.name} at ${broker.connection.address}`)
        if (code === CONCURRENT) backoff = CONCURRENT_BACKOFF
      } catch (error) {
        if (this.#closed) throw closedError()
        if (!(error instanceof MillraceError && error.retriable)) throw error
        this.#forget(target)
        if (!retry) throw error
        failure = error
      }
      if (this.env.clock.monotonic() >= until) throw failure
      await this.sleep(backoffMs(attempt, backoff, this.env.random))
    }
  }

  /** Forgets who the coordinator is; the next request asks. */
  coordinatorMoved(target: { readonly group: string } | { readonly transactionalId: string }): void {
    this.#forget(target)
  }

  /** Waits out the backoff of retry number `attempt`; rejects when the cluster is closed meanwhile. */
  pause(attempt: number): Promise<void> {
    return this.sleep(backoffMs(attempt, this.backoff, this.env.random))
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedError())
      const end = (): void => {
        this.#sleepers.delete(stop)
        resolve()
      }
      const timer = this.env.clock.setTimer(end, delayMs)
      const stop = (): void => {
        timer.cancel()
        reject(closedError())
      }
      this.#sleepers.add(stop)
    })
  }

  /** Closes all connections; what is under way is rejected. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#soonTimer?.cancel()
    this.#ageTimer?.cancel()
    this.#metadataCallbacks.clear()
    this.#pool.close()
    for (const stop of this.#sleepers) stop()
    this.#sleepers.clear()
  }

  async #bootstrap(): Promise<void> {
    const reasons: string[] = []
    for (const node of this.#cache.bootstrap) {
      try {
        const broker = await this.#pool.get(node, 'main')
        this.#learnFeatures(broker)
        this.#apply(await broker.request(metadata, { topics: [], allowAutoTopicCreation: false }))
        return
      } catch (error) {
        reasons.push(messageOf(error))
        if (error instanceof MillraceError && !error.retriable && error.code !== 'FRAME_MALFORMED') throw error
      }
    }
    const addresses = this.#cache.bootstrap.map(node => `${node.host}:${node.port}`).join(', ')
    throw new MillraceError('CONNECTION_FAILED', `Cannot reach Kafka at ${addresses}: ${reasons.join('; ')}`, { retriable: true, detail: { addresses } })
  }

  async #brokerFor(target: RequestTarget, lane: Lane): Promise<BrokerConnection> {
    const node = await this.#nodeFor(target)
    const broker = await this.#pool.get(node, lane)
    this.#learnFeatures(broker)
    return broker
  }

  async #nodeFor(target: RequestTarget): Promise<BrokerNode> {
    if (target === 'any') return this.#anyNode()
    if (target === 'controller') return this.#cache.node(Math.max(0, this.#cache.controllerId)) ?? this.#anyNode()
    const id = 'node' in target ? target.node : await this.#coordinatorOf(target)
    const node = this.#cache.node(id)
    if (node !== undefined) return node
    this.refreshSoonAll()
    throw new MillraceError('CONNECTION_FAILED', `Node ${id} is not among the cluster's brokers at the moment.`, { retriable: true })
  }

  /** All known topics, soon. */
  refreshSoonAll(): void {
    for (const name of this.#cache.topicNames) this.#soonNames.add(name)
    this.refreshSoon('')
  }

  #anyNode(): BrokerNode {
    const brokers = this.#cache.brokers
    const all = [...brokers, ...this.#cache.bootstrap]
    const usable = brokers.filter(node => this.#pool.isUsable(node))
    const connected = usable.filter(node => this.#pool.isConnected(node))
    const pick = connected.length > 0 ? connected : usable.length > 0 ? usable : all.filter(node => this.#pool.isUsable(node))
    const from = pick.length > 0 ? pick : all
    const node = from[this.#turn++ % from.length]
    if (node === undefined) throw new MillraceError('CONNECTION_FAILED', 'No broker is known.', { retriable: true })
    return node
  }

  async #coordinatorOf(target: { readonly group: string } | { readonly transactionalId: string }): Promise<number> {
    const name = coordinatorName(target)
    const known = this.#coordinators.get(name)
    if (known !== undefined) return known
    const [key, keyType] = 'group' in target ? [target.group, GROUP_KEY] as const : [target.transactionalId, TRANSACTION_KEY] as const
    const answer = await this.request('any', findCoordinator, { key, keyType, coordinatorKeys: [key] }, { retry: false, timeoutMs: LOOKUP_TIMEOUT_MS })
    const found = answer.coordinators.find(each => each.key === key) ?? answer
    if (found.errorCode !== 0) throw kafkaError(found.errorCode, `the coordinator of ${'group' in target ? 'group' : 'transactional id'} ${key}`)
    this.#coordinators.set(name, found.nodeId)
    if (this.#cache.node(found.nodeId) === undefined) await this.refresh([])
    return found.nodeId
  }

  #mayAskAgain(target: RequestTarget, code: number): boolean {
    if (code === 0) return false
    if (typeof target === 'object' && 'node' in target) return false
    if (ASK_AGAIN.has(code)) return true
    const moved = target === 'controller' ? code === NOT_CONTROLLER : COORDINATOR_MOVED.has(code)
    if (moved) this.#forget(target)
    return moved
  }

  #forget(target: RequestTarget): void {
    if (target === 'controller') this.refreshSoonAll()
    else if (target !== 'any' && !('node' in target)) this.#coordinators.delete(coordinatorName(target))
  }

  #newRefresh(): { names: Set<string>, promise: Promise<void>, start: () => void } {
    const names = new Set<string>()
    let start = (): void => {}
    const promise = new Promise<void>((resolve, reject) => {
      start = () => {
        this.#refreshQueued = undefined
        names.delete('')
        this.#refreshing = this.#askMetadata([...names]).then(resolve, reject).finally(() => {
          this.#refreshing = undefined
          this.#refreshQueued?.start()
        })
      }
    })
    return { names, promise, start: () => start() }
  }

  async #askMetadata(names: readonly string[]): Promise<void> {
    const topics = names.map(name => ({ name }))
    const answer = await this.request('any', metadata, { topics, allowAutoTopicCreation: this.#options.autoCreateTopics ?? false }, { timeoutMs: LOOKUP_TIMEOUT_MS })
    this.#apply(answer)
  }

  #apply(answer: ResponseOf<typeof metadata>): void {
    this.#cache.apply(answer)
    this.#refreshedAt = this.env.clock.monotonic()
    this.#ageTimer?.cancel()
    if (this.#closed) return
    this.#ageTimer = this.env.clock.setTimer(() => this.refreshSoonAll(), this.#options.metadataAgeMaxMs ?? 300_000, { background: true })
    for (const callback of [...this.#metadataCallbacks]) callback()
  }

  #refreshFailed(error: unknown, names: readonly string[]): void {
    if (this.#closed) return
    this.logger.warn('metadata could not be refreshed', { error: messageOf(error), topics: names.join(',') })
  }

  #learnFeatures(broker: BrokerConnection): void {
    if (broker.featuresEpoch <= this.#featuresEpoch) return
    this.#featuresEpoch = broker.featuresEpoch
    const level = (name: string): number => broker.features.get(name) ?? 0
    this.#features = { transactionVersion: level('transaction.version'), groupVersion: level('group.version'), metadataVersion: level('metadata.version') }
  }
}

function coordinatorName(target: { readonly group: string } | { readonly transactionalId: string }): string {
  return 'group' in target ? `g:${target.group}` : `t:${target.transactionalId}`
}

function topLevelError(response: unknown): number {
  return typeof response === 'object' && response !== null && 'errorCode' in response && typeof response.errorCode === 'number' ? response.errorCode : 0
}
