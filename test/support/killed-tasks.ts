/** Runs an app in a process that is killed again and again, at random moments, and started again at once. */
import { join } from 'node:path'
import { ROOT } from './need.ts'
import { startProcess, type Started } from './processes.ts'

export interface KilledTasksOptions {
  readonly folder: string
  readonly killsMax: number
  /** Time that a process lives, drawn between these. */
  readonly aliveMs: readonly [min: number, max: number]
  readonly random: () => number
}

export class KilledTasks {
  kills = 0
  readonly #options: KilledTasksOptions
  #process: Started | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #output = ''

  constructor(options: KilledTasksOptions) {
    this.#options = options
  }

  async start(app: URL, bootstrap: string): Promise<this> {
    const started = startProcess(process.execPath, [join(ROOT, 'dist', 'test', 'real', 'shop', 'tasks-process.js'), app.href, bootstrap, this.#options.folder])
    this.#process = started
    await started.waitFor(/running/, 60_000)
    if (this.kills < this.#options.killsMax) {
      const [min, max] = this.#options.aliveMs
      this.#timer = setTimeout(() => void this.#killAndStart(app, bootstrap), min + this.#options.random() * (max - min))
    }
    return this
  }

  /** What the processes wrote to stderr: for the message of a test that fails. */
  get output(): string {
    return this.#output + (this.#process?.stderr() ?? '')
  }

  async #killAndStart(app: URL, bootstrap: string): Promise<void> {
    const ran = await this.#process?.kill('SIGKILL')
    this.kills += 1
    this.#output += ran?.stderr ?? ''
    if (!this.#isClosed) await this.start(app, bootstrap)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#process?.kill('SIGTERM')
  }
}
