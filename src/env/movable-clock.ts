/**
 * A clock that can be moved ahead: what waits for a time is due as soon as the clock is there, and nobody sits through it.
 *
 * V1. It goes on by itself, as fast as the clock below it, unless it `stands`: then it moves by `advance` alone.
 * V2. `advance` runs what falls due one by one, in the order of its times, each at its own time, with a turn of I/O after each.
 * V3. It never goes back.
 */
import type { Clock, Timer } from './env.ts'

interface Waiting {
  readonly at: number
  readonly callback: () => void
  readonly background: boolean
  /** Of the clock below, where time goes on by itself. */
  timer: Timer | undefined
}

export class MovableClock implements Clock {
  readonly #below: Clock
  /** Epoch milliseconds less `monotonic`, where it stands: the two of the clock below do not tick together. */
  readonly #epochMs: number
  readonly #waiting = new Set<Waiting>()
  /** By how much it is ahead of the clock below; where it stands, the time itself. */
  #aheadMs = 0
  #standsAt: number | undefined

  constructor(below: Clock, options: { readonly stands?: boolean | undefined } = {}) {
    this.#below = below
    this.#epochMs = below.now() - below.monotonic()
    if (options.stands === true) this.#standsAt = below.monotonic()
  }

  /** Epoch milliseconds. */
  now(): number {
    return this.#standsAt === undefined ? this.#below.now() + Math.floor(this.#aheadMs) : Math.floor(this.#epochMs + this.#standsAt)
  }

  monotonic(): number {
    return this.#standsAt ?? this.#below.monotonic() + this.#aheadMs
  }

  setTimer(callback: () => void, delayMs: number, options: { readonly background?: boolean } = {}): Timer {
    const waiting: Waiting = { at: this.monotonic() + Math.max(0, delayMs), callback, background: options.background === true, timer: undefined }
    this.#waiting.add(waiting)
    this.#watch(waiting)
    return { cancel: () => this.#forget(waiting) }
  }

  defer(callback: () => void): void {
    this.#below.defer(callback)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise(resolve => void this.setTimer(resolve, delayMs))
  }

  /** Moves it by `durationMs`, running what falls due (V2); resolves when it is there. */
  async advance(durationMs: number): Promise<void> {
    const until = this.monotonic() + durationMs
    await this.#turn()
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#moveTo(next.at)
      this.#forget(next)
      next.callback()
      await this.#turn()
    }
    this.#moveTo(until)
  }

  /** From now on it goes on by itself. */
  start(): void {
    if (this.#standsAt === undefined) return
    this.#aheadMs = this.#standsAt - this.#below.monotonic()
    this.#standsAt = undefined
    for (const waiting of this.#waiting) this.#watch(waiting)
  }

  #next(until: number): Waiting | undefined {
    let earliest: Waiting | undefined
    for (const waiting of this.#waiting) if (waiting.at <= until && (earliest === undefined || waiting.at < earliest.at)) earliest = waiting
    return earliest
  }

  #moveTo(at: number): void {
    const byMs = at - this.monotonic()
    if (byMs <= 0) return
    if (this.#standsAt !== undefined) {
      this.#standsAt = at
      return
    }
    this.#aheadMs += byMs
    for (const waiting of this.#waiting) this.#watch(waiting)
  }

  #watch(waiting: Waiting): void {
    waiting.timer?.cancel()
    if (this.#standsAt !== undefined) return
    waiting.timer = this.#below.setTimer(() => {
      this.#waiting.delete(waiting)
      waiting.callback()
    }, Math.max(0, waiting.at - this.monotonic()), { background: waiting.background })
  }

  #forget(waiting: Waiting): void {
    waiting.timer?.cancel()
    this.#waiting.delete(waiting)
  }

  /** Sockets have had their turn, and what follows from that. */
  async #turn(): Promise<void> {
    for (let turns = 0; turns < TURNS; turns++) await new Promise<void>(resolve => this.#below.defer(resolve))
  }
}

/** Of I/O, after each timer: an answer leaves, arrives, and what it causes comes back. */
const TURNS = 3
