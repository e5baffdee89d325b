/**
 * Looks at a running job again and again: the next look is `everyMs` after the end of the one before.
 *
 * What goes wrong while looking is what is looked for (a manager, a worker that is down): it is told, and the looks go on.
 */
import type { Clock, Timer } from '../env/env.ts'

export interface WatchOptions {
  readonly clock: Clock
  readonly everyMs: number
  /** False: there is nothing more to look at until `begin` is called again. */
  readonly look: () => Promise<boolean>
  readonly failed: (error: unknown) => void
}

export class Watch {
  readonly #options: WatchOptions
  #timer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  begin(): void {
    this.#timer = this.#options.clock.setTimer(() => { this.#looking = this.#round() }, this.#options.everyMs)
  }

  /** Resolves when no look is under way, and none will follow. */
  async end(): Promise<void> {
    this.#timer?.cancel()
    await this.#looking
    // A look that was under way has set the next one.
    this.#timer?.cancel()
    this.#timer = undefined
  }

  async #round(): Promise<void> {
    const { look, failed } = this.#options
    try {
      if (!await look()) return
    } catch (error) {
      failed(error)
    }
    this.begin()
  }
}
