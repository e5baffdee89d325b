/**
 * The job of a `process()` task: its instances under the supervisor. What it reads and writes is seen through its consumer group.
 */
import type { ProcessSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import { type Job, type JobContext, type JobState, type JobStatus, UNKNOWN_STATUS } from './engine.ts'
import { Instances } from './instances.ts'
import { processEnvironment } from './process.ts'

/** A program that ends within this time is taken for one that cannot start. */
const READY_MS_MAX = 30_000

export function processJob(task: ForeignTaskPlan & { readonly on: ProcessSpec }, context: JobContext): Job {
  return new ProcessJob(task, context)
}

class ProcessJob implements Job {
  readonly #task: ForeignTaskPlan & { readonly on: ProcessSpec }
  readonly #context: JobContext
  readonly #instances: Instances
  #state: JobState = 'stopped'

  constructor(task: ForeignTaskPlan & { readonly on: ProcessSpec }, context: JobContext) {
    this.#task = task
    this.#context = context
    this.#instances = new Instances(task.name, task.on.instances, (name, instance) => this.#startInstance(name, instance), context.release)
  }

  async start(): Promise<void> {
    this.#state = 'starting'
    try {
      await this.#instances.start()
      this.#state = 'running'
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#instances.stop()
    this.#state = 'stopped'
  }

  rescale(instances: number): Promise<void> {
    return this.#instances.rescale(instances)
  }

  status(): JobStatus {
    return { ...UNKNOWN_STATUS, state: this.#state, instances: this.#instances.count }
  }

  #startInstance(name: string, instance: number): Promise<void> {
    const { command, args, env, directory } = this.#task.on
    return this.#context.supervise({
      name, command, args, cwd: directory, ready: { kind: 'started' }, readyMsMax: READY_MS_MAX,
      env: { ...env, ...processEnvironment(this.#context.app, this.#task, this.#context.bootstrap, instance) },
    })
  }
}
