/**
 * The job of a `connect()` task: its workers under the supervisor, its connectors through their REST interface.
 *
 * C1. It runs when every connector and every task of one is RUNNING. A worker that dies comes back with what its topics hold: connectors are not put again.
 * C2. The workers are this task's alone: a connector that the app no longer declares is deleted at the next start.
 * C3. A connector that fails stays so, with its cause: Connect does not start it again, nor does this. `millrace job restart` does.
 * C4. A clean stop is SIGTERM: the worker stops its tasks and commits where they are.
 * C5. A worker writes into its log why it does not start. A port that was free when it was chosen may be taken by then: the next try takes another.
 */
import { delimiter, join } from 'node:path'
import { assert } from '../../base/assert.ts'
import { messageOf, MillraceError } from '../../base/errors.ts'
import { type Job, type JobContext, type JobStatus, UNKNOWN_STATUS } from '../engine.ts'
import { writeText } from '../files.ts'
import { requestJson } from '../http-json.ts'
import { Instances } from '../instances.ts'
import { ErrorLog } from '../java-trace.ts'
import { processEnvironment } from '../process.ts'
import { propertiesText } from '../properties.ts'
import { Watch } from '../watch.ts'
import { type ConnectorStatus, ConnectRest } from './rest.ts'
import { connectorConfig, type ConnectTask, undeclared, workerConfig } from './worker.ts'

const JAVA_MIN = 17
const HOST = '127.0.0.1'
const MAIN_CLASS = 'org.apache.kafka.connect.cli.ConnectDistributed'
const WORKER_READY_MS_MAX = 120_000
const CONNECTORS_READY_MS_MAX = 120_000
const WATCH_MS = 1_000
const POLL_MS = 250

export function connectJob(task: ConnectTask, context: JobContext): Job {
  return new ConnectJob(task, context)
}

class ConnectJob implements Job {
  readonly #task: ConnectTask
  readonly #context: JobContext
  readonly #workers: Instances
  readonly #rest: ConnectRest
  /** Addresses of workers, by the names of their processes. */
  readonly #urls = new Map<string, string>()
  /** `java` and its arguments: found and checked at each start. */
  #program: { readonly java: string; readonly jvm: readonly string[] } | undefined
  /** Ports are asked for one after another: two workers must not be given the same. */
  #ports: Promise<number> = Promise.resolve(0)
  #status: JobStatus = { ...UNKNOWN_STATUS, state: 'stopped' }
  readonly #watch: Watch

  constructor(task: ConnectTask, context: JobContext) {
    this.#task = task
    this.#context = context
    this.#rest = new ConnectRest(() => [...this.#urls.values()])
    this.#watch = new Watch({ clock: context.clock, everyMs: WATCH_MS, look: () => this.#look(), failed: error => this.#set({ state: 'restarting', lastError: messageOf(error) }) })
    this.#workers = new Instances(task, task.on.instances, { ...context, release: name => this.#releaseWorker(name) }, {
      prepare: () => this.#prepare(), startInstance: (name, instance) => this.#startWorker(name, instance),
    })
  }

  async start(): Promise<void> {
    this.#set({ state: 'starting', lastError: null })
    try {
      await this.#workers.start()
      await this.#putConnectors()
      await this.#untilRunning()
      this.#set({ state: 'running', url: [...this.#urls.values()][0] ?? null })
      this.#watch.begin()
    } catch (error) {
      this.#set({ state: 'failed', lastError: messageOf(error) })
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#watch.end()
    await this.#workers.stop()
    this.#set({ state: 'stopped', url: null })
  }

  rescale(workers: number): Promise<void> {
    return this.#workers.rescale(workers)
  }

  status(): JobStatus {
    return { ...this.#status, instances: this.#workers.status().instances }
  }

  #set(change: Partial<JobStatus>): void {
    this.#status = { ...this.#status, ...change }
  }

  // ---------------------------------------------------------------- workers

  async #prepare(): Promise<void> {
    const { name, on: { version, javaOptions } } = this.#task
    const missing = undeclared(this.#task)
    if (missing !== undefined) throw new MillraceError('CONFIG_INVALID', `Connector '${missing.connector}' of task '${name}' ${missing.as} topic '${missing.topic}', which the task does not declare. Add it to its { ${missing.as} }.`)
    const java = await this.#context.java(JAVA_MIN)
    const { classpath } = this.#context.installation(`connect@${version}`)
    this.#program = { java, jvm: [...javaOptions, '-Dlog4j2.level=WARN', '-cp', classpath.join(delimiter), MAIN_CLASS] }
  }

  async #startWorker(name: string, instance: number): Promise<void> {
    assert(this.#program !== undefined, 'a worker is started before its program was looked for')
    const { java, jvm } = this.#program
    this.#ports = this.#ports.then(() => this.#context.freePort())
    const port = await this.#ports
    const url = `http://${HOST}:${port}`
    const config = join(this.#context.directory, `${name}.properties`)
    writeText(this.#context.disk, config, propertiesText(workerConfig(this.#task, this.#context, HOST, port)))
    this.#urls.set(name, url)
    const errors = new ErrorLog()
    await this.#context.supervise({
      name, command: java, args: [...jvm, config], cwd: undefined, readyMsMax: WORKER_READY_MS_MAX,
      env: processEnvironment(this.#context.app, this.#task, this.#context.bootstrap, instance),
      // It answers so once it has joined its group and read its topics.
      ready: { kind: 'probe', check: async () => { await requestJson('GET', `${url}/health`); return true } }, onLine: line => errors.take(line),
    }).catch((error: unknown) => { throw workerFailure(url, error, errors.last) })
  }

  async #releaseWorker(name: string): Promise<void> {
    this.#urls.delete(name)
    await this.#context.release(name)
  }

  // ---------------------------------------------------------------- connectors

  /** C2. */
  async #putConnectors(): Promise<void> {
    const { connectors } = this.#task.on
    for (const [name, config] of Object.entries(connectors)) await this.#again(() => this.#rest.put(name, connectorConfig(this.#task, name, config)))
    for (const name of await this.#again(() => this.#rest.names())) if (!(name in connectors)) await this.#again(() => this.#rest.delete(name))
  }

  async #untilRunning(): Promise<void> {
    await this.#again(async () => {
      const statuses = await this.#statuses()
      const failed = statuses.find(([, { failure }]) => failure !== undefined)
      if (failed !== undefined) throw new MillraceError('ENGINE_FAILED', failureOf(failed))
      const waiting = statuses.find(([, status]) => !isRunning(status))
      if (waiting !== undefined) throw new MillraceError('TIMEOUT', `Connector '${waiting[0]}' of task '${this.#task.name}' did not run within ${CONNECTORS_READY_MS_MAX / 1000} s: it is ${waiting[1].state}, its tasks are ${waiting[1].tasks.join(', ') || 'not made'}.`, { retriable: true })
    })
  }

  async #statuses(): Promise<readonly (readonly [string, ConnectorStatus])[]> {
    const known = await this.#rest.status()
    return Object.keys(this.#task.on.connectors).map(name => [name, known.get(name) ?? { state: 'MISSING', tasks: [], failure: undefined }])
  }

  /** What time can mend is tried again. */
  async #again<T>(ask: () => Promise<T>): Promise<T> {
    const { clock } = this.#context
    const since = clock.monotonic()
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof MillraceError && error.retriable) || clock.monotonic() - since >= CONNECTORS_READY_MS_MAX) throw error
      }
      await clock.sleep(POLL_MS)
    }
  }

  // ---------------------------------------------------------------- watching

  /** A connector that has failed may be started again by somebody: the looks go on. */
  async #look(): Promise<true> {
    const statuses = await this.#statuses()
    const failed = statuses.find(([, { failure }]) => failure !== undefined)
    if (failed !== undefined) {
      const lastError = failureOf(failed)
      if (this.#status.lastError !== lastError) this.#context.logger.error(lastError)
      this.#set({ state: 'failed', lastError })
    } else if (statuses.every(([, status]) => isRunning(status))) this.#set({ state: 'running', lastError: null })
    else this.#set({ state: 'restarting' })
    return true
  }
}

function isRunning({ state, tasks }: ConnectorStatus): boolean {
  return state === 'RUNNING' && tasks.length > 0 && tasks.every(task => task === 'RUNNING')
}

/** C5. */
function workerFailure(url: string, error: unknown, cause: string | null): unknown {
  if (cause === null) return error
  const isPortTaken = cause.includes('BindException') || cause.includes('Failed to bind')
  const what = isPortTaken ? `somebody else listens on ${url} (${cause}); another port is tried` : cause
  return new MillraceError('ENGINE_FAILED', `A worker of Kafka Connect did not start: ${what}`, { retriable: isPortTaken, cause: error })
}

/** C3. */
function failureOf([name, { failure }]: readonly [string, ConnectorStatus]): string {
  return `Connector '${name}' has failed: ${failure ?? 'Connect gives no reason'}. When that is mended: millrace job restart`
}
