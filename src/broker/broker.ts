/**
 * The embedded broker: one node that speaks Kafka's protocol over `Env`'s network and keeps its logs on `Env`'s disk.
 *
 *   opening: lock, recover logs ─▶ read groups ─▶ read transactions, finish what was decided ─▶ listening ─▶ closing ─▶ closed
 *                                                                                     └─ disk failed ─▶ failed
 *
 * E1. The port is bound only when everything is recovered: a client that connects is served.
 * E2. A disk that failed stops the broker (fail-stop): connections are cut, nothing more is acknowledged, `failed` resolves.
 * E3. `close()` flushes all and leaves the clean-shutdown mark; groups and open transactions survive it, and a SIGKILL too.
 */
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import { diskError } from '../log/disk-error.ts'
import { LogManager } from '../log/log-manager.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Durability } from '../log/types.ts'
import { endTxnMarkerOf } from '../wire/batch-builder.ts'
import { newUuid } from '../wire/uuid.ts'
import { servedAs } from './as-version.ts'
import { Authorizer, principalOf } from './authorization/authorizer.ts'
import type { AuthorizerOptions } from './authorization/authorizer.ts'
import { ClientQuotas } from './client-quotas.ts'
import { Clients } from './clients.ts'
import type { ClientDescription, ClientsSeen, RefusedRequest } from './clients.ts'
import { appendRecords, replay } from './coordinator-log.ts'
import { Dispatch } from './dispatch.ts'
import { FetchSessions } from './fetch-sessions.ts'
import type { TopicCatalogue } from './groups/consumer-groups.ts'
import { GroupCoordinator } from './groups/coordinator.ts'
import { SERVED } from './handlers/index.ts'
import type { Core } from './handler.ts'
import { Listeners } from './listeners.ts'
import { INTERVAL_DEFAULT } from './options.ts'
import type { BrokerOptions, ResolvedOptions } from './options.ts'
import { RequestMetrics } from './request-metrics.ts'
import type { ApiMetrics } from './request-metrics.ts'
import { isLoopback, listenerSettings } from './security/listener-settings.ts'
import type { ListenerSettings } from './security/listener-settings.ts'
import { Users, USERS_FILE } from './security/users.ts'
import { StateFile } from './state-file.ts'
import { GROUPS_TOPIC, Topics } from './topics.ts'
import { ProducerIds } from './transactions/producer-ids.ts'
import { TransactionService } from './transactions/service.ts'
import { Waiters } from './waiters.ts'

const CLOSE_GRACE_MS = 500
/** In the data directory: requests that were not served since the start, by client. */
export const UNSERVED_FILE = 'unserved'

export interface BrokerDescription {
  readonly clusterId: string
  readonly address: string
  readonly directory: string
  readonly durability: Durability
  readonly topics: readonly { readonly name: string; readonly topicId: string; readonly partitions: number; readonly bytes: number; readonly isInternal: boolean }[]
  readonly groups: readonly { readonly groupId: string; readonly state: string; readonly members: number }[]
  readonly openTransactions: number
  /** By API, what was asked since the start. */
  readonly requests: readonly ApiMetrics[]
  readonly clients: readonly ClientDescription[]
  /** What clients asked for and is not served: the reason why their connection was closed. */
  readonly refusals: readonly RefusedRequest[]
}

type State =
  | { readonly kind: 'listening' }
  | { readonly kind: 'closing'; readonly done: Promise<void> }
  | { readonly kind: 'failed'; readonly error: MillraceError }

export class Broker {
  /** Of the first listener. */
  readonly host: string
  readonly port: number
  /** All of them, with the ports that were taken. */
  readonly listeners: readonly ListenerSettings[]
  /** Resolves with the reason when the broker has stopped by itself (E2); stays open otherwise. */
  readonly failed: Promise<MillraceError>
  readonly #core: Core
  readonly #listeners: Listeners
  #state: State = { kind: 'listening' }

  private constructor(core: Core, listeners: Listeners, addresses: readonly ListenerSettings[], failed: Promise<MillraceError>) {
    this.#core = core
    this.#listeners = listeners
    const [first] = addresses
    assert(first !== undefined, 'a broker listens somewhere')
    this.listeners = addresses
    this.host = first.host
    this.port = first.port
    this.failed = failed
    void failed.then(error => this.#stopFailed(error))
  }

  /**
   * Opens (or makes) the data directory, recovers it and listens.
   * Rejects with `PORT_IN_USE`, `DATA_DIR_LOCKED`, `DATA_DIR_VERSION`, `LOG_CORRUPT`, `DISK_FULL`, `CONFIG_INVALID`.
   */
  static async start(env: Env, options: BrokerOptions): Promise<Broker> {
    const resolved = resolveOptions(options)
    const logger = options.logger ?? silentLogger
    let fail: (error: MillraceError) => void = () => {}
    const failed = new Promise<MillraceError>(resolve => { fail = resolve })
    const logs = await LogManager.open(env, {
      directory: resolved.directory, durability: resolved.durability, acceptDataLoss: resolved.acceptDataLoss, logger, onFailure: error => fail(error),
      tailBytesMax: options.tailBytesMax,
    })
    try {
      const users = await openUsers(env, logger, options, resolved)
      const core = await openCore(env, logger, resolved, logs, users, options.onOpening)
      const dispatch = new Dispatch(core, options.control)
      const listeners = new Listeners({
        env, logger, clients: core.clients, users, sessionLifetimeMs: options.sessionLifetimeMs ?? 0, frameMemory: logs.blocks,
        onFrame: (frame, connection) => dispatch.onFrame(frame, connection), onSent: chunks => chunks.forEach(chunk => logs.blocks.give(chunk)),
      })
      try {
        const addresses: ListenerSettings[] = []
        for (const settings of resolved.listeners) addresses.push(await listeners.listen(settings))
        logs.background()
        return new Broker(core, listeners, addresses, failed)
      } catch (error) {
        core.groups.close()
        core.transactions.coordinator.close()
        await listeners.close(0)
        throw error
      }
    } catch (error) {
      // The reason why it does not start counts, not what the same disk then says of the end.
      await logs.close().catch(() => {})
      throw diskError(resolved.directory, error)
    }
  }

  /** `host:port` for a bootstrap list. */
  get address(): string {
    const { host, port } = this.listeners[0]?.advertise ?? this
    return `${host}:${port}`
  }

  /** Stops cleanly. Repeated calls give the same promise. */
  close(): Promise<void> {
    if (this.#state.kind === 'closing') return this.#state.done
    if (this.#state.kind === 'failed') return Promise.resolve()
    const done = this.#stop()
    this.#state = { kind: 'closing', done }
    return done
  }

  describe(): BrokerDescription {
    const { topics, groups, transactions, clients, metrics, clusterId, options } = this.#core
    return {
      clusterId, address: this.address, directory: options.directory, durability: options.durability,
      topics: topics.all().map(topic => ({
        name: topic.name, topicId: topic.topicId, partitions: topic.partitions.length, isInternal: topic.isInternal,
        bytes: topic.partitions.reduce((sum, log) => sum + log.sizeBytes, 0),
      })),
      groups: [...groups.list(), ...groups.consumerGroups.list()].map(group => ({ groupId: group.groupId, state: group.state, members: group.members.size })),
      openTransactions: transactions.coordinator.list().filter(transaction => transaction.state === 'ongoing').length,
      requests: metrics.list(),
      clients: clients.list(), refusals: clients.refusals(),
    }
  }

  /** Who uses which topics, those that left a moment ago among them, and what was refused; `changed` is called when that has changed. */
  watchClients(changed: () => void): () => ClientsSeen {
    const { clients } = this.#core
    clients.onChange = changed
    return () => ({ clients: clients.activity(), refused: clients.refusals() })
  }

  async #stop(): Promise<void> {
    // Whoever waits (for a rebalance, for data) is answered now, so that nobody waits for them.
    this.#core.groups.close()
    this.#core.waiters.close()
    await this.#listeners.close(CLOSE_GRACE_MS)
    // Ends already decided are completed, so that the next start finds nothing to do.
    await Promise.all(this.#core.transactions.coordinator.list().map(transaction => transaction.completion))
    this.#core.transactions.coordinator.close()
    await this.#core.logs.close()
  }

  async #stopFailed(error: MillraceError): Promise<void> {
    if (this.#state.kind !== 'listening') return
    this.#state = { kind: 'failed', error }
    this.#core.groups.close()
    this.#core.transactions.coordinator.close()
    await this.#listeners.close(0)
    await this.#core.logs.close()
  }
}

async function openCore(env: Env, logger: Logger, options: ResolvedOptions, logs: LogManager, users: Users, onOpening: BrokerOptions['onOpening']): Promise<Core> {
  const { directory } = options
  const waiters = new Waiters(env.clock)
  const topics: Topics = new Topics({
    env, logs, logger,
    file: new StateFile(env, { directory, kind: 'topics', version: 1 }),
    onAdvance: log => waiters.notify(log),
    onDelete: topic => {
      groups.topicDeleted(topic.name)
      transactions.coordinator.topicDeleted(topic.name)
    },
  })
  const groups: GroupCoordinator = new GroupCoordinator({
    clock: env.clock, logger,
    log: { append: (records, owner) => appendRecords(groupsLog(topics), records, env.clock.now(), { owner }) },
    initialRebalanceDelayMs: options.groupInitialRebalanceDelayMs, sessionTimeoutMinMs: options.groupMinSessionTimeoutMs,
    topics: catalogueOf(topics), consumerSessionTimeoutMs: options.groupConsumerSessionTimeoutMs, consumerHeartbeatIntervalMs: options.groupConsumerHeartbeatIntervalMs,
    newId: () => newUuid(count => env.random.bytes(count)),
  })
  const producerIds = new ProducerIds(new StateFile(env, { directory, kind: 'producer-ids', version: 1 }))
  const transactions = new TransactionService({ clock: env.clock, logger, topics, offsets: groups.offsets, producerIds })
  const served = servedAs(SERVED, options.asVersion)
  const fetchSessions = new FetchSessions(env.clock, () => 1 + (env.random.bytes(4).readUInt32BE(0) % 0x7fff_fffe))
  await topics.load(onOpening)
  readGroups(groups, groupsLog(topics))
  await transactions.start()
  groups.start()
  const clients = new Clients(() => env.clock.now())
  keepRefusals(clients, new StateFile(env, { directory, kind: UNSERVED_FILE, version: 1 }), logger)
  return { env, logger, options, clusterId: logs.clusterId, logs, topics, groups, transactions, waiters, clients, fetchSessions, quotas: new ClientQuotas(new StateFile(env, { directory, kind: 'client-quotas', version: 1 })), metrics: new RequestMetrics(served), served, users, authorizer: openAuthorizer(env, logger, options) }
}

/** What is not served and was asked for outlives the broker, for `millrace doctor`; that it cannot be written stops nothing. */
function keepRefusals(clients: Clients, file: StateFile, logger: Logger): void {
  clients.onRefused = () => {
    file.write(clients.refusals()).catch((error: unknown) => logger.warn('what was refused is not kept', { error: error instanceof Error ? error.message : String(error) }))
  }
}

function groupsLog(topics: Topics): PartitionLog {
  const log = topics.log(GROUPS_TOPIC, 0)
  if (log === undefined) throw new TypeError(`${GROUPS_TOPIC} is made at start and never deleted`)
  return log
}

function catalogueOf(topics: Topics): TopicCatalogue {
  return {
    get version() { return topics.version },
    * names() { for (const topic of topics.all()) yield topic.name },
    find: name => {
      const topic = topics.get(name)
      return topic === undefined ? undefined : { topicId: topic.topicId, partitions: topic.partitions.length }
    },
  }
}

function readGroups(groups: GroupCoordinator, log: PartitionLog): void {
  replay(log, {
    record: (key, value, offset, view) => groups.restore(key, value, offset, view.isTransactional ? view.producerId : undefined),
    control: view => {
      const marker = endTxnMarkerOf(view)
      if (marker !== undefined) groups.offsets.endTransaction(view.producerId, marker.type === 'commit')
    },
  })
}

function resolveOptions(options: BrokerOptions): ResolvedOptions {
  const listeners = listenerSettings(options)
  return {
    directory: options.directory,
    listeners,
    authorization: authorizationOf(options, listeners),
    durability: resolveDurability(options.durability ?? 'sync'),
    partitionsDefault: options.topicDefaults?.partitions ?? 1,
    autoCreateTopics: options.autoCreateTopics ?? true,
    groupInitialRebalanceDelayMs: options.groupInitialRebalanceDelayMs ?? 0,
    groupMinSessionTimeoutMs: options.groupMinSessionTimeoutMs ?? 6000,
    groupConsumerSessionTimeoutMs: options.groupConsumerSessionTimeoutMs ?? 45_000,
    groupConsumerHeartbeatIntervalMs: options.groupConsumerHeartbeatIntervalMs ?? 5000,
    asVersion: options.asVersion ?? '4.1',
    acceptDataLoss: options.acceptDataLoss ?? false,
  }
}

function resolveDurability(durability: 'sync' | 'interval' | 'os' | Durability): Durability {
  if (typeof durability === 'object') return durability
  return durability === 'interval' ? INTERVAL_DEFAULT : { kind: durability }
}

/** The users' file, or one in the data directory: credentials can be set by any client that may. */
async function openUsers(env: Env, logger: Logger, { users: wanted }: BrokerOptions, { directory, listeners }: ResolvedOptions): Promise<Users> {
  const users = Users.open(env, typeof wanted === 'string' ? wanted : `${directory}/${USERS_FILE}`)
  if (typeof wanted === 'object') for (const [user, password] of Object.entries(wanted)) await users.setInMemory(user, password)
  if (users.count === 0 && listeners.some(listener => listener.mechanisms.length > 0)) {
    throw new MillraceError('CONFIG_INVALID', `Clients are to log in, and ${users.path} has no user. Add one: millrace broker user add NAME --users ${users.path}`)
  }
  for (const { host, protocol } of listeners) {
    if (protocol === 'SASL_PLAINTEXT' && !isLoopback(host)) logger.warn('passwords stay secret, but all records cross the network in plain text: give the listener a certificate', { listener: `${protocol}://${host}` })
  }
  return users
}

function authorizationOf({ authorization }: BrokerOptions, listeners: readonly ListenerSettings[]): AuthorizerOptions | undefined {
  const asksWho = listeners.some(({ mechanisms, tls }) => mechanisms.length > 0 || (tls?.clientAuth ?? 'none') !== 'none')
  if (authorization === false || (authorization === undefined && !asksWho)) return undefined
  return { superUsers: (authorization?.superUsers ?? []).map(principalOf), allowIfNone: authorization?.allowIfNone ?? false }
}

function openAuthorizer(env: Env, logger: Logger, { directory, authorization }: ResolvedOptions): Authorizer | undefined {
  if (authorization === undefined) return undefined
  const authorizer = Authorizer.open(env, directory, authorization)
  if (authorizer.count === 0 && authorization.superUsers.length === 0 && !authorization.allowIfNone) {
    logger.warn('nobody may do anything yet: there is no access control entry and no super user. Name one: --super-user User:NAME')
  }
  return authorizer
}
