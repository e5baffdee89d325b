/**
 * The job of a `flink()` task: a cluster (its own, or one that runs already), the job on it, and what becomes of the job when either dies.
 *
 * F1. A job's id is chosen here and kept in `job.json` before it is submitted; its checkpoints lie under that id. So the last one is found by looking
 *     at the files, whoever died when: a checkpoint whose metadata is complete may have its transactions committed, and an older one must not be used.
 * F2. A task manager that dies is Flink's to bear: the job restarts from its last checkpoint. A job manager forgets its jobs when it dies: the job is
 *     submitted anew, from its last checkpoint.
 * F3. `stop` makes a savepoint and keeps its place; the next start goes on from there.
 * F4. A job that Flink gives up (FAILED) stays down with Flink's reason: starting it again would fail again.
 * F5. Another parallelism is another start: stopped with a savepoint, gone on from there. Where no savepoint can be made, it goes on as it was.
 */
import { join, resolve } from 'node:path'
import { messageOf, MillraceError } from '../../base/errors.ts'
import { readFile } from '../../env/whole-file.ts'
import type { FlinkSpec } from '../../topology/foreign.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import { type Job, type JobContext, type JobStatus, UNKNOWN_STATUS } from '../engine.ts'
import { readText, writeText } from '../files.ts'
import { mustBeJar } from '../jvm.ts'
import { type FlinkCluster, remoteCluster, startCluster } from './cluster.ts'
import type { FlinkState } from './rest.ts'
import { statementsOf } from '../sql-script.ts'
import { Watch } from '../watch.ts'

type Task = ForeignTaskPlan & { readonly on: FlinkSpec }

/** What job.json holds. */
interface Kept {
  readonly jobId: string
  /** What it was started from: a checkpoint or savepoint of a job before it. */
  readonly from: string | null
  /** Set by a clean stop: goes before any checkpoint. */
  readonly savepoint: string | null
}

const WATCH_MS = 1_000
const RUNNING_MS_MAX = 120_000
/** F4: nothing more will come of it. */
const OVER: ReadonlySet<FlinkState> = new Set(['FAILED', 'CANCELED', 'FINISHED'])
const ENDED: ReadonlySet<FlinkState> = new Set([...OVER, 'MISSING', 'SUSPENDED'])

export function flinkJob(task: Task, context: JobContext): Job {
  return new FlinkJob(task, context)
}

class FlinkJob implements Job {
  #task: Task
  readonly #context: JobContext
  readonly #sleep: (ms: number) => Promise<void>
  #cluster: FlinkCluster | undefined
  #jobId = ''
  #status: JobStatus = { ...UNKNOWN_STATUS, state: 'stopped' }
  #resubmissions = 0
  readonly #watch: Watch

  constructor(task: Task, context: JobContext) {
    this.#task = task
    this.#context = context
    this.#sleep = ms => context.clock.sleep(ms)
    this.#watch = new Watch({
      clock: context.clock, everyMs: WATCH_MS, failed: error => this.#set({ state: 'restarting', lastError: messageOf(error) }),
      look: async () => {
        if (this.#cluster === undefined) return false
        await this.#look(this.#cluster)
        return this.#status.state !== 'failed'
      },
    })
  }

  async start(): Promise<void> {
    const { name, on } = this.#task
    this.#set({ state: 'starting', lastError: null })
    try {
      this.#checkFiles()
      this.#cluster = on.cluster === undefined ? await startCluster(name, on, this.#context, this.#sleep) : remoteCluster(on.cluster, this.#sleep)
      this.#set({ url: this.#cluster.rest.url })
      const kept = this.#kept()
      if (kept !== undefined && isAlive(await this.#cluster.rest.state(kept.jobId))) this.#jobId = kept.jobId
      else await this.#submit(this.#cluster)
      await this.#untilRunning(this.#cluster)
      this.#set({ state: 'running' })
      this.#watch.begin()
    } catch (error) {
      this.#set({ state: 'failed', lastError: messageOf(error) })
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#watch.end()
    const cluster = this.#cluster
    this.#cluster = undefined
    if (cluster === undefined) return
    try {
      const state = this.#jobId === '' ? 'MISSING' : await cluster.rest.state(this.#jobId)
      if (state === 'RUNNING') await this.#savepoint(cluster)
      // On a cluster of our own it dies with the cluster, and its last checkpoint lies here.
      else if (isAlive(state) && this.#task.on.cluster !== undefined) throw new MillraceError('ENGINE_FAILED', `Flink job ${this.#jobId} is ${state}: no savepoint can be made of it now, and it is left as it is. Stop it when it runs, or cancel it at ${cluster.rest.url}.`)
    } finally {
      await cluster.stop()
      this.#set({ state: 'stopped', url: null })
    }
  }

  async rescale(parallelism: number): Promise<void> {
    const { on } = this.#task
    if (parallelism === on.parallelism) return
    const isUp = this.#cluster !== undefined
    let unsaved: unknown
    if (isUp) await this.stop().catch((error: unknown) => { unsaved = error })
    if (unsaved === undefined) this.#task = { ...this.#task, on: { ...on, parallelism } }
    if (isUp) await this.start()
    if (unsaved !== undefined) throw unsaved
  }

  status(): JobStatus {
    return { ...this.#status, instances: this.#task.on.parallelism }
  }

  #set(change: Partial<JobStatus>): void {
    this.#status = { ...this.#status, ...change }
  }

  // ---------------------------------------------------------------- submitting

  /** Before a cluster is started for nothing. */
  #checkFiles(): void {
    const { job } = this.#task.on
    const path = resolve(job.path)
    if (job.kind === 'jar') return mustBeJar(this.#context.disk, path)
    if (!this.#context.disk.exists(path)) throw new MillraceError('CONFIG_INVALID', `The SQL script ${path} does not exist. Paths are taken from the directory that millrace was started in.`)
    if (statementsOf(this.#filled(readText(this.#context.disk, path))).length === 0) throw new MillraceError('CONFIG_INVALID', `The SQL script ${path} has no statement.`)
  }

  async #submit(cluster: FlinkCluster): Promise<void> {
    const from = this.#resumePoint()
    const jobId = this.#context.randomHex(32)
    writeText(this.#context.disk, this.#keptPath(), JSON.stringify({ jobId, from: from ?? null, savepoint: null } satisfies Kept))
    this.#jobId = jobId
    this.#context.logger.info('submitting', { job: jobId, from: from ?? 'the beginning' })
    const { job, parallelism, checkpointIntervalMs, config } = this.#task.on
    const settings = {
      'pipeline.name': this.#task.group, 'parallelism.default': String(parallelism), 'execution.checkpointing.interval': `${checkpointIntervalMs} ms`,
      ...config, ...from === undefined ? {} : { 'execution.state-recovery.path': from },
    }
    if (job.kind === 'jar') {
      const jar = await cluster.rest.upload(job.path, readFile(this.#context.disk, resolve(job.path)))
      await cluster.rest.run(jar, { jobId, entryClass: job.entryClass, args: job.args.map(arg => this.#filled(arg)), parallelism, from, config: settings })
      return
    }
    const statements = statementsOf(this.#filled(readText(this.#context.disk, resolve(job.path))))
    await cluster.withGateway(gateway => gateway.run(job.path, statements, { ...settings, '$internal.pipeline.job-id': jobId }))
  }

  #filled(text: string): string {
    const values: Readonly<Record<string, string>> = {
      bootstrap: this.#context.bootstrap, group: this.#task.group, transactionalIdPrefix: this.#task.link.transactionalIdPrefix ?? this.#task.group,
      guarantee: this.#task.link.guarantee === 'exactlyOnce' ? 'exactly-once' : 'at-least-once', isolation: this.#task.link.isolation,
    }
    return text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
  }

  /** F1. */
  #resumePoint(): string | undefined {
    const kept = this.#kept()
    if (kept === undefined) return undefined
    if (kept.savepoint !== null) return kept.savepoint
    const folder = join(this.#context.directory, 'checkpoints', kept.jobId)
    const { disk } = this.#context
    const numbers = disk.exists(folder)
      ? disk.list(folder).flatMap(name => /^chk-(\d+)$/.exec(name)?.[1] ?? []).map(Number).filter(number => disk.exists(join(folder, `chk-${number}`, '_metadata')))
      : []
    return numbers.length === 0 ? kept.from ?? undefined : `file://${join(folder, `chk-${Math.max(...numbers)}`)}`
  }

  #keptPath(): string {
    return join(this.#context.directory, 'job.json')
  }

  #kept(): Kept | undefined {
    if (!this.#context.disk.exists(this.#keptPath())) return undefined
    return JSON.parse(readText(this.#context.disk, this.#keptPath())) as Kept // Written by this class only.
  }

  async #savepoint(cluster: FlinkCluster): Promise<void> {
    const savepoint = await cluster.rest.stop(this.#jobId, `file://${join(this.#context.directory, 'savepoints')}`)
    writeText(this.#context.disk, this.#keptPath(), JSON.stringify({ jobId: this.#jobId, from: null, savepoint } satisfies Kept))
  }

  async #untilRunning(cluster: FlinkCluster): Promise<void> {
    for (let waitedMs = 0; waitedMs < RUNNING_MS_MAX; waitedMs += WATCH_MS) {
      const state = await cluster.rest.state(this.#jobId)
      if (state === 'RUNNING') return
      if (OVER.has(state)) throw await this.#ended(cluster, state)
      await this.#sleep(WATCH_MS / 4)
    }
    throw new MillraceError('TIMEOUT', `Flink job ${this.#jobId} of task ${this.#task.name} did not run within ${RUNNING_MS_MAX / 1000} s. ${cluster.rest.url}/#/job/${this.#jobId} shows what it waits for.`, { retriable: true })
  }

  async #ended(cluster: FlinkCluster, state: string): Promise<MillraceError> {
    const reason = await cluster.rest.rootException(this.#jobId)
    return new MillraceError('ENGINE_FAILED', `Flink job ${this.#jobId} of task ${this.#task.name} is ${state}${reason === undefined ? ': a job that ends reads no stream' : `: ${reason}`}`)
  }

  // ---------------------------------------------------------------- watching

  async #look(cluster: FlinkCluster): Promise<void> {
    const state = await cluster.rest.state(this.#jobId)
    if (state === 'MISSING') {
      this.#set({ state: 'restarting' })
      this.#resubmissions++
      await this.#submit(cluster)
      return
    }
    if (OVER.has(state)) {
      const error = await this.#ended(cluster, state)
      this.#context.logger.error(error.message)
      this.#set({ state: 'failed', lastError: error.message })
      return
    }
    this.#set({ state: state === 'RUNNING' ? 'running' : 'restarting', lastError: await cluster.rest.rootException(this.#jobId) ?? null })
    if (state !== 'RUNNING') return
    const { completed, failed } = await cluster.rest.checkpoints(this.#jobId)
    this.#set({
      restarts: (await cluster.rest.restarts(this.#jobId) ?? 0) + this.#resubmissions,
      checkpoint: completed === undefined ? null : { ...completed, failed },
      backPressure: await cluster.rest.backPressure(this.#jobId) ?? null,
    })
  }
}

/** The cluster runs it, or is about to. */
function isAlive(state: FlinkState): boolean {
  return !ENDED.has(state)
}
