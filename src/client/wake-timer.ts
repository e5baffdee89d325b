/**
 * The next moment at which a loop has to look again: one timer, which a later moment never puts off.
 *
 * The loop says after each round when it must run at the latest (`Infinity`: only when something happens).
 */
import type { Clock, Timer } from '../env/env.ts'

export class WakeTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  readonly #delayMsMin: number
  #timer: Timer | undefined
  #at = Infinity

  /** `delayMsMin`: what is due already is called after this long, so that a loop that cannot go on yet does not spin. */
  constructor(clock: Clock, delayMsMin: number, onDue: () => void) {
    this.#clock = clock
    this.#delayMsMin = delayMsMin
    this.#onDue = onDue
  }

  /** `at` is a reading of the monotonic clock. */
  arm(at: number): void {
    if (at >= this.#at && this.#timer !== undefined) return
    this.cancel()
    this.#at = at
    if (at === Infinity) return
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined
      this.#at = Infinity
      this.#onDue()
    }, Math.max(this.#delayMsMin, at - this.#clock.monotonic()))
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
