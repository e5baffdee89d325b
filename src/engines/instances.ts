/**
 * The processes of a job that are alike: numbered, started and released together or one by one.
 *
 * I1. An instance keeps its number and its name for as long as the app runs, and with them what it keeps on disk. The first one is named like the
 *     task where the task was declared with one instance, else each has its number behind the name, from 1 on.
 * I2. Rescaling starts or releases the difference alone, the highest numbers first to go; an instance that stays does not notice, but for its group's rebalance.
 * I3. Where one that was added does not start, those added are released again, and the others run on.
 */
export class Instances {
  readonly #task: string
  readonly #declared: number
  readonly #start: (name: string, instance: number) => Promise<void>
  readonly #release: (name: string) => Promise<void>
  #count: number
  #isUp = false

  constructor(task: string, declared: number, start: (name: string, instance: number) => Promise<void>, release: (name: string) => Promise<void>) {
    this.#task = task
    this.#declared = declared
    this.#count = declared
    this.#start = start
    this.#release = release
  }

  get count(): number {
    return this.#count
  }

  async start(): Promise<void> {
    this.#isUp = true
    await this.#startFrom(0, this.#count)
  }

  async stop(): Promise<void> {
    this.#isUp = false
    await this.#releaseFrom(0, this.#count)
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
    await Promise.all(this.#numbers(from, to).map(instance => this.#start(this.#nameOf(instance), instance)))
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
