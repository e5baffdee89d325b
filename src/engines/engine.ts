/**
 * What an engine is to Millrace: something that turns a foreign task into a job that can be started, watched and stopped.
 *
 * Owns the interface between the supervisor (which keeps processes running and puts a kill button on each) and the engines (which know what a
 * job of theirs needs). An engine never spawns: it asks `JobContext.supervise`.
 *
 * J1. `start` resolves once the job runs: reads and writes. It rejects with what is wrong, where, and what to do next; `retriable` says whether
 *     trying again can help. A job that does not start takes nothing down with it.
 * J2. A process that dies is started again by the supervisor; what its engine must do then (submit the job anew, from its last checkpoint) is
 *     the engine's, and happens without anybody asking.
 * J3. `stop` is clean: everything read so far is written and committed, and where the engine has savepoints, one is kept in `directory`, from which
 *     the next `start` goes on.
 * J4. `status` costs nothing: it says what was last heard, and a number that is not known is `null`.
 * J5. `rescale` is there where the engine can run more or fewer of the same. Instances that stay are not touched, unless the engine knows no other way than to
 *     stop with a savepoint and go on. Where the job does not run, the number counts from its next start on. It rejects with what is wrong: the job
 *     then runs as before, or its state is `failed`.
 */
import type { Logger } from '../base/logger.ts'
import type { Admin } from '../client/admin.ts'
import type { TopicPartition } from '../client/types.ts'
import type { Clock, Disk } from '../env/env.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Installation } from './install/store.ts'
import type { StormFigures } from './storm/metrics.ts'

/** `stopping` and `rescaling` are said by who asked the job for it, while it is under way. */
export type JobState = 'starting' | 'running' | 'restarting' | 'failed' | 'stopped' | 'external' | 'stopping' | 'rescaling'

export interface JobStatus {
  readonly state: JobState
  /** What `rescale` changes: processes that are alike, the parallelism of Flink, Storm and Samza, or the cores of a Spark driver. `null` where nothing can be rescaled. */
  readonly instances: number | null
  /** Of the job, as its engine counts; restarts of processes are the supervisor's to count. */
  readonly restarts: number | null
  readonly inPerSecond: number | null
  readonly outPerSecond: number | null
  /** Of engines that commit no offsets to Kafka; `null` where the consumer group tells. */
  readonly lagRecords: number | null
  /** Of the same engines: the next offset to read of each partition, all before it being done with. */
  readonly positions: readonly (TopicPartition & { readonly offset: number })[] | null
  /** The last checkpoint or batch that ended; `failed` counts the ones that did not. */
  readonly checkpoint: { readonly at: number; readonly ms: number; readonly bytes: number | null; readonly failed: number } | null
  /** Share of its time that the slowest operator waits for the ones behind it, 0 to 1. */
  readonly backPressure: number | null
  /** Of Storm alone. */
  readonly storm: StormFigures | null
  readonly lastError: string | null
  /** The engine's own page. */
  readonly url: string | null
}

export const UNKNOWN_STATUS: JobStatus = {
  state: 'starting', instances: null, restarts: null, inPerSecond: null, outPerSecond: null, lagRecords: null, positions: null, checkpoint: null, backPressure: null, storm: null, lastError: null, url: null,
}

/** When a supervised process counts as running. */
export type Readiness =
  | { readonly kind: 'started' }
  /** It says so in a line of its standard output or error. */
  | { readonly kind: 'line'; readonly pattern: RegExp }
  /** Asked every 250 ms. */
  | { readonly kind: 'probe'; readonly check: () => Promise<boolean> }

export interface EngineProcess {
  /** Of the box on the page; unique in the app: begins with the task's name or the engine's. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  readonly ready: Readiness
  readonly readyMsMax: number
  /** Lines of its standard output and error, for engines that tell their progress so. */
  readonly onLine?: ((line: string) => void) | undefined
}

export interface JobContext {
  readonly app: string
  readonly bootstrap: string
  /** The job's own, made when first used: logs, checkpoints, positions. It outlives the process. */
  readonly directory: string
  readonly logger: Logger
  readonly disk: Disk
  readonly clock: Clock
  /** For ids that engines want to be told. */
  readonly randomHex: (digits: number) => string
  /** Of the cluster that the app runs on. */
  readonly admin: Admin
  /** An installed distribution, as `flink@2.0` names it. Throws `ENGINE_MISSING` with the command that installs it. */
  readonly installation: (wanted: string) => Installation
  /** The `java` to run, of at least this major version. Rejects with `ENGINE_MISSING` and what to install. */
  readonly java: (major: number) => Promise<string>
  /** Starts a process and keeps it running. Resolves when it is ready; rejects when it ends, or is not ready, before `readyMsMax`. */
  readonly supervise: (process: EngineProcess) => Promise<void>
  /** SIGTERM, and SIGKILL where that does not help; the supervisor forgets it. */
  readonly release: (name: string) => Promise<void>
  /** A port of the loopback interface that nobody listens on. */
  readonly freePort: () => Promise<number>
  /** Resolves when something takes a TCP connection there; rejects with why not. */
  readonly reach: (host: string, port: number) => Promise<void>
}

export interface Job {
  start(): Promise<void>
  stop(): Promise<void>
  rescale?: ((instances: number) => Promise<void>) | undefined
  status(): JobStatus
}

export type JobOf<Spec> = (task: ForeignTaskPlan & { readonly on: Spec }, context: JobContext) => Job
