/**
 * A job that is so many processes of one kind: numbered, started and released together or one by one.
 *
 * I1. An instance keeps its number and its name for as long as the app runs, and with them what it keeps on disk. The first one is named like the
 *     task where the task was declared with one instance, else each has its number behind the name, from 1 on.
 * I2. Rescaling starts or releases the difference alone, the highest numbers first to go; an instance that stays does not notice, but for its group's rebalance.
 * I3. Where one that was added does not start, those added are released again, and the others run on.
 */
import type { ForeignTaskPlan } from '../topology/plan.ts'
import { type Job, type JobContext, type JobState, type JobStatus, UNKNOWN_STATUS } from './engine.ts'

export interface InstanceKind {
  /** Finds and checks what every instance needs, before each start of the job. */
  prepare?(): Promise<void>
  /** Resolves when the instance runs. */
  startInstance(name: string, instance: number): Promise<void>
  /** What it has heard of itself from its instances. */
  status?(): Partial<JobStatus>
}

export class Instances implements Job {
  readonly #task: string
  readonly #declared: number
  readonly #kind: InstanceKind
  readonly #release: JobContext['release']
  #count: number
  #isUp = false
  #state: JobState = 'stopped'

  /** `declared`: as many as it begins with. */
  constructor(task: ForeignTaskPlan, declared: number, context: JobContext, kind: InstanceKind) {
    this.#task = task.name
    this.#declared = declared
    this.#count = declared
    this.#kind = kind
    this.#release = context.release
  }

  /** Started, and not stopped since. */
  get isUp(): boolean {
    return this.#isUp
  }

  async start(): Promise<void> {
    this.#state = 'starting'
    try {
      await this.#kind.prepare?.()
      this.#isUp = true
      await this.#startFrom(0, this.#count)
      this.#state = 'running'
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#isUp = false
    await this.#releaseFrom(0, this.#count)
    this.#state = 'stopped'
  }

  status(): JobStatus {
    return { ...UNKNOWN_STATUS, ...this.#kind.status?.(), state: this.#state, instances: this.#count }
  }

  async rescale(count: number): Promise<void> {
    const before = this.#count
    if (!this.#isUp || count === before) {
      this.#count = count
    } else if (count < before) {
      this.#count = count
      await this.#releaseFrom(count, before)
    } else {
      try {
        await this.#startFrom(before, count)
      } catch (error) {
        await this.#releaseFrom(before, count)
        throw error
      }
      this.#count = count
    }
  }

  /** Instances `[from, to)`. */
  async #startFrom(from: number, to: number): Promise<void> {
    await Promise.all(this.#numbers(from, to).map(instance => this.#kind.startInstance(this.#nameOf(instance), instance)))
  }

  async #releaseFrom(from: number, to: number): Promise<void> {
    await Promise.all(this.#numbers(from, to).map(instance => this.#release(this.#nameOf(instance))))
  }

  #numbers(from: number, to: number): number[] {
    return Array.from({ length: to - from }, (_, index) => from + index)
  }

  #nameOf(instance: number): string {
    return this.#declared === 1 && instance === 0 ? this.#task : `${this.#task}-${instance + 1}`
  }
}
