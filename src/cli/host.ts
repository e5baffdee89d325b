/**
 * Runs a whole app on this machine: a broker if none is named, the app's tasks in several processes, foreign tasks, the
 * ledger's verifier, the status page; watches them, and stops them in order.
 *
 * D1. The broker and the tasks are processes of their own, so that a kill is a real one and the page survives it.
 * D2. Stop order: what feeds the app, the tasks (they commit what is in hand), the broker last (it flushes and marks a clean stop).
 * D3. With `--bootstrap`, no broker is started and nothing else changes.
 * D4. A cluster of Apache Kafka has a folder of its own for everything: state that was made on another cluster is none of this one's.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { realEnv } from '../env/real/env.ts'
import { commandSecurity, forgetCommandConfig } from './security.ts'
import { GONE_MS, type ClientActivity, type ClientsSeen } from '../broker/clients.ts'
import type { JobStatus } from '../engines/engine.ts'
import type { Graph } from '../http/graph.ts'
import type { Happened, ShownEvent } from '../http/happened.ts'
import type { JobRequest } from '../http/job-request.ts'
import { type LedgerAccount, parseAccount } from '../http/ledger.ts'
import { type OutsideClient, outsideOf, parseSeen, type Refused, refusedOf } from '../http/outside.ts'
import { type Live, startStatusServer, type StatusServer } from '../http/server.ts'
import { type AppStatus, StatusCollector } from '../http/status.ts'
import { describe } from '../topology/describe.ts'
import { adviceOf } from '../planner/advice.ts'
import { adviceFacts } from '../planner/advice-facts.ts'
import { optionTable } from '../topology/options.ts'
import { build } from '../topology/build.ts'
import type { AppDescription, Guarantee } from '../topology/node.ts'
import { environmentOf, type Footprint, USUAL } from './footprint.ts'
import { Jobs } from './jobs.ts'
import { type KafkaCluster, startKafkaCluster } from './kafka-cluster.ts'
import { nextFreePort } from './ports.ts'
import { groupDigits } from './render.ts'
import { type ChildSpec, type ChildStatus, Supervisor } from './supervisor.ts'

const HOST = '127.0.0.1'
const EVENTS_MAX = 100
/** Enough for readers that keep up; what is older is in the system's page cache anyway. */
const BROKER_CACHE_MIB = 4
/** At least once is commonly run with seconds between commits (Kafka Streams: 30): what a kill doubles is what came in meanwhile. */
const UNGUARDED_COMMIT_MS = 2000
/** The status collector here, and the verifier. */
const OWN_CLIENT_IDS = ['millrace-status', 'ledger'] as const
/** Longer than the transaction of a killed process can stay open: it holds back what others commit behind it. */
const LEDGER_PATIENCE_SECONDS = 30
const mainScript = fileURLToPath(new URL('./main.js', import.meta.url))
const verifierScript = fileURLToPath(new URL('../../../ledger/verify.mjs', import.meta.url))

export interface LedgerSpec {
  readonly balances: readonly unknown[]
}

/** Where the app goes on: what its first task had consumed, and the newest record of its input, when it was started. */
export interface Resumed {
  readonly topic: string
  readonly records: number
  /** Epoch milliseconds. */
  readonly lastAt: number
}

export interface HostOptions {
  readonly app: AppDescription
  readonly entryPath: string
  /** Without it, a broker is started on `brokerPort` or the next free port. */
  readonly bootstrap?: string | undefined
  /** So many brokers of Apache Kafka are started instead of the embedded one (D4). */
  readonly kafkaBrokers?: number | undefined
  readonly brokerPort: number
  readonly statusPort: number
  /** Broker data and task state live below it. */
  readonly dataDirectory: string
  readonly durability: string
  /** How many processes run the app's tasks. */
  readonly processes: number
  readonly threads: number
  /** Only these tasks, native and foreign; all without it. */
  readonly tasks?: readonly string[] | undefined
  /** Without it, each task's own. */
  readonly guarantee?: Guarantee | undefined
  /** `TARGET.option=value`, as `app` has them already: for the processes, which load it anew. */
  readonly sets?: readonly string[] | undefined
  /** Started once the tasks of ours run: shops, simulators. They get the address of the brokers. */
  readonly children?: ((bootstrap: string) => readonly ChildSpec[]) | undefined
  readonly ledger?: LedgerSpec | undefined
  /** Of the processes started here; `USUAL` without it. */
  readonly footprint?: Footprint | undefined
  /** Client ids of `children`: they are no clients from outside. */
  readonly ownClientIds?: readonly string[] | undefined
  /** What takes long while it starts; to the log without it. */
  readonly progress?: ((line: string) => void) | undefined
  readonly logger: Logger
}

/** What is common to all children that run Node. */
export function nodeChild(footprint: Footprint, args: readonly string[]): { readonly command: string, readonly args: readonly string[], readonly env: Readonly<Record<string, string>> } {
  return { command: process.execPath, args: [...footprint.flags, ...args], env: environmentOf(footprint, process.env) }
}

export class Host {
  readonly #options: HostOptions
  readonly #supervisor: Supervisor
  readonly #events: ShownEvent[] = []
  readonly #links: { name: string, url: string }[] = []
  /** Resolves when all but the jobs of other engines is started. */
  readonly serving: Promise<void>
  #serves: () => void = () => {}
  #bootstrap = ''
  /** `undefined`: what the app and its tasks say. */
  #guarantee: Guarantee | undefined
  /** Of the app, as it does not change. */
  readonly #declared: Pick<Live, 'options' | 'edges'>
  #ledger: LedgerAccount | null = null
  #clients: readonly ClientActivity[] = []
  #outside: readonly OutsideClient[] = []
  #refused: readonly Refused[] = []
  #cluster: Cluster | undefined
  #collector: StatusCollector | undefined
  #server: StatusServer | undefined
  #jobs: Jobs | undefined
  #resumed: Resumed | undefined
  #kafka: KafkaCluster | undefined

  constructor(options: HostOptions) {
    this.#options = options.kafkaBrokers === undefined ? options : { ...options, dataDirectory: join(options.dataDirectory, 'cluster') }
    this.#guarantee = options.guarantee
    this.#declared = { options: optionTable(options.app), edges: describe(build(options.app)).edges }
    this.#supervisor = new Supervisor(options.logger)
    this.#supervisor.onEvent((text, happened) => this.#note(text, happened))
    this.serving = new Promise(resolve => { this.#serves = resolve })
  }

  get bootstrap(): string {
    return this.#bootstrap
  }

  /** Where Apache Kafka was started here. */
  get kafka(): KafkaCluster | undefined {
    return this.#kafka
  }

  /** `undefined` at the first start. */
  get resumed(): Resumed | undefined {
    return this.#resumed
  }

  get statusUrl(): string {
    return `http://localhost:${this.#server?.port ?? 0}/`
  }

  /** Shown on the page, beside its title. */
  addLink(name: string, url: string): void {
    this.#links.push({ name, url })
  }

  /** Starts everything, in order; what each child said when it was ready, by name. Where one does not start, all that were are stopped again. */
  async start(): Promise<Map<string, unknown>> {
    try {
      return await this.#startInOrder()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async #startInOrder(): Promise<Map<string, unknown>> {
    const options = this.#options
    const said = new Map<string, unknown>()
    if (options.bootstrap === undefined) forgetCommandConfig()
    this.#bootstrap = options.bootstrap ?? await this.#startBroker()
    this.#cluster = await Cluster.connect(realEnv, { bootstrap: this.#bootstrap, security: commandSecurity(), clientId: 'millrace-status', logger: options.logger })
    this.#resumed = await resumedAt(this.#cluster, options.app)
    this.#collector = new StatusCollector(this.#cluster, options.app, options.logger, {
      watchGroups: !this.#hasEmbeddedBroker, ownClientIds: [...OWN_CLIENT_IDS, ...options.ownClientIds ?? []],
      positions: task => this.#jobs?.status().get(task)?.positions ?? [],
      onRestored: ({ pid, records, ms }) => this.#restored(pid, records, ms),
    })
    await this.#collector.start()
    // Whichever process of the tasks comes first makes the topics, the others find them. Where they are there, nobody waits for the tasks.
    const children = options.children?.(this.#bootstrap) ?? []
    const isSecond = this.#resumed !== undefined
    await this.#startAll(isSecond ? [...this.#taskSpecs(), ...children] : this.#taskSpecs(), said)
    this.#jobs = new Jobs({
      plan: build(options.app), wanted: task => this.#wanted(task), cluster: this.#cluster, bootstrap: this.#bootstrap,
      directory: join(options.dataDirectory, 'jobs'), supervisor: this.#supervisor, environment: process.env, logger: options.logger, note: (text, happened) => this.#note(text, happened),
    })
    // Before the jobs: an engine may take a minute to start; the page shows how it does, and what feeds the app does not wait for it.
    await this.#startServer(this.#collector.graph)
    if (!isSecond) await this.#startAll(children, said)
    // Last: it reads everything from the first record on, and who starts is not to wait for it.
    if (options.ledger !== undefined) await this.#startLedger(options.ledger)
    this.#serves()
    await this.#jobs.start()
    return said
  }

  live(): Live {
    if (this.#collector === undefined) throw new Error('the host has not been started')
    const status = withJobs(this.#collector, this.#jobs, this.#supervisor.list())
    return {
      status, advice: adviceOf(adviceFacts(status.app, status.tasks, this.#declared, this.#collector.widths())), processes: this.#supervisor.list(), ledger: this.#ledger,
      guard: this.#guarantee === 'atLeastOnce' ? 'off' : 'on', events: this.#events, links: this.#links, kafka: this.#bootstrap, ...this.#declared,
      outside: this.#hasEmbeddedBroker ? this.#fromActivity() : this.#collector.outside(), refused: this.#refused,
    }
  }

  /** Names of processes that had to be killed because they did not end in time. */
  async stop(): Promise<string[]> {
    await this.#server?.close()
    await this.#jobs?.stop()
    await this.#collector?.close()
    await this.#cluster?.close()
    return this.#supervisor.stop()
  }

  async #startServer(graph: Graph): Promise<void> {
    const port = await nextFreePort(realEnv.network, HOST, this.#options.statusPort)
    this.#server = await startStatusServer({
      host: HOST, port, graph, live: () => this.live(),
      kill: name => this.#supervisor.kill(name), setGuard: on => this.#setGuard(on), hasLedger: this.#options.ledger !== undefined,
      ...this.#hasJobs() ? { control: request => this.#control(request) } : {},
    })
    if (this.#hasJobs()) this.#options.logger.info(`the status page is at ${this.statusUrl}`)
  }

  async #startAll(specs: readonly ChildSpec[], said: Map<string, unknown>): Promise<void> {
    await Promise.all(specs.map(async spec => { said.set(spec.name, await this.#supervisor.start(spec)) }))
  }

  get #hasEmbeddedBroker(): boolean {
    return this.#options.bootstrap === undefined && this.#options.kafkaBrokers === undefined
  }

  async #startBroker(): Promise<string> {
    const { brokerPort, dataDirectory, durability, kafkaBrokers } = this.#options
    if (kafkaBrokers !== undefined) return this.#startKafka(kafkaBrokers)
    const port = await nextFreePort(realEnv.network, HOST, brokerPort)
    if (port !== brokerPort) this.#note(`Port ${brokerPort} is taken: the broker listens on ${port}.`, { kind: 'port_taken', values: { taken: brokerPort, port } })
    await this.#supervisor.start({
      name: 'broker', kind: 'broker', ipc: true,
      ...nodeChild(this.#footprint, [mainScript, 'broker', 'start', '--port', String(port), '--data', join(dataDirectory, 'broker'), '--durability', durability, '--cache', String(BROKER_CACHE_MIB)]),
      onMessage: message => this.#clientsSaid(parseSeen(message)),
    })
    return `${HOST}:${port}`
  }

  async #startKafka(brokers: number): Promise<string> {
    const { brokerPort, dataDirectory, progress } = this.#options
    this.#kafka = await startKafkaCluster({ brokers, port: brokerPort, directory: join(dataDirectory, 'kafka'), supervisor: this.#supervisor, environment: process.env, progress: line => { if (progress === undefined) this.#options.logger.info(line); else progress(line) } })
    const port = this.#kafka.places[0]?.port ?? brokerPort
    if (brokerPort !== 0 && port !== brokerPort) this.#note(`Port ${brokerPort} is taken: the first broker listens on ${port}.`, { kind: 'port_taken', values: { taken: brokerPort, port } })
    return this.#kafka.bootstrap
  }

  #taskSpecs(): ChildSpec[] {
    const { app, entryPath, dataDirectory, processes, threads, tasks = [], sets = [] } = this.#options
    if (!app.tasks.some(task => task.kind === 'native' && this.#wanted(task.name))) return []
    return Array.from({ length: processes }, (_, index): ChildSpec => ({
      name: `tasks-${index + 1}`, kind: 'tasks', ipc: true,
      ...nodeChild(this.#footprint, [mainScript, 'start', resolve(entryPath), '--bootstrap', this.#bootstrap, '--data', join(dataDirectory, 'state'), '--threads', String(threads),
        ...tasks.flatMap(task => ['--task', task]), ...sets.flatMap(set => ['--set', set]), ...this.#guarantee === undefined ? [] : ['--guarantee', this.#guarantee],
        ...this.#guarantee === 'atLeastOnce' && this.#options.guarantee === undefined ? ['--commit-interval', String(UNGUARDED_COMMIT_MS)] : [], '--processes', '1']),
    }))
  }

  get #footprint(): Footprint {
    return this.#options.footprint ?? USUAL
  }

  #wanted(task: string): boolean {
    const { tasks = [] } = this.#options
    return tasks.length === 0 || tasks.includes(task)
  }

  async #startLedger(spec: LedgerSpec): Promise<void> {
    mkdirSync(this.#options.dataDirectory, { recursive: true })
    const file = join(this.#options.dataDirectory, 'ledger.json')
    writeFileSync(file, JSON.stringify(spec))
    await this.#supervisor.start({
      name: 'ledger', kind: 'ledger', ipc: false,
      ...nodeChild(this.#footprint, [verifierScript, '--bootstrap', this.#bootstrap, '--ledger', file, '--watch', '--patience', String(LEDGER_PATIENCE_SECONDS)]),
      onLine: line => { this.#ledger = parseAccount(line) ?? this.#ledger },
    })
  }

  /** Restarts the task processes with or without transactions. What was doubled meanwhile stays doubled: it is in the log. */
  async #setGuard(on: boolean): Promise<void> {
    this.#guarantee = on ? 'exactlyOnce' : 'atLeastOnce'
    this.#note(on ? 'guard on: exactly once' : 'guard off: at least once, a commit every 2 s; a kill doubles what came in since', { kind: on ? 'guard_on' : 'guard_off', values: {} })
    await Promise.all(this.#taskSpecs().map(spec => this.#supervisor.replace(spec)))
  }

  #hasJobs(): boolean {
    return this.#options.app.tasks.some(task => task.kind === 'foreign' && this.#wanted(task.name))
  }

  async #control({ name, action }: JobRequest): Promise<JobStatus> {
    if (this.#jobs === undefined) throw new MillraceError('USAGE', 'The app is still being started.')
    try {
      return await this.#jobs.control(name, action)
    } finally {
      this.#server?.push()
    }
  }

  #clientsSaid(seen: ClientsSeen | undefined): void {
    if (seen === undefined) return
    this.#clients = seen.clients
    const [before, now] = [this.#outside, this.#fromActivity()]
    this.#outside = now
    for (const client of now) {
      const known = before.find(each => each.id === client.id)
      const who = client.about === '' ? client.name : `${client.name} (${client.about})`
      if (known === undefined || (known.isGone && !client.isGone)) this.#note(`${who} has connected`, { kind: 'client_came', values: { who } })
      if (known?.isGone !== true && client.isGone) this.#note(`${who} has left`, { kind: 'client_left', values: { who } })
    }
    const refusedBefore = new Set(this.#refused.map(each => JSON.stringify(each)))
    this.#refused = refusedOf(this.#refused, seen.refused)
    for (const { client, api, apiKey, version } of this.#refused.filter(each => !refusedBefore.has(JSON.stringify(each)))) {
      this.#note(`${client} asked for ${api} (${apiKey}) v${version}, which is not served: its connection was closed`, { kind: 'client_refused', values: { who: client, api, key: apiKey, version } })
    }
    this.#server?.push()
  }

  #fromActivity(): OutsideClient[] {
    if (this.#collector === undefined) return []
    return outsideOf({ ...this.#collector.own, clientIds: new Set([...OWN_CLIENT_IDS, ...this.#options.ownClientIds ?? []]) }, this.#clients, Date.now() - GONE_MS)
  }

  #restored(pid: number, records: number, ms: number): void {
    const name = this.#supervisor.list().find(child => child.pid === pid)?.name ?? `pid ${pid}`
    const values = { name, records: groupDigits(records), seconds: (ms / 1000).toFixed(1) }
    this.#note(`${name}: ${values.records} records restored in ${values.seconds} s`, { kind: 'restored', values })
  }

  #note(text: string, happened: Happened = { kind: 'note', values: {} }): void {
    this.#events.push({ at: Date.now(), text, ...happened })
    if (this.#events.length > EVENTS_MAX) this.#events.shift()
    this.#options.logger.info(text)
    this.#server?.push()
  }
}

/** What the engines say of their jobs stands in the tasks' rows, where the processes of ours say it of the other tasks. */
function withJobs(collector: StatusCollector, jobs: Jobs | undefined, processes: readonly ChildStatus[]): AppStatus {
  const status = collector.status()
  const known = jobs?.status()
  return {
    ...status,
    tasks: status.tasks.map(task => {
      const job = known?.get(task.task)
      if (job === undefined) return task
      const own = processes.filter(each => each.task === task.task)
      // A rate that the engine does not tell is Kafka's, which counts offsets.
      const inPerSecond = job.inPerSecond ?? task.inPerSecond
      const outPerSecond = job.outPerSecond ?? task.outPerSecond
      const isOfRecords = inPerSecond === job.inPerSecond && outPerSecond === job.outPerSecond && (inPerSecond !== null || outPerSecond !== null)
      return {
        ...task, job, state: job.state, processes: own.filter(each => each.state === 'running').length, processRestarts: own.reduce((sum, each) => sum + each.restarts, 0),
        inPerSecond, outPerSecond, ratesOf: isOfRecords ? 'records' : task.ratesOf,
        lagRecords: task.lagRecords ?? job.lagRecords, lastError: task.lastError ?? job.lastError,
        catchUp: collector.catchUp({ task: task.task, group: task.group, state: job.state, lagRecords: job.lagRecords, backPressure: job.backPressure }),
      }
    }),
  }
}

async function resumedAt(cluster: Cluster, app: AppDescription): Promise<Resumed | undefined> {
  const first = app.tasks.find(task => task.kind === 'native')
  if (first === undefined) return undefined
  const admin = new Admin(cluster)
  const committed = (await admin.groupOffsets(`${app.name}.${first.name}`)).filter(entry => entry.offset > 0)
  const topic = committed[0]?.topic
  if (topic === undefined) return undefined
  const places = committed.filter(entry => entry.topic === topic)
  const newest = await admin.listOffsets(places.map(({ partition }) => ({ topic, partition })), 'maxTimestamp')
  return { topic, records: places.reduce((sum, { offset }) => sum + offset, 0), lastAt: Math.max(...newest.map(({ timestamp }) => timestamp)) }
}
