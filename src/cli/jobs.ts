/**
 * The foreign tasks of an app while it runs: starts their jobs in the order of the graph, tries again what may succeed later, stops them first.
 *
 * K1. A job that does not start is said once, stays on the page with its reason, and takes nothing down: the rest of the graph runs.
 * K2. Where trying again can help (`retriable`), it is, after 1 s, then 2 s … 30 s. What cannot be mended by time waits to be started by somebody.
 * K3. Topics exist before the first job runs: other engines do not make them, or make them with other partition counts.
 * K4. Jobs are started one after another, upstream first, so that two cores are not shared by five starting JVMs; stopped side by side.
 * K5. What is asked of one job is done in turn, whoever asks: the page, the command line, a retry. Jobs do not wait for each other.
 */
import { randomBytes } from 'node:crypto'
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { unreachable } from '../base/assert.ts'
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import type { EngineProcess, Job, JobContext, JobStatus } from '../engines/engine.ts'
import { openEngineStore } from '../engines/install/store.ts'
import { jobOf } from '../engines/job.ts'
import { realEnv } from '../env/real/env.ts'
import type { Happened } from '../http/happened.ts'
import type { JobAction } from '../http/job-request.ts'
import { prepareTopics } from '../runtime/topics.ts'
import { upstreamFirst } from '../topology/order.ts'
import type { ForeignTaskPlan, Plan } from '../topology/plan.ts'
import { requireJava } from './java.ts'
import { nextFreePort } from './ports.ts'
import type { Supervisor } from './supervisor.ts'

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 30_000
const HOST = '127.0.0.1'
/** A server that takes no connection within this time is not there. */
const REACHED_MS_MAX = 5_000
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
  readonly note: (text: string, happened: Happened) => void
  /** How a task becomes a job, where that is not by its engine. */
  readonly jobOf?: ((task: ForeignTaskPlan, context: JobContext) => Job) | undefined
}

interface Entry {
  readonly task: ForeignTaskPlan
  readonly job: Job
  /** K5: ends when all that was asked so far is done. Never rejects. */
  turn: Promise<void>
  /** What its own state does not say yet. */
  doing: 'starting' | 'stopping' | 'rescaling' | undefined
  retry: NodeJS.Timeout | undefined
  failure: Error | undefined
}

export class Jobs {
  readonly #options: JobsOptions
  readonly #entries = new Map<string, Entry>()
  readonly #logs = new Map<string, WriteStream>()
  #portNext = PORTS_FROM
  #closing = false

  constructor(options: JobsOptions) {
    this.#options = options
    const make = options.jobOf ?? jobOf
    for (const task of upstreamFirst(options.plan)) {
      if (task.kind !== 'foreign' || !options.wanted(task.name)) continue
      this.#entries.set(task.name, { task, job: make(task, this.#contextOf(task)), turn: Promise.resolve(), doing: undefined, retry: undefined, failure: undefined })
    }
  }

  /** Resolves when every job runs or has failed for the first time. */
  async start(): Promise<void> {
    if (this.#entries.size === 0) return
    const { cluster, logger, plan } = this.#options
    await prepareTopics({ cluster, admin: new Admin(cluster), logger }, plan, [], { metrics: false })
    let before = Promise.resolve()
    for (const entry of this.#entries.values()) {
      const upstream = before
      entry.doing = 'starting'
      // Its turn begins now: what is asked of it meanwhile is done when it has been started.
      before = inTurn(entry, async () => {
        await upstream
        if (!this.#closing) await this.#start(entry, RETRY_MS_MIN)
        entry.doing = undefined
      })
    }
    await before
  }

  async stop(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#entries.values()].map(entry => inTurn(entry, async () => { await this.#stop(entry) })))
    for (const log of this.#logs.values()) log.end()
  }

  /**
   * What somebody asks of one job while the others go on; resolves when it is done. `start` of one that runs and `stop` of one that does not change nothing.
   * Throws `USAGE` for a task that is none of these, and what the engine says where it cannot be done.
   */
  async control(name: string, action: JobAction): Promise<JobStatus> {
    const entry = this.#controllable(name)
    await inTurn(entry, () => this.#do(entry, action))
    return statusOf(entry)
  }

  /** By task. */
  status(): ReadonlyMap<string, JobStatus> {
    return new Map([...this.#entries].map(([name, entry]) => [name, statusOf(entry)]))
  }

  #controllable(name: string): Entry {
    const entry = this.#entries.get(name)
    const names = [...this.#entries].filter(([, each]) => each.task.on.engine !== 'external').map(([each]) => each)
    const there = names.length === 0 ? 'none here' : names.join(', ')
    if (this.#closing) throw new MillraceError('USAGE', 'This app is being stopped.')
    if (entry === undefined) {
      const task = this.#options.plan.tasks.find(each => each.name === name)
      throw new MillraceError('USAGE', task === undefined ? `App '${this.#options.plan.app}' has no task '${name}'. Tasks on other engines: ${there}.`
        : task.kind === 'native' ? `Task '${name}' is no job of another engine: Millrace's own processes run it. Tasks on other engines: ${there}.`
        : `Task '${name}' was not started here (--task names others). Started here: ${there}.`)
    }
    if (entry.task.on.engine === 'external') throw new MillraceError('USAGE', `Task '${name}' is external(): somebody else starts and stops it.`)
    return entry
  }

  // ---------------------------------------------------------------- in turn

  async #do(entry: Entry, action: JobAction): Promise<void> {
    switch (action.kind) {
      case 'start': return isUp(entry) ? undefined : this.#startAsked(entry)
      case 'stop': return this.#stopAsked(entry)
      case 'restart': return this.#startAsked(entry)
      case 'scale': return this.#rescale(entry, action.instances)
      default: return unreachable(action)
    }
  }

  async #startAsked(entry: Entry): Promise<void> {
    // A job that its engine has given up may have left processes behind.
    await this.#stop(entry)
    await this.#start(entry, RETRY_MS_MIN)
    if (entry.failure !== undefined) throw entry.failure
    const { name } = entry.task
    this.#options.note(`${name} was started`, { kind: 'job_started', values: { name } })
  }

  async #stopAsked(entry: Entry): Promise<void> {
    const wasUp = isUp(entry)
    const unclean = await this.#stop(entry)
    if (unclean !== undefined) throw unclean
    const { name } = entry.task
    if (wasUp) this.#options.note(`${name} was stopped`, { kind: 'job_stopped', values: { name } })
  }

  async #start(entry: Entry, backoffMs: number): Promise<void> {
    try {
      await entry.job.start()
      entry.failure = undefined
    } catch (error) {
      await this.#failed(entry, error, backoffMs)
    }
  }

  /** Clean, with a savepoint where the engine has them; resolves with what went wrong, if anything did. */
  async #stop(entry: Entry): Promise<unknown> {
    clearTimeout(entry.retry)
    entry.failure = undefined
    entry.doing = 'stopping'
    try {
      await entry.job.stop()
      return undefined
    } catch (error) {
      const values = { name: entry.task.name, reason: messageOf(error) }
      this.#options.note(`${values.name} did not stop in order: ${values.reason}`, { kind: 'job_unclean', values })
      return error
    } finally {
      entry.doing = undefined
    }
  }

  async #rescale(entry: Entry, instances: number): Promise<void> {
    const { job, task: { name, on: { engine } } } = entry
    if (job.rescale === undefined) throw new MillraceError('USAGE', `Task '${name}' runs on ${engine}, whose jobs cannot be rescaled from here. Change its options in the app, and start that again.`)
    const from = job.status().instances ?? 0
    entry.doing = 'rescaling'
    try {
      await job.rescale(instances)
    } catch (error) {
      if (job.status().state === 'failed') await this.#failed(entry, error, RETRY_MS_MIN)
      throw error
    } finally {
      entry.doing = undefined
    }
    this.#options.note(`${name} was rescaled from ${from} to ${instances}`, { kind: 'job_scaled', values: { name, from, to: instances } })
  }

  /** K1, K2. */
  async #failed(entry: Entry, error: unknown, backoffMs: number): Promise<void> {
    const { name } = entry.task
    await entry.job.stop().catch(() => { /* what was up of it; the failure to start is what is said */ })
    const isSaid = entry.failure?.message === messageOf(error)
    entry.failure = error instanceof Error ? error : new Error(messageOf(error))
    const again = error instanceof MillraceError && error.retriable && !this.#closing
    const values = { name, reason: entry.failure.message }
    if (!isSaid) this.#options.note(`${name} did not start${again ? ' (tried again)' : ''}: ${values.reason}`, { kind: 'job_failed', values })
    if (!again) return
    entry.retry = setTimeout(() => { void inTurn(entry, () => entry.failure === undefined ? Promise.resolve() : this.#start(entry, Math.min(backoffMs * 2, RETRY_MS_MAX))) }, backoffMs)
  }

  // ---------------------------------------------------------------- what a job is given

  #contextOf(task: ForeignTaskPlan): JobContext {
    const { plan, bootstrap, supervisor, environment, logger } = this.#options
    const directory = join(this.#options.directory, task.name)
    return {
      app: plan.app, bootstrap, directory, logger: logger.child({ job: task.name }), disk: realEnv.disk, clock: realEnv.clock, randomHex: digits => randomBytes(Math.ceil(digits / 2)).toString('hex').slice(0, digits), admin: new Admin(this.#options.cluster),
      installation: wanted => openEngineStore(realEnv.disk, environment).installation(wanted),
      java: major => requireJava(major, environment),
      supervise: async each => { await supervisor.start(this.#childOf(each, directory, task)) },
      release: name => supervisor.release(name),
      async reach(host, port) {
        const socket = await realEnv.network.connect({ host, port, timeoutMs: REACHED_MS_MAX })
        socket.destroy()
      },
      freePort: async () => {
        const port = await nextFreePort(realEnv.network, HOST, this.#portNext)
        this.#portNext = port + 1
        return port
      },
    }
  }

  #childOf(started: EngineProcess, directory: string, { name: task, on: { engine } }: ForeignTaskPlan): Parameters<Supervisor['start']>[0] {
    const { name, command, args, env, cwd, ready, readyMsMax, onLine } = started
    // A program of the user's own speaks to the user; an engine fills a file.
    const log = engine === 'process' ? undefined : this.#logOf(directory, name)
    const take = (line: string): void => {
      log?.write(`${line}\n`)
      onLine?.(line)
    }
    return {
      name, task, kind: engine === 'process' ? 'process' : 'engine', command, args, env, cwd, ipc: false, ready: { when: ready, msMax: readyMsMax },
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

/** After all that was asked of this job before (K5). */
function inTurn(entry: Entry, work: () => Promise<void>): Promise<void> {
  const turn = entry.turn.then(work)
  entry.turn = turn.catch(() => { /* told to who asked; the next one asks anew */ })
  return turn
}

function isUp({ job, failure }: Entry): boolean {
  const { state } = job.status()
  return failure === undefined && state !== 'stopped' && state !== 'failed'
}

function statusOf({ job, failure, doing }: Entry): JobStatus {
  const status = job.status()
  if (doing !== undefined) return { ...status, state: doing }
  return failure === undefined ? status : { ...status, state: 'failed', lastError: status.lastError ?? failure.message }
}
