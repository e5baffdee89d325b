/**
 * The job of a `flink()` task: a cluster (its own, or one that runs already), the job on it, and what becomes of the job when either dies.
 *
 * F1. A job's id is chosen here and kept in `job.json` before it is submitted; its checkpoints lie under that id. So the last one is found, whoever died when (kept.ts).
 * F2. A task manager that dies is Flink's to bear: the job restarts from its last checkpoint. A job manager forgets its jobs when it dies: the job is
 *     submitted anew, from its last checkpoint.
 * F3. `stop` makes a savepoint and keeps its place; the next start goes on from there. A savepoint is there before its job has ended: `stop` waits for that, and a start
 *     never takes a job for its own that has left one. Two of a kind would write at once.
 * F4. A job that Flink gives up (FAILED) stays down with Flink's reason: starting it again would fail again.
 * F6. On a cluster of somebody else the job is asked for by REST, its checkpoints and savepoints are where that cluster keeps them. Where it has forgotten the job and nobody
 *     here can see which checkpoint was the last, the job is not submitted anew by itself: an older one would double results. A start that a person asks for does.
 * F5. Another parallelism is another start: stopped with a savepoint, gone on from there. Where no savepoint can be made, it goes on as it was.
 */
import { join, resolve } from 'node:path'
import { messageOf, MillraceError } from '../../base/errors.ts'
import { readFile } from '../../env/whole-file.ts'
import type { FlinkSpec } from '../../topology/foreign.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import { type Job, type JobContext, type JobStatus, UNKNOWN_STATUS } from '../engine.ts'
import { readText } from '../files.ts'
import { mustBeJar } from '../jvm.ts'
import { type FlinkCluster, remoteCluster, startCluster } from './cluster.ts'
import { KeptJob, type ResumePoint } from './kept.ts'
import type { FlinkState } from './rest.ts'
import { statementsOf } from '../sql-script.ts'
import { Watch } from '../watch.ts'

type Task = ForeignTaskPlan & { readonly on: FlinkSpec }

const WATCH_MS = 1_000
const RUNNING_MS_MAX = 120_000
/** From its savepoint to its end: the sink commits what the savepoint holds. */
const ENDED_MS_MAX = 60_000
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
  readonly #kept: KeptJob

  constructor(task: Task, context: JobContext) {
    this.#task = task
    this.#context = context
    this.#kept = new KeptJob(context.disk, context.directory)
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
      const kept = this.#kept.read()
      if (kept !== undefined && kept.savepoint === null && isAlive(await this.#cluster.rest.state(kept.jobId))) this.#jobId = kept.jobId
      else {
        if (kept !== undefined && kept.savepoint !== null) await this.#untilEnded(this.#cluster, kept.jobId)
        await this.#submit(this.#cluster, 'asked')
      }
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

  /** `asked`: a person has; then what was heard of last is good enough (F6). */
  async #submit(cluster: FlinkCluster, by: 'asked' | 'itself'): Promise<void> {
    const { path: from, isSure } = await this.#resumePoint(cluster)
    if (!isSure) {
      const heard = from === undefined ? 'no checkpoint of it was ever heard of, so the next start begins anew' : `the next start goes on from ${from}, the last one that was heard of`
      if (by === 'itself') throw new MillraceError('ENGINE_FAILED', `The cluster at ${cluster.rest.url} has forgotten Flink job ${this.#jobId}, and its checkpoints cannot be read from here: ${heard}. If there is a later one, what came after is written twice. Start it with: millrace job start ${this.#task.name}`)
      this.#context.logger.warn(`its cluster has forgotten the job: it goes on from what was heard of last`, { from: from ?? 'the beginning' })
    }
    const jobId = this.#context.randomHex(32)
    await this.#kept.write({ jobId, from: from ?? null, savepoint: null })
    this.#jobId = jobId
    this.#context.logger.info('submitting', { job: jobId, from: from ?? 'the beginning' })
    const { job, parallelism, checkpointIntervalMs, config } = this.#task.on
    const settings = {
      'pipeline.name': this.#task.group, 'parallelism.default': String(parallelism), 'execution.checkpointing.interval': `${checkpointIntervalMs} ms`,
      'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION', ...config, ...from === undefined ? {} : { 'execution.state-recovery.path': from },
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

  async #resumePoint(cluster: FlinkCluster): Promise<ResumePoint> {
    const kept = this.#kept.read()
    if (this.#task.on.cluster === undefined || kept === undefined) return this.#kept.localResumePoint()
    return this.#kept.remoteResumePoint(await cluster.rest.state(kept.jobId) === 'MISSING' ? undefined : (await cluster.rest.checkpoints(kept.jobId)).completed?.path ?? null)
  }

  async #savepoint(cluster: FlinkCluster): Promise<void> {
    const savepoint = await cluster.rest.stop(this.#jobId, this.#task.on.cluster === undefined ? `file://${join(this.#context.directory, 'savepoints')}` : undefined)
    await this.#kept.write({ jobId: this.#jobId, from: null, savepoint })
    await this.#untilEnded(cluster, this.#jobId)
  }

  /** F3. */
  async #untilEnded(cluster: FlinkCluster, jobId: string): Promise<void> {
    for (let waitedMs = 0; waitedMs < ENDED_MS_MAX; waitedMs += WATCH_MS / 4) {
      if (!isAlive(await cluster.rest.state(jobId))) return
      await this.#sleep(WATCH_MS / 4)
    }
    throw new MillraceError('TIMEOUT', `Flink job ${jobId} of task ${this.#task.name} has its savepoint, and has not ended within ${ENDED_MS_MAX / 1000} s. ${cluster.rest.url}/#/job/${jobId} shows what it waits for.`, { retriable: true })
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
      try {
        await this.#submit(cluster, 'itself')
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== 'ENGINE_FAILED' || error.retriable || this.#task.on.cluster === undefined) throw error
        return this.#fail(error)
      }
      this.#resubmissions++
      return
    }
    if (OVER.has(state)) {
      return this.#fail(await this.#ended(cluster, state))
    }
    this.#set({ state: state === 'RUNNING' ? 'running' : 'restarting', lastError: await cluster.rest.rootException(this.#jobId) ?? null })
    if (state !== 'RUNNING') return
    const { completed, failed } = await cluster.rest.checkpoints(this.#jobId)
    if (this.#task.on.cluster !== undefined) await this.#keepCheckpoint(completed?.path)
    this.#set({
      restarts: (await cluster.rest.restarts(this.#jobId) ?? 0) + this.#resubmissions,
      checkpoint: completed === undefined ? null : { at: completed.at, ms: completed.ms, bytes: completed.bytes, failed },
      backPressure: await cluster.rest.backPressure(this.#jobId) ?? null,
    })
  }

  /** F6: what is asked for once the cluster has forgotten the job. */
  async #keepCheckpoint(checkpoint: string | undefined): Promise<void> {
    const kept = this.#kept.read()
    if (kept === undefined || checkpoint === undefined || kept.jobId !== this.#jobId || kept.checkpoint === checkpoint) return
    await this.#kept.write({ ...kept, checkpoint })
  }

  #fail(error: MillraceError): void {
    this.#context.logger.error(error.message)
    this.#set({ state: 'failed', lastError: error.message })
  }
}

/** The cluster runs it, or is about to. */
function isAlive(state: FlinkState): boolean {
  return !ENDED.has(state)
}
