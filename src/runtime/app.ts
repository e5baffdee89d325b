/**
 * Runs an app: `run(app, options)` makes the topics, takes slots, starts the workers and joins the groups of its tasks.
 *
 * ```
 *   main thread: groups, heartbeats, metrics                  workers: fetch ▶ process ▶ produce ▶ commit, connections of their own
 *   run ▶ topics ▶ slots ▶ workers ▶ memberships ── shards ──▶
 * ```
 * R1. Several processes may run the same app, or some of its tasks each: the groups share out the shards.
 * R2. A task that fails does not stop the others; `failed` resolves with the first failure, and `close` ends the rest in order.
 * R3. `close` commits and hands over everything, leaves the groups, and leaves nothing behind: no timer, socket or lock. It may come while the
 *     app still starts, and waits neither then nor later for a rebalance that somebody else holds up.
 */
import { durationMs } from '../base/duration.ts'
import type { Duration } from '../base/duration.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { plainSecurity, tokenOf } from '../client/security.ts'
import type { SecurityOptions } from '../client/security.ts'
import type { Env, Timer } from '../env/env.ts'
import { realEnv } from '../env/real/env.ts'
import { build } from '../topology/build.ts'
import type { AppDescription, Guarantee } from '../topology/node.ts'
import { TUNING_DEFAULTS } from '../topology/options.ts'
import type { NativeTaskPlan, Plan } from '../topology/plan.ts'
import { failpointsOfEnvironment, noFailpoints } from './failpoints.ts'
import { endLastMember, rememberMember } from './last-member.ts'
import { TaskMembership } from './membership.ts'
import { MetricsReporter } from './metrics.ts'
import { takeSlot } from './slots.ts'
import type { Slot } from './slots.ts'
import type { ProcessSnapshot, TaskSnapshot } from './snapshot.ts'
import type { StoreProvider } from './state/store.ts'
import type { ReplaceTarget, TaskSettings } from './task-context.ts'
import { mergeReports } from './task-report.ts'
import { ThreadedWorker } from './threaded-worker.ts'
import { prepareTopics } from './topics.ts'
import { Worker } from './worker.ts'
import type { WorkerEvents, WorkerHandle, WorkerTask } from './worker.ts'

export interface RunOptions {
  /** `host:port,host:port` of the cluster. */
  readonly bootstrap: string
  /** TLS and log-in at the cluster, for this thread and the workers'. */
  readonly security?: SecurityOptions | undefined
  /** Where state is kept. Processes may share one. */
  readonly dataDirectory: string
  /** 0 (the default): on this thread, so that a long turn of user code also holds up the heartbeats. n ≥ 1: that many worker threads; `entry` is needed then. */
  readonly threads?: number | undefined
  /** URL of the module whose default export is the app: worker threads load it by themselves. */
  readonly entry?: string | URL | undefined
  /** Only these tasks; all without it. */
  readonly tasks?: readonly string[] | undefined
  /** At the latest this long after a record was processed it is committed, in every task. Without it what the task says, 100 ms by default. */
  readonly commitInterval?: Duration | undefined
  readonly commitIntervalMs?: number | undefined
  /** A task whose input is drained commits at once, but no sooner than this after the begin of the commit before. Default 5. */
  readonly drainedCommitMs?: number | undefined
  /** Overrides what the app and its tasks say. */
  readonly guarantee?: Guarantee | undefined
  /** A process that is not heard of for this long loses its shards. Default 10 s. */
  readonly sessionTimeoutMs?: number | undefined
  /** Aborted, it closes the app, also while that starts: `run` resolves with one that is closed. */
  readonly signal?: AbortSignal | undefined
  readonly logger?: Logger | undefined
  /** Publish a snapshot each second to `__millrace.metrics`. Default true. */
  readonly metrics?: boolean | undefined
  /** Bytes of live state objects over all shards. Default 128 MiB. */
  readonly stateBytesMax?: number | undefined
  readonly env?: Env | undefined
  /** Instead of LMDB in `dataDirectory`: for simulation. */
  readonly stores?: StoreProvider | undefined
  /** Instead of the targets that sinks name: for the test driver; `threads: 0` only. */
  readonly targets?: ReplaceTarget | undefined
}

export interface RunningApp {
  readonly name: string
  readonly bootstrap: string
  /** Resolves with the first error that ends a task for good; the other tasks go on. */
  readonly failed: Promise<Error>
  status(): Promise<ProcessSnapshot>
  close(): Promise<void>
}

const SESSION_TIMEOUT_MS = 10_000
/** A member learns of a rebalance by its heartbeat: often enough that a hand-over takes well under a second. */
const HEARTBEAT_INTERVAL_MS = 400
/** While nothing moves, the first to learn of it may be a little late: an idle app should cost nothing. */
const CALM_HEARTBEAT_INTERVAL_MS = 1_000
const TARGET_TRANSACTION_TIMEOUT_MS = 120_000
const LOAD_INTERVAL_MS = 5_000
const MIB = 1 << 20

export async function run(app: AppDescription, options: RunOptions): Promise<RunningApp> {
  const running = new AppProcess(app, options)
  const end = (): void => { void running.close() }
  options.signal?.addEventListener('abort', end)
  if (options.signal?.aborted === true) end()
  try {
    await running.start()
    return running
  } catch (error) {
    await running.close()
    throw error
  }
}

/** One process of an app. `run` is what users call; tests on a virtual `Env` hold the process itself. */
export class AppProcess implements RunningApp {
  readonly name: string
  readonly bootstrap: string
  readonly failed: Promise<Error>
  readonly #options: RunOptions
  readonly #env: Env
  readonly #logger: Logger
  readonly #plan: Plan
  readonly #tasks: readonly NativeTaskPlan[]
  readonly #started: number
  readonly #slots = new Map<string, Slot>()
  readonly #memberships = new Map<string, TaskMembership>()
  readonly #workers: WorkerHandle[] = []
  readonly #failures = new Map<string, unknown>()
  #cluster: Cluster | undefined
  #metrics: MetricsReporter | undefined
  #loadTimer: Timer | undefined
  #starting: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  #tellFailed: (error: Error) => void = () => {}

  constructor(app: AppDescription, options: RunOptions) {
    checkThreads(options)
    this.name = app.name
    this.#options = options
    this.#env = options.env ?? realEnv
    this.#logger = (options.logger ?? silentLogger).child({ app: app.name })
    this.#plan = build(app)
    this.#tasks = chosenTasks(this.#plan, options.tasks)
    this.#started = this.#env.clock.now()
    this.bootstrap = options.bootstrap
    this.failed = new Promise(resolve => { this.#tellFailed = resolve })
  }

  /** Resolves when everything runs, or `close` came first. */
  start(): Promise<void> {
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const { bootstrap, dataDirectory, security } = this.#options
    const cluster = await Cluster.connect(this.#env, { bootstrap, security, clientId: this.name, logger: this.#logger })
    this.#cluster = cluster
    const partitions = await prepareTopics({ cluster, admin: new Admin(cluster), logger: this.#logger }, this.#plan, this.#tasks, { metrics: this.#metricsWanted })
    for (const { name, group } of this.#tasks) {
      if (this.#isClosing()) return
      const slot = await takeSlot(this.#env, { dataDirectory, app: this.name, task: name })
      this.#slots.set(name, slot)
      await endLastMember(this.#env, cluster, this.#logger, { group, directory: slot.directory })
    }
    if (this.#isClosing()) return
    await this.#startWorkers(partitions)
    for (const plan of this.#tasks) this.#memberships.set(plan.name, this.#membership(cluster, plan, partitions))
    if (this.#metricsWanted) {
      this.#metrics = new MetricsReporter(cluster, this.#logger, () => this.status())
      await this.#metrics.start()
    }
    if (this.#isClosing()) return
    this.#watchLoads()
    await Promise.all([...this.#memberships.values()].map(membership => membership.start()))
  }

  /** Tells the groups' members what the workers have measured, every few seconds. */
  #watchLoads(): void {
    if (this.#isClosing()) return
    this.#loadTimer = this.#env.clock.setTimer(() => {
      this.#reports().then(
        reports => { for (const report of reports) if (!this.#isClosing()) this.#memberships.get(report.task)?.measured(report.loads ?? []) },
        // A worker that has ended says so by itself.
        (error: unknown) => this.#logger.debug('loads are not known', { problem: messageOf(error) }),
      ).finally(() => this.#watchLoads())
    }, LOAD_INTERVAL_MS, { background: true })
  }

  async #reports(): Promise<TaskSnapshot[]> {
    return mergeReports((await Promise.all(this.#workers.map(worker => worker.report()))).flat())
  }

  get #metricsWanted(): boolean {
    return this.#options.metrics ?? true
  }

  async #startWorkers(partitions: ReadonlyMap<string, number>): Promise<void> {
    const tasks = this.#tasks.map((plan): WorkerTask => {
      const slot = this.#slotOf(plan.name)
      return { task: plan.name, slot: slot.name, directory: slot.directory, partitions: Object.fromEntries(partitions), settings: this.#settings(plan, partitions) }
    })
    const events: WorkerEvents = {
      failed: (task, error) => this.#onTaskFailed(task, error),
      commitOffsets: async (task, offsets, identity) => { await this.#memberships.get(task)?.commitOffsets(offsets, identity) },
    }
    const { threads = 0, entry, bootstrap, security, stores, targets } = this.#options
    if (threads === 0) {
      this.#workers.push(await Worker.start({ env: this.#env, logger: this.#logger, plan: this.#plan, bootstrap, security, number: 0, tasks, events, stores, targets, failpoints: this.#env === realEnv ? failpointsOfEnvironment(this.#env.clock) : noFailpoints }))
      return
    }
    if (entry === undefined) throw needsEntry()
    for (let number = 0; number < threads; number++) {
      this.#workers.push(await ThreadedWorker.start({ module: String(entry), bootstrap, security: plainSecurity(security), number, tasks }, { events, logger: this.#logger, token: () => tokenOf(security) }))
    }
  }

  #membership(cluster: Cluster, plan: NativeTaskPlan, partitions: ReadonlyMap<string, number>): TaskMembership {
    const slot = this.#slotOf(plan.name)
    return new TaskMembership({
      cluster, logger: this.#logger, plan, partitions, workers: this.#workers, slot: slot.name,
      sessionTimeoutMs: this.#sessionTimeoutMs, heartbeatIntervalMs: Math.min(HEARTBEAT_INTERVAL_MS, Math.floor(this.#sessionTimeoutMs / 4)), calmHeartbeatIntervalMs: CALM_HEARTBEAT_INTERVAL_MS,
      held: () => this.#heldBy(slot),
      onFailed: (task, error) => this.#onTaskFailed(task, error),
      onMember: memberId => rememberMember(this.#env, slot.directory, memberId),
    })
  }

  /** A shard whose directory is on this disk counts as held: how much of it is known to the worker that opens it. */
  #heldBy(slot: Slot): Record<string, number> {
    const names = this.#env.disk.exists(slot.directory) ? this.#env.disk.list(slot.directory) : []
    return Object.fromEntries(names.filter(name => /^\d+_\d+$/.test(name)).map(name => [name, 1]))
  }

  get #sessionTimeoutMs(): number {
    return this.#options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS
  }

  #settings(plan: NativeTaskPlan, partitions: ReadonlyMap<string, number>): TaskSettings {
    const { commitInterval, commitIntervalMs, guarantee, stateBytesMax = 128 * MIB } = this.#options
    const tuning = { ...TUNING_DEFAULTS, ...plan.tuning }
    const stateful = this.#tasks.flatMap(task => task.subTopologies.filter(sub => sub.stores.length > 0))
    const shards = stateful.reduce((sum, sub) => sum + Math.max(1, ...sub.inputTopics.map(topic => partitions.get(topic) ?? 1)), 0)
    return {
      guarantee: guarantee ?? plan.guarantee,
      commitIntervalMs: commitInterval === undefined ? commitIntervalMs ?? tuning.commitInterval : durationMs(commitInterval, 'commitInterval'),
      drainedCommitMs: this.#options.drainedCommitMs ?? tuning.drainedCommit,
      lingerMs: tuning.linger,
      batchBytesMax: tuning.batch,
      fetchWaitMs: tuning.fetchWait,
      idleAfterMs: 1_000,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      // A delivery to a slow target stands between two ends of transactions.
      transactionTimeoutMs: Math.max(plan.subTopologies.some(sub => sub.nodes.some(node => node.kind === 'to')) ? TARGET_TRANSACTION_TIMEOUT_MS : 10_000, this.#sessionTimeoutMs),
      fetchBytesMax: tuning.fetch,
      produceBytesMax: 32 * MIB,
      dirtyBytesMax: 32 * MIB,
      liveBytesMax: Math.max(4 * MIB, Math.floor(stateBytesMax / Math.max(1, shards))),
    }
  }

  #slotOf(task: string): Slot {
    const slot = this.#slots.get(task)
    if (slot === undefined) throw new MillraceError('INTERNAL', `Task ${task} has no slot.`)
    return slot
  }

  #onTaskFailed(task: string, error: unknown): void {
    if (this.#failures.has(task)) return
    this.#failures.set(task, error)
    // The whole of it goes to whoever waits for `failed`.
    this.#logger.error(messageOf(error).split('\n', 1).join(''), { task })
    this.#tellFailed(error instanceof Error ? error : new Error(messageOf(error)))
    // Its shards are of no use here any more: leave them to other processes, which may run other code.
    void this.#memberships.get(task)?.close().catch((closing: unknown) => this.#logger.warn('leaving the group of a failed task', { task, problem: messageOf(closing) }))
  }

  /** The worker on this thread (`threads: 0`). */
  get inlineWorker(): Worker | undefined {
    return this.#workers.find((worker): worker is Worker => worker instanceof Worker)
  }

  get plan(): Plan {
    return this.#plan
  }

  async status(): Promise<ProcessSnapshot> {
    const reports = await this.#reports()
    const slot = [...this.#slots.values()][0]
    const tasks = this.#tasks.map((plan): TaskSnapshot => {
      const report = reports.find(candidate => candidate.task === plan.name) ?? emptySnapshot(plan.name)
      const failure = this.#failures.get(plan.name)
      return failure === undefined ? report : { ...report, state: 'failed', lastError: messageOf(failure) }
    })
    return {
      at: this.#env.clock.now(), app: this.name, process: `${this.name}/${slot?.name ?? '-'}/${process.pid}`, pid: process.pid, slot: slot?.number ?? -1,
      started: this.#started, guarantee: this.#options.guarantee ?? this.#tasks[0]?.guarantee ?? 'exactlyOnce', tasks,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #isClosing(): boolean {
    return this.#closing !== undefined
  }

  async #close(): Promise<void> {
    this.#loadTimer?.cancel()
    // So that a start that waits for others to join goes on, and is over when the rest is closed. Its failure is for who called it.
    await Promise.allSettled([...[...this.#memberships.values()].map(membership => membership.close()), this.#starting])
    const results = await Promise.allSettled([...this.#memberships.values()].map(membership => membership.close()))
    for (const result of results) if (result.status === 'rejected') this.#logger.warn('leaving a group', { problem: messageOf(result.reason) })
    await this.#metrics?.close()
    for (const worker of this.#workers) await worker.close()
    await this.#cluster?.close()
    for (const slot of this.#slots.values()) slot.release()
  }
}

/** Before anything is connected, made or locked. */
function checkThreads({ threads = 0, entry }: RunOptions): void {
  if (!Number.isSafeInteger(threads) || threads < 0) throw new MillraceError('USAGE', `threads is ${threads}: give 0 (this thread) or a number of worker threads.`)
  if (threads > 0 && entry === undefined) throw needsEntry()
}

function needsEntry(): MillraceError {
  return new MillraceError('USAGE', 'threads ≥ 1 needs `entry`, the URL of the module whose default export is the app (import.meta.url where it is the same): worker threads load the app by themselves.')
}

function chosenTasks(plan: Plan, names: readonly string[] | undefined): NativeTaskPlan[] {
  const unknown = names?.find(name => !plan.tasks.some(task => task.name === name))
  if (unknown !== undefined) throw new MillraceError('USAGE', `App ${plan.app} has no task ${unknown}; it has ${plan.tasks.map(task => task.name).join(', ')}.`)
  return plan.tasks.flatMap(task => task.kind === 'native' && (names === undefined || names.includes(task.name)) ? [task] : [])
}

function emptySnapshot(task: string): TaskSnapshot {
  return {
    task, state: 'starting', shards: [], in: 0, out: 0, errors: 0, skipped: 0, deadLettered: 0, commits: 0, commitMsP50: 0, commitMsP99: 0,
    lag: 0, restore: null, restored: null, lastError: null,
  }
}
