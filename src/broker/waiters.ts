/**
 * Fetches that wait for data: long polls.
 *
 * V1. A waiter is told after some partition of its own advanced (high watermark, or last stable offset), at its deadline, or
 *     when it is cancelled; once.
 * V2. Never from inside the append that caused it: many appends in one turn wake a fetch once.
 * V3. Once closed, nobody waits: every wait is over at once, and `closed` says so.
 */
import type { Clock, Timer } from '../env/env.ts'

interface Waiter {
  readonly keys: readonly object[]
  readonly tell: () => void
  timer: Timer | undefined
  told: boolean
}

export class Waiters {
  readonly #clock: Clock
  readonly #byKey = new Map<object, Set<Waiter>>()
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get closed(): boolean {
    return this.#closed
  }

  get count(): number {
    return this.#all().size
  }

  close(): void {
    this.#closed = true
    for (const waiter of this.#all()) this.#finish(waiter)
  }

  /** Resolves when one of `keys` (partition logs) advances, or `delayMs` have passed; `cancel` ends it at once. */
  wait(keys: readonly object[], delayMs: number): { readonly done: Promise<void>; cancel(): void } {
    if (this.#closed) return { done: Promise.resolve(), cancel: () => { /* Nobody waits. */ } }
    let tell: () => void = () => {}
    const done = new Promise<void>(resolve => { tell = resolve })
    const waiter: Waiter = { keys, tell, timer: undefined, told: false }
    for (const key of keys) {
      const waiters = this.#byKey.get(key)
      if (waiters === undefined) this.#byKey.set(key, new Set([waiter]))
      else waiters.add(waiter)
    }
    waiter.timer = this.#clock.setTimer(() => this.#finish(waiter), delayMs, { background: true })
    return { done, cancel: () => this.#finish(waiter) }
  }

  /** The partition advanced. */
  notify(key: object): void {
    const waiters = this.#byKey.get(key)
    if (waiters === undefined) return
    for (const waiter of waiters) {
      if (waiter.told) continue
      waiter.told = true
      this.#clock.defer(() => this.#finish(waiter))
    }
  }

  #all(): Set<Waiter> {
    const all = new Set<Waiter>()
    for (const waiters of this.#byKey.values()) for (const waiter of waiters) all.add(waiter)
    return all
  }

  #finish(waiter: Waiter): void {
    waiter.told = true
    waiter.timer?.cancel()
    for (const key of waiter.keys) {
      const waiters = this.#byKey.get(key)
      if (waiters === undefined) continue
      waiters.delete(waiter)
      if (waiters.size === 0) this.#byKey.delete(key)
    }
    waiter.tell()
  }
}
