/**
 * The foreign tasks of an app while it runs: starts their jobs in the order of the graph, tries again what may succeed later, stops them first.
 *
 * K1. A job that does not start is said once, stays on the page with its reason, and takes nothing down: the rest of the graph runs.
 * K2. Where trying again can help (`retriable`), it is, after 1 s, then 2 s … 30 s. What cannot be mended by time waits for `start(name)`.
 * K3. Topics exist before the first job runs: other engines do not make them, or make them with other partition counts.
 * K4. Jobs are started one after another, upstream first, so that two cores are not shared by five starting JVMs; stopped side by side.
 */
import { randomBytes } from 'node:crypto'
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import type { EngineProcess, Job, JobContext, JobStatus } from '../engines/engine.ts'
import { javaShortfall } from '../engines/install/java.ts'
import { openEngineStore } from '../engines/install/store.ts'
import { jobOf } from '../engines/job.ts'
import { realEnv } from '../env/real/env.ts'
import { prepareTopics } from '../runtime/topics.ts'
import { upstreamFirst } from '../topology/order.ts'
import type { ForeignTaskPlan, Plan } from '../topology/plan.ts'
import { findJava } from './java.ts'
import { nextFreePort } from './ports.ts'
import type { Supervisor } from './supervisor.ts'

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 30_000
const HOST = '127.0.0.1'
/** Where the search for free ports of engines begins. */
const PORTS_FROM = 9_700

export interface JobsOptions {
  readonly plan: Plan
  readonly wanted: (task: string) => boolean
  readonly cluster: Cluster
  readonly bootstrap: string
  /** Each job has a folder of its own in it. */
  readonly directory: string
  readonly supervisor: Supervisor
  /** Says where engines and Java are. */
  readonly environment: NodeJS.ProcessEnv
  readonly logger: Logger
  readonly note: (text: string) => void
}

interface Entry {
  readonly task: ForeignTaskPlan
  readonly job: Job
  /** Set while a start is under way or is being tried again. */
  starting: Promise<void> | undefined
  retry: NodeJS.Timeout | undefined
  failure: string | undefined
  stopped: boolean
}

export class Jobs {
  readonly #options: JobsOptions
  readonly #entries = new Map<string, Entry>()
  readonly #logs = new Map<string, WriteStream>()
  #portNext = PORTS_FROM

  constructor(options: JobsOptions) {
    this.#options = options
    for (const task of upstreamFirst(options.plan)) {
      if (task.kind !== 'foreign' || !options.wanted(task.name)) continue
      this.#entries.set(task.name, { task, job: jobOf(task, this.#contextOf(task)), starting: undefined, retry: undefined, failure: undefined, stopped: false })
    }
  }

  /** Resolves when every job runs or has failed for the first time. */
  async start(): Promise<void> {
    if (this.#entries.size === 0) return
    const { cluster, logger, plan } = this.#options
    await prepareTopics({ cluster, admin: new Admin(cluster), logger }, plan, [], { metrics: false })
    for (const entry of this.#entries.values()) await this.#start(entry, RETRY_MS_MIN)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map(name => this.stopJob(name)))
    for (const log of this.#logs.values()) log.end()
  }

  /** Again, after `stopJob` or a failure. False where there is no such job. */
  async startJob(name: string): Promise<boolean> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return false
    await this.stopJob(name)
    entry.stopped = false
    await this.#start(entry, RETRY_MS_MIN)
    return true
  }

  /** Clean, with a savepoint where the engine has them. False where there is no such job. */
  async stopJob(name: string): Promise<boolean> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return false
    entry.stopped = true
    clearTimeout(entry.retry)
    await entry.starting
    try {
      await entry.job.stop()
    } catch (error) {
      this.#options.note(`${name} did not stop in order: ${messageOf(error)}`)
    }
    return true
  }

  /** By task. */
  status(): ReadonlyMap<string, JobStatus> {
    return new Map([...this.#entries].map(([name, { job, failure }]) => {
      const status = job.status()
      return [name, failure === undefined ? status : { ...status, state: 'failed', lastError: status.lastError ?? failure }]
    }))
  }

  #start(entry: Entry, backoffMs: number): Promise<void> {
    const { name } = entry.task
    const attempt = async (): Promise<void> => {
      try {
        await entry.job.start()
        entry.failure = undefined
      } catch (error) {
        await entry.job.stop().catch(() => { /* what was up of it; the failure to start is what is said */ })
        const isSaid = entry.failure === messageOf(error)
        entry.failure = messageOf(error)
        const again = error instanceof MillraceError && error.retriable && !entry.stopped
        if (!isSaid) this.#options.note(`${name} did not start${again ? ` (tried again)` : ''}: ${entry.failure}`)
        if (again) entry.retry = setTimeout(() => { void this.#start(entry, Math.min(backoffMs * 2, RETRY_MS_MAX)) }, backoffMs)
      }
    }
    entry.starting = attempt().finally(() => { entry.starting = undefined })
    return entry.starting
  }

  #contextOf(task: ForeignTaskPlan): JobContext {
    const { plan, bootstrap, supervisor, environment, logger } = this.#options
    const directory = join(this.#options.directory, task.name)
    return {
      app: plan.app, bootstrap, directory, logger: logger.child({ job: task.name }), disk: realEnv.disk, clock: realEnv.clock, randomHex: digits => randomBytes(Math.ceil(digits / 2)).toString('hex').slice(0, digits), admin: new Admin(this.#options.cluster),
      installation: wanted => openEngineStore(realEnv.disk, environment).installation(wanted),
      java: major => javaFor(major, environment),
      supervise: async each => { await supervisor.start(this.#childOf(each, directory, task.on.engine)) },
      release: name => supervisor.release(name),
      freePort: async () => {
        const port = await nextFreePort(realEnv.network, HOST, this.#portNext)
        this.#portNext = port + 1
        return port
      },
    }
  }

  #childOf(started: EngineProcess, directory: string, engine: string): Parameters<Supervisor['start']>[0] {
    const { name, command, args, env, cwd, ready, readyMsMax, onLine } = started
    // A program of the user's own speaks to the user; an engine fills a file.
    const log = engine === 'process' ? undefined : this.#logOf(directory, name)
    const take = (line: string): void => {
      log?.write(`${line}\n`)
      onLine?.(line)
    }
    return {
      name, kind: engine === 'process' ? 'process' : 'engine', command, args, env, cwd, ipc: false, ready: { when: ready, msMax: readyMsMax },
      onLine: take, ...log === undefined ? {} : { onErrorLine: take },
    }
  }

  #logOf(directory: string, name: string): WriteStream {
    const path = join(directory, `${name}.log`)
    const open = this.#logs.get(path)
    if (open !== undefined) return open
    mkdirSync(directory, { recursive: true })
    const log = createWriteStream(path, { flags: 'a' })
    this.#logs.set(path, log)
    return log
  }
}

async function javaFor(major: number, environment: NodeJS.ProcessEnv): Promise<string> {
  const java = await findJava(environment)
  const shortfall = javaShortfall(major, java)
  if (java === undefined || shortfall !== undefined) throw new MillraceError('ENGINE_MISSING', shortfall ?? 'No Java was found.')
  return java.command
}
