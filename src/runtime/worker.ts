/**
 * A worker: runs shards of every task of the app, on one thread, with connections of its own.
 *
 * W1. One turn gives each task one slice (at most 1,000 records or 2 ms), then lets the event loop have its turn: sockets are read and
 *     written between slices, and no task starves another.
 * W2. Nothing runs while there is nothing to do: data, a finished commit and timers wake it.
 * W3. The same class runs inline (`threads: 0`) and in a worker thread (`worker-thread.ts`); what it is told and what it tells is plain data.
 */
import type { Logger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import type { SecurityOptions } from '../client/security.ts'
import type { GroupIdentity, OffsetEntry } from '../client/types.ts'
import type { Env, Timer } from '../env/env.ts'
import type { Plan } from '../topology/plan.ts'
import type { ShardId } from './assignor.ts'
import type { Failpoints } from './failpoints.ts'
import { GlobalTables } from './global-tables.ts'
import type { TaskSnapshot } from './snapshot.ts'
import { readBootId } from './restore.ts'
import { transactionalIdOf } from './slots.ts'
import { lmdbStores } from './state/lmdb-store.ts'
import type { StoreProvider } from './state/store.ts'
import type { ReplaceTarget, TaskSettings } from './task-context.ts'
import { TaskRunner } from './task-runner.ts'
import { taskReport } from './task-report.ts'

/** What a worker needs to know of a task it may run shards of; plain data. */
export interface WorkerTask {
  readonly task: string
  /** The process's slot for this task. */
  readonly slot: string
  readonly directory: string
  /** Partition count by topic name, internal topics too. */
  readonly partitions: Readonly<Record<string, number>>
  readonly settings: TaskSettings
}

export interface WorkerOptions {
  readonly env: Env
  readonly logger: Logger
  readonly plan: Plan
  readonly bootstrap: string
  readonly security?: SecurityOptions | undefined
  readonly number: number
  readonly tasks: readonly WorkerTask[]
  readonly failpoints: Failpoints
  readonly events: WorkerEvents
  /** Instead of LMDB, in simulation. */
  readonly stores?: StoreProvider | undefined
  readonly targets?: ReplaceTarget | undefined
}

export interface WorkerEvents {
  failed(task: string, error: unknown): void
  commitOffsets(task: string, offsets: readonly OffsetEntry[], identity: GroupIdentity): Promise<void>
}

/** How the main thread speaks to a worker, wherever it runs. */
export interface WorkerHandle {
  assign(task: string, shards: readonly ShardId[], identity: GroupIdentity): void
  setIdentity(task: string, identity: GroupIdentity): void
  /** The task's member leaves its group for good: a rebalance that is under way brings no new identity any more. */
  leaving(task: string): void
  revoke(task: string, shards: readonly ShardId[]): Promise<void>
  lost(task: string, shards: readonly ShardId[]): Promise<void>
  report(): Promise<readonly TaskSnapshot[]>
  close(): Promise<void>
}

const WAIT_MS_MAX = 250

export class Worker implements WorkerHandle {
  readonly #env: Env
  readonly #cluster: Cluster
  readonly #runners = new Map<string, TaskRunner>()
  readonly #globals: GlobalTables
  #scheduled = false
  #closed = false
  #timer: Timer | undefined

  private constructor(options: WorkerOptions, cluster: Cluster, admin: Admin) {
    this.#env = options.env
    this.#cluster = cluster
    this.#globals = new GlobalTables({ env: options.env, cluster, admin, logger: options.logger }, () => this.#wake())
  }

  /** Connects, loads the global tables (J5) and gets ready for shards. */
  static async start(options: WorkerOptions): Promise<Worker> {
    const { env, logger, plan } = options
    const cluster = await Cluster.connect(env, { bootstrap: options.bootstrap, security: options.security, clientId: `${plan.app}-${options.number}`, logger })
    const admin = new Admin(cluster)
    const bootId = readBootId(env, logger)
    const stores = options.stores ?? lmdbStores(env.disk, bootId)
    const worker = new Worker(options, cluster, admin)
    for (const { task, slot, directory, partitions, settings } of options.tasks) {
      const taskPlan = plan.tasks.find(candidate => candidate.name === task)
      if (taskPlan?.kind !== 'native') continue
      const tables = await worker.#globals.load(taskPlan)
      const runner = new TaskRunner({
        env, logger: logger.child({ task, worker: options.number }), cluster, admin, plan: taskPlan, partitions: new Map(Object.entries(partitions)), settings, directory, worker: options.number,
        bootId, failpoints: options.failpoints, stores, targets: options.targets,
        transactionalId: transactionalIdOf({ app: plan.app, task, slot, worker: options.number }),
        host: {
          wake: () => worker.#wake(),
          failed: (name, error) => options.events.failed(name, error),
          commitOffsets: (name, offsets, identity) => options.events.commitOffsets(name, offsets, identity),
        },
      }, tables)
      worker.#runners.set(task, runner)
    }
    await Promise.all([...worker.#runners.values()].map(runner => runner.start()))
    return worker
  }

  /** By task; for tests that look inside. */
  get runners(): ReadonlyMap<string, TaskRunner> {
    return this.#runners
  }

  assign(task: string, shards: readonly ShardId[], identity: GroupIdentity): void {
    this.#runners.get(task)?.assign(shards, identity)
  }

  setIdentity(task: string, identity: GroupIdentity): void {
    this.#runners.get(task)?.setIdentity(identity)
  }

  leaving(task: string): void {
    this.#runners.get(task)?.leaving()
  }

  async revoke(task: string, shards: readonly ShardId[]): Promise<void> {
    await this.#runners.get(task)?.revoke(shards)
  }

  async lost(task: string, shards: readonly ShardId[]): Promise<void> {
    await this.#runners.get(task)?.lost(shards)
  }

  report(): Promise<readonly TaskSnapshot[]> {
    return Promise.resolve([...this.#runners.values()].map(runner => taskReport(runner)))
  }

  async close(): Promise<void> {
    for (const runner of this.#runners.values()) await runner.close()
    this.#closed = true
    this.#timer?.cancel()
    await this.#globals.close()
    await this.#cluster.close()
  }

  #wake(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#env.clock.defer(() => this.#turn())
  }

  #turn(): void {
    this.#scheduled = false
    if (this.#closed) return
    let worked = this.#globals.receive()
    let dueInMs = WAIT_MS_MAX
    for (const runner of this.#runners.values()) {
      const result = runner.turn()
      worked ||= result.worked
      dueInMs = Math.min(dueInMs, result.dueInMs)
    }
    if (worked) return this.#wake()
    this.#timer?.cancel()
    this.#timer = this.#env.clock.setTimer(() => this.#wake(), Math.max(0, dueInMs))
  }
}
