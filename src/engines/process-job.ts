/**
 * The job of a `process()` task: its instances under the supervisor. What it reads and writes is seen through its consumer group.
 */
import type { ProcessSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import { type Job, type JobContext, type JobState, type JobStatus, UNKNOWN_STATUS } from './engine.ts'
import { processEnvironment } from './process.ts'

/** A program that ends within this time is taken for one that cannot start. */
const READY_MS_MAX = 30_000

export function processJob(task: ForeignTaskPlan & { readonly on: ProcessSpec }, context: JobContext): Job {
  return new ProcessJob(task, context)
}

class ProcessJob implements Job {
  readonly #task: ForeignTaskPlan & { readonly on: ProcessSpec }
  readonly #context: JobContext
  #state: JobState = 'stopped'

  constructor(task: ForeignTaskPlan & { readonly on: ProcessSpec }, context: JobContext) {
    this.#task = task
    this.#context = context
  }

  async start(): Promise<void> {
    const { command, args, env, directory } = this.#task.on
    this.#state = 'starting'
    try {
      await Promise.all(this.#names().map((name, instance) => this.#context.supervise({
        name, command, args, cwd: directory, ready: { kind: 'started' }, readyMsMax: READY_MS_MAX,
        env: { ...env, ...processEnvironment(this.#context.app, this.#task, this.#context.bootstrap, instance) },
      })))
      this.#state = 'running'
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#names().map(name => this.#context.release(name)))
    this.#state = 'stopped'
  }

  status(): JobStatus {
    return { ...UNKNOWN_STATUS, state: this.#state }
  }

  #names(): string[] {
    const { name, on: { instances } } = this.#task
    return Array.from({ length: instances }, (_, index) => instances === 1 ? name : `${name}-${index + 1}`)
  }
}
