/**
 * What the status page, `/metrics` and `GET /api/status` show: one snapshot of the app, made once a second from
 * the processes' own records in `__millrace.metrics` and from what Kafka says of the groups.
 *
 * S1. Rates come from differences of a process's totals; a process that was silent for `SILENT_MS_MAX` is gone from the sums.
 * S2. A number that is not known is `null`, never 0.
 * S3. Of a task on another engine, its group's committed offsets tell how fast it reads, and the ends of the topics that, by the graph, it alone writes how
 *     fast it writes; where the engine itself tells, that goes before.
 */
import { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { Logger } from '../base/logger.ts'
import { messageOf } from '../base/errors.ts'
import { decodeSnapshot, METRICS_TOPIC, type ProcessSnapshot, type TaskSnapshot, type TaskState } from '../runtime/snapshot.ts'
import { type CatchUp, LagWatch, type WatchedTask, type WorkerRates } from '../planner/catch-up.ts'
import { type TopicWidths, UNKNOWN_WIDTHS } from '../planner/advice-facts.ts'
import { holdersOf, topicWidths } from '../planner/collect.ts'
import { build } from '../topology/build.ts'
import { describe } from '../topology/describe.ts'
import type { JobState, JobStatus } from '../engines/engine.ts'
import type { AppDescription } from '../topology/node.ts'
import type { ForeignTaskPlan, NativeTaskPlan, Plan } from '../topology/plan.ts'
import { type Graph, graphOf } from './graph.ts'
import { collectLag, type PartitionLag } from './lag.ts'
import { Latencies, type Latency, type Place } from './latency.ts'
import { OffsetRates, writtenAlone } from './offset-rates.ts'
import { type OutsideClient, outsideGroups, type Own } from './outside.ts'
import { type Replication, replicationOf } from './replication.ts'

const SILENT_MS_MAX = 3500
/** How often lag is asked for while somebody looks, and while nobody does. */
const LAG_INTERVAL_MS = 1000
const LAG_UNSEEN_INTERVAL_MS = 5000
/** How often topics are looked at, for advice, while somebody looks. */
const WIDTHS_INTERVAL_MS = 10_000
/** Who asked for the status this long ago looks no more. */
const LOOKING_MS = 10_000

export interface TaskStatus {
  readonly task: string
  /** `millrace`, or the engine's name. */
  readonly engine: string
  /** Consumer group. */
  readonly group: string
  readonly state: TaskState | JobState | 'absent'
  readonly processes: number
  /** Starts again of processes that run this task alone; `null` where processes run several. */
  readonly processRestarts: number | null
  readonly shards: number | null
  readonly inPerSecond: number | null
  readonly outPerSecond: number | null
  /** What a rate counts: records, or offsets (records, and the ends of transactions). */
  readonly ratesOf: 'records' | 'offsets'
  readonly in: number | null
  readonly out: number | null
  readonly lagRecords: number | null
  readonly lagSeconds: number | null
  readonly latency: Latency | null
  readonly commitMsP50: number | null
  readonly commitMsP99: number | null
  readonly errors: number | null
  readonly skipped: number | null
  readonly deadLettered: number | null
  /** Records that had no effect, by `<operator>: <reason>`: the copies that `distinct` took out are its `duplicate`. */
  readonly dropped: Readonly<Record<string, number>> | null
  readonly restore: { readonly done: number, readonly total: number } | null
  readonly restored: { readonly records: number, readonly ms: number } | null
  readonly lastError: string | null
  /** How long it takes to catch up, and why it lags. */
  readonly catchUp: CatchUp
  /** What it does on each worker of ours; empty of tasks on other engines. */
  readonly workers: readonly WorkerRates[]
  readonly commitsPerSecond: number | null
  /** Of a task on another engine that was started here. */
  readonly job: JobStatus | null
}

export interface AppStatus {
  /** Epoch milliseconds. */
  readonly at: number
  readonly app: string
  readonly guarantee: string | null
  readonly tasks: readonly TaskStatus[]
  readonly lag: readonly PartitionLag[]
  readonly processes: readonly { readonly process: string, readonly pid: number, readonly slot: number, readonly started: number }[]
  /** Of the topics that the app declares; `null` where none has a second replica, or nobody could be asked. */
  readonly replication: Replication | null
}

export interface Restored { readonly pid: number, readonly records: number, readonly ms: number }

export interface CollectorOptions {
  /** Asks for groups that are not the app's: where no broker of ours tells who is connected. */
  readonly watchGroups?: boolean | undefined
  /** Client ids of what runs beside the tasks: groups that only they are in are not shown as clients from outside. */
  readonly ownClientIds?: readonly string[] | undefined
  /** Of a task whose engine commits no offsets, as that tells them. */
  readonly positions?: ((task: string) => readonly Place[]) | undefined
  /** A process has replayed changelog records, and all its tasks run again. */
  readonly onRestored?: ((restored: Restored) => void) | undefined
}

/** What is measured over several looks is put beside it. */
type Measured = Omit<TaskStatus, 'latency' | 'catchUp' | 'workers' | 'commitsPerSecond'>

interface Seen { readonly now: ProcessSnapshot, readonly before: ProcessSnapshot | undefined, readonly receivedMs: number }

export class StatusCollector {
  readonly graph: Graph
  /** How the app's own clients are known. */
  readonly own: Own
  readonly #plan: Plan
  readonly #rates = new OffsetRates()
  readonly #watch = new LagWatch()
  readonly #latencies = new Latencies()
  /** By task: what it alone writes. */
  readonly #writtenAlone: ReadonlyMap<string, readonly string[]>
  readonly #cluster: Cluster
  readonly #admin: Admin
  readonly #logger: Logger
  readonly #fetcher: Fetcher
  readonly #cursor = new FetchedCursor()
  readonly #seen = new Map<string, Seen>()
  readonly #options: CollectorOptions
  /** By process and task: the restore that was told last. */
  readonly #told = new Map<string, string>()
  #lag: readonly PartitionLag[] = []
  #outside: readonly OutsideClient[] = []
  #replication: Replication | null = null
  #widths = UNKNOWN_WIDTHS
  #widthsAskedAt = -Infinity
  #closed = false
  #lagLoop: Promise<void> = Promise.resolve()
  #lagAskedAt = -Infinity
  #statusAskedAt = -Infinity
  #endPause: () => void = () => {}

  constructor(cluster: Cluster, app: AppDescription, logger: Logger, options: CollectorOptions = {}) {
    this.#options = options
    this.#cluster = cluster
    this.#admin = new Admin(cluster)
    this.#plan = build(app)
    this.#logger = logger
    const described = describe(this.#plan)
    this.graph = graphOf(described)
    this.own = { app: app.name, clientIds: new Set(options.ownClientIds), names: new Set(this.#plan.tasks.flatMap(task => task.kind === 'native' ? [] : [task.group, task.link.transactionalIdPrefix ?? task.group])) }
    this.#writtenAlone = writtenAlone(described)
    this.#fetcher = new Fetcher(cluster, { isolation: 'read_uncommitted', reset: 'latest', onData: () => this.#take(), onError: (topic, _, error) => logger.warn('metrics cannot be read', { topic, error: error.message }) })
  }

  /** Resolves once it is reading; the metrics topic is made if it does not exist. */
  async start(): Promise<void> {
    await this.#admin.createTopics([{ name: METRICS_TOPIC, partitions: 1, configs: { 'retention.ms': '3600000' } }], { existing: 'ok' })
    this.#fetcher.assign(METRICS_TOPIC, 0, 'latest')
    this.#lagLoop = this.#watchLag()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#endPause()
    await this.#fetcher.close()
    await this.#lagLoop
  }

  /** Clients from outside, as far as groups tell; with `watchGroups` alone. */
  outside(): readonly OutsideClient[] {
    return this.#outside
  }

  status(): AppStatus {
    const live = this.#live()
    const now = this.#cluster.env.clock.monotonic()
    this.#statusAskedAt = now
    if (now - this.#lagAskedAt > LAG_INTERVAL_MS) this.#endPause()
    const wallNow = this.#cluster.env.clock.now()
    return {
      at: wallNow,
      app: this.#plan.app,
      guarantee: live[0]?.now.guarantee ?? null,
      tasks: this.#plan.tasks.map(task => {
        const lag = this.#lag.filter(row => row.group === task.group)
        const status = task.kind === 'native' ? nativeStatus(task, live, lag) : foreignStatus(task, lag, this.#rates)
        const watched = { task: task.name, group: task.group, state: status.state }
        return { ...status, latency: this.#latencies.of(task.name, now), catchUp: this.catchUp(watched), workers: this.#watch.workers(watched, wallNow), commitsPerSecond: this.#watch.commitsPerSecond(watched, wallNow) }
      }),
      lag: this.#lag,
      processes: live.map(({ now }) => ({ process: now.process, pid: now.pid, slot: now.slot, started: now.started })),
      replication: this.#replication,
    }
  }

  /** Partitions and replicas of the app's topics, as they were a few seconds ago. */
  widths(): TopicWidths {
    return this.#widths
  }

  /** Of a task whose engine tells more than Kafka does. */
  catchUp(watched: WatchedTask): CatchUp {
    return this.#watch.catchUp(watched, this.#cluster.env.clock.now())
  }

  #take(): void {
    for (let batches = this.#fetcher.poll(); batches !== undefined; batches = this.#fetcher.poll()) {
      this.#cursor.open(batches)
      while (this.#cursor.next()) {
        if (this.#cursor.valueStart === -1) continue
        const snapshot = decodeSnapshot(this.#cursor.buffer.subarray(this.#cursor.valueStart, this.#cursor.valueEnd))
        if (snapshot === undefined || snapshot.app !== this.#plan.app) continue
        this.#seen.set(snapshot.process, { now: snapshot, before: this.#seen.get(snapshot.process)?.now, receivedMs: this.#cluster.env.clock.monotonic() })
        this.#watch.takeProcess(snapshot, this.#cluster.env.clock.now())
        this.#tellRestored(snapshot)
      }
      batches.release()
    }
  }

  #tellRestored(snapshot: ProcessSnapshot): void {
    if (snapshot.tasks.some(task => task.state !== 'running')) return
    let records = 0
    let ms = 0
    for (const { task, restored } of snapshot.tasks) {
      if (restored === null || restored.records === 0) continue
      const [key, value] = [`${snapshot.process} ${task}`, `${restored.records} ${restored.ms}`]
      if (this.#told.get(key) === value) continue
      this.#told.set(key, value)
      records += restored.records
      ms = Math.max(ms, restored.ms)
    }
    if (records > 0) this.#options.onRestored?.({ pid: snapshot.pid, records, ms })
  }

  #live(): Seen[] {
    const now = this.#cluster.env.clock.monotonic()
    for (const [process, seen] of this.#seen) if (now - seen.receivedMs > SILENT_MS_MAX) this.#seen.delete(process)
    return [...this.#seen.values()].sort((a, b) => a.now.slot - b.now.slot)
  }

  async #watchLag(): Promise<void> {
    const groups = [...new Set(this.#plan.tasks.map(task => task.group))]
    while (!this.#closed) {
      this.#lagAskedAt = this.#cluster.env.clock.monotonic()
      try {
        // First: where brokers are away, what follows may have to wait for a leader.
        await this.#takeReplication()
        const lookedAt = this.#cluster.env.clock.monotonic()
        this.#lag = await collectLag(this.#cluster, this.#admin, groups, { now: () => this.#cluster.env.clock.now() })
        if (this.#options.watchGroups === true) this.#outside = await outsideGroups(this.own, this.#admin)
        await this.#takeLatencies(lookedAt)
        this.#watch.takeLag(this.#cluster.env.clock.now(), this.#lag)
        const held = this.#watch.held()
        this.#watch.takeHolders(held.size === 0 ? new Map() : await holdersOf(this.#admin, held, this.#cluster.env.clock.now()))
        await this.#takeRates()
        await this.#takeWidths()
      } catch (error) {
        if (!this.#closed) this.#logger.debug('lag could not be read; it is tried again', { error: messageOf(error) })
      }
      await this.#pause()
    }
  }

  /** Of groups by their offsets, which were asked for when this look began, of the others by what their engine has told. */
  async #takeLatencies(lookedAt: number): Promise<void> {
    const told = this.#plan.tasks.flatMap(({ name }) => (this.#options.positions?.(name) ?? []).map(position => ({ task: name, ...position })))
    const toldAt = this.#cluster.env.clock.monotonic()
    const ends = told.length === 0 ? [] : await this.#admin.listOffsets(told.map(({ topic, partition }) => ({ topic, partition })), 'latest', { isolation: 'read_committed' })
    this.#latencies.takeEnds(lookedAt, this.#lag.map(({ topic, partition, end }) => ({ topic, partition, offset: end })))
    for (const task of this.#plan.tasks) {
      for (const { group, topic, partition, committed, seconds } of this.#lag) {
        if (group === task.group && committed !== null) this.#latencies.takePosition(task.name, lookedAt, { topic, partition, offset: committed, waitedMs: seconds === null ? null : seconds * 1000 })
      }
    }
    if (told.length === 0) return
    this.#latencies.takeEnds(toldAt, ends)
    for (const { task, ...position } of told) this.#latencies.takePosition(task, toldAt, position)
  }

  async #takeReplication(): Promise<void> {
    if (this.#replication === null && this.#cluster.nodes.length < 2) return
    try {
      const { nodes } = await this.#admin.describeCluster()
      this.#replication = replicationOf(await this.#admin.describeTopics(this.#plan.topics.map(topic => topic.name)), nodes.length)
    } catch (error) {
      // A topic that was not made yet, or no broker that answers: not known.
      this.#replication = null
      this.#logger.debug('replication could not be read; it is tried again', { error: messageOf(error) })
    }
  }

  async #takeWidths(): Promise<void> {
    const now = this.#cluster.env.clock.monotonic()
    if (now - this.#statusAskedAt > LOOKING_MS || now - this.#widthsAskedAt < WIDTHS_INTERVAL_MS) return
    this.#widthsAskedAt = now
    this.#widths = await topicWidths(this.#admin, this.#plan.topics.map(topic => topic.name))
  }

  /** S3. */
  async #takeRates(): Promise<void> {
    for (const { kind, name, group } of this.#plan.tasks) {
      if (kind === 'native') continue
      this.#rates.take(`in ${name}`, this.#lagAskedAt, this.#lag.flatMap(({ topic, partition, committed, group: of }) => of === group && committed !== null ? [{ topic, partition, offset: committed }] : []))
      const topics = this.#writtenAlone.get(name) ?? []
      if (topics.length === 0) continue
      const places = (await Promise.all(topics.map(async topic => (await this.#cluster.partitions(topic, { waitMsMax: 0 })).map(({ partition }) => ({ topic, partition }))))).flat()
      this.#rates.take(`out ${name}`, this.#cluster.env.clock.monotonic(), await this.#admin.listOffsets(places, 'latest', { isolation: 'read_committed' }))
    }
  }

  /** Until lag is due again; `#endPause` ends it before. */
  #pause(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const { clock } = this.#cluster.env
    const isLookedAt = clock.monotonic() - this.#statusAskedAt < LOOKING_MS
    return new Promise(resolve => {
      const timer = clock.setTimer(resolve, isLookedAt ? LAG_INTERVAL_MS : LAG_UNSEEN_INTERVAL_MS)
      this.#endPause = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

/** Of a task that another engine runs: what Kafka tells. What its engine tells comes on top where it was started here. */
function foreignStatus(task: ForeignTaskPlan, lag: readonly PartitionLag[], rates: OffsetRates): Measured {
  return {
    task: task.name, engine: task.on.engine, group: task.group, state: task.on.engine === 'external' ? 'external' : 'absent',
    processes: 0, processRestarts: null, shards: null,
    inPerSecond: rates.perSecond(`in ${task.name}`), outPerSecond: rates.perSecond(`out ${task.name}`), ratesOf: 'offsets', in: null, out: null,
    ...lagOf(lag), commitMsP50: null, commitMsP99: null, errors: null, skipped: null, deadLettered: null, dropped: null, restore: null, restored: null, lastError: null, job: null,
  }
}

function lagOf(lag: readonly PartitionLag[]): { readonly lagRecords: number | null, readonly lagSeconds: number | null } {
  return {
    lagRecords: lag.length === 0 ? null : lag.reduce((total, row) => total + row.records, 0),
    lagSeconds: lag.length === 0 || lag.some(row => row.seconds === null) ? null : Math.max(...lag.map(row => row.seconds ?? 0)),
  }
}

function nativeStatus({ name, group }: NativeTaskPlan, live: readonly Seen[], lag: readonly PartitionLag[]): Measured {
  const parts = live.flatMap(({ now, before }) => {
    const current = now.tasks.find(each => each.task === name)
    return current === undefined ? [] : [{ current, before: before?.tasks.find(each => each.task === name), seconds: before === undefined ? 0 : (now.at - before.at) / 1000 }]
  })
  const sum = (pick: (task: TaskSnapshot) => number): number => parts.reduce((total, part) => total + pick(part.current), 0)
  const rate = (pick: (task: TaskSnapshot) => number): number => parts.reduce((total, part) => part.before === undefined || part.seconds <= 0 ? total : total + Math.max(0, pick(part.current) - pick(part.before)) / part.seconds, 0)
  const committing = parts.filter(part => part.current.commits > 0)
  const restoring = parts.filter(part => part.current.restore !== null)
  return {
    task: name, engine: 'millrace', group,
    state: stateOf(parts.map(part => part.current.state)),
    processes: parts.length, processRestarts: null,
    shards: parts.reduce((total, part) => total + part.current.shards.length, 0),
    inPerSecond: rate(task => task.in), outPerSecond: rate(task => task.out), ratesOf: 'records',
    in: sum(task => task.in), out: sum(task => task.out),
    ...lagOf(lag),
    commitMsP50: committing.length === 0 ? null : Math.max(...committing.map(part => part.current.commitMsP50)),
    commitMsP99: committing.length === 0 ? null : Math.max(...committing.map(part => part.current.commitMsP99)),
    errors: sum(task => task.errors), skipped: sum(task => task.skipped), deadLettered: sum(task => task.deadLettered), dropped: droppedOf(parts.map(part => part.current)),
    restore: restoring.length === 0 ? null : { done: restoring.reduce((total, part) => total + (part.current.restore?.done ?? 0), 0), total: restoring.reduce((total, part) => total + (part.current.restore?.total ?? 0), 0) },
    restored: parts.map(part => part.current.restored).filter(each => each !== null).at(-1) ?? null,
    lastError: parts.map(part => part.current.lastError).find(each => each !== null) ?? null,
    job: null,
  }
}

function droppedOf(parts: readonly TaskSnapshot[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { dropped = {} } of parts) for (const [name, count] of Object.entries(dropped)) sums[name] = (sums[name] ?? 0) + count
  return sums
}

/** The one that needs attention most stands for the task. */
function stateOf(states: readonly TaskState[]): TaskState | 'absent' {
  for (const state of ['failed', 'restoring', 'rebalancing', 'starting', 'running', 'stopped'] as const) if (states.includes(state)) return state
  return 'absent'
}
