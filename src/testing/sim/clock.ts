/**
 * Virtual time: timers, deferred callbacks and I/O completions in one ordered queue that a test moves forward.
 *
 * K1. Nothing runs by itself: `VirtualTime.step()` runs the earliest event, then lets every promise settle.
 * K2. Events at the same time run in the order in which they were scheduled, so the same seed gives the same run.
 * K3. An event belongs to an owner (a simulated process); an owner that was killed runs no more events, one that is paused runs them when it goes on.
 * K4. Code takes no time, unless it says so: an owner that is busy until some time runs its next event then, and its clock is ahead until then.
 */
import type { Clock, Timer } from '../../env/env.ts'

/** What an event is for: `io` is a delivery or a completion that is under way, `timer` is waiting by choice. */
export type EventKind = 'io' | 'timer'

export interface Owner {
  alive: boolean
  /** Stopped by SIGSTOP, as it were: time passes, and it does not notice. */
  paused?: boolean
  /** Its one processor is at work up to here, in `elapsedMs`. */
  busyUntilMs?: number
}

interface Event {
  time: number
  readonly sequence: number
  readonly kind: EventKind
  readonly background: boolean
  readonly owner: Owner
  callback: (() => void) | undefined
}

/** Below it a sum of fractions would not move: whoever waits for the rest of a time would be woken at the same instant for ever. */
const DELAY_MS_MIN = 1e-6
const EPOCH_MS = Date.UTC(2026, 0, 1)

export class VirtualTime {
  /** Milliseconds since the simulation began, with fractions. */
  elapsedMs = 0
  /** Events run so far. */
  steps = 0
  readonly #heap: Event[] = []
  /** What was due while its owner was paused. */
  #held: Event[] = []
  #sequence = 0
  #ioPending = 0

  /** Schedules `callback` in `delayMs`. */
  schedule(owner: Owner, kind: EventKind, delayMs: number, callback: () => void, background = false): Timer {
    const event: Event = { time: this.#timeOf(owner) + (delayMs > 0 ? Math.max(delayMs, DELAY_MS_MIN) : 0), sequence: this.#sequence++, kind, background, owner, callback }
    if (kind === 'io') this.#ioPending += 1
    push(this.#heap, event)
    return { cancel: () => {
      if (event.callback !== undefined && kind === 'io') this.#ioPending -= 1
      event.callback = undefined
    } }
  }

  /** Deliveries and completions under way. */
  get ioPending(): number {
    return this.#ioPending
  }

  /** When the next event is due, `undefined` where none is left; background timers count only with `background`. */
  nextTime(options: { readonly background?: boolean } = {}): number | undefined {
    this.#dropDead()
    if (options.background !== false) return this.#heap[0]?.time
    let earliest: number | undefined
    for (const event of this.#heap) {
      if (event.callback === undefined || !event.owner.alive || event.background) continue
      if (earliest === undefined || event.time < earliest) earliest = event.time
    }
    return earliest
  }

  /** Runs the earliest event, moving time to it, and lets promises settle; `false` where none is left. */
  async step(): Promise<boolean> {
    await settlePromises()
    this.#dropDead()
    const event = pop(this.#heap)
    if (event === undefined) return false
    if (event.time > this.elapsedMs) this.elapsedMs = event.time
    if (event.owner.paused === true) {
      this.#held.push(event)
      return true
    }
    if ((event.owner.busyUntilMs ?? 0) > event.time) {
      event.time = event.owner.busyUntilMs ?? 0
      push(this.#heap, event)
      return true
    }
    const { callback } = event
    event.callback = undefined
    if (event.kind === 'io') this.#ioPending -= 1
    this.steps += 1
    callback?.()
    await settlePromises()
    return true
  }

  /** What was due for `owner` while it was paused is due now, in the order in which it came. */
  resume(owner: Owner): void {
    const due = this.#held.filter(event => event.owner === owner)
    this.#held = this.#held.filter(event => event.owner !== owner)
    for (const event of due) {
      event.time = this.elapsedMs
      push(this.#heap, event)
    }
  }

  /** `owner` works for `ms` (K4). Called from its own code. */
  spend(owner: Owner, ms: number): void {
    owner.busyUntilMs = this.#timeOf(owner) + ms
  }

  #timeOf(owner: Owner): number {
    return Math.max(this.elapsedMs, owner.busyUntilMs ?? 0)
  }

  /** Runs everything due within `durationMs`, then stands exactly that much later. */
  async advance(durationMs: number): Promise<void> {
    const until = this.elapsedMs + durationMs
    await settlePromises()
    for (let next = this.nextTime(); next !== undefined && next <= until; next = this.nextTime()) await this.step()
    this.elapsedMs = Math.max(this.elapsedMs, until)
  }

  /** Runs events until `done()`; rejects where that needs more than `timeMaxMs` of virtual time, or no event is left. */
  async runUntil(done: () => boolean, options: { readonly timeMaxMs?: number; readonly what?: string } = {}): Promise<void> {
    const until = this.elapsedMs + (options.timeMaxMs ?? 3_600_000)
    await settlePromises()
    while (!done()) {
      const next = this.nextTime()
      if (next === undefined) throw new Error(`simulation: ${options.what ?? 'the condition'} does not hold and no event is left`)
      if (next > until) throw new Error(`simulation: ${options.what ?? 'the condition'} does not hold after ${options.timeMaxMs ?? 3_600_000} virtual ms`)
      await this.step()
    }
  }

  /**
   * Runs until nothing is under way: no I/O pending, and none begun by any timer due within `quietMs` from the last I/O.
   * With heartbeats in the system give `isNoise`-free conditions to `runUntil` instead.
   */
  async runUntilQuiet(options: { readonly quietMs?: number; readonly timeMaxMs?: number } = {}): Promise<void> {
    const until = this.elapsedMs + (options.timeMaxMs ?? 60_000)
    let lastIo = this.elapsedMs
    await settlePromises()
    for (;;) {
      const next = this.nextTime()
      if (next === undefined) return
      if (this.#ioPending === 0 && next > lastIo + (options.quietMs ?? 0)) return
      if (next > until) throw new Error(`simulation: not quiet after ${options.timeMaxMs ?? 60_000} virtual ms`)
      const hadIo = this.#ioPending > 0
      await this.step()
      if (hadIo || this.#ioPending > 0) lastIo = this.elapsedMs
    }
  }

  /** The clock that a process of this simulation sees. */
  clockFor(owner: Owner): Clock {
    return {
      now: () => EPOCH_MS + Math.floor(this.#timeOf(owner)),
      monotonic: () => this.#timeOf(owner),
      setTimer: (callback, delayMs, options) => this.schedule(owner, 'timer', delayMs, callback, options?.background === true),
      defer: callback => void this.schedule(owner, 'io', 0, callback),
      sleep: delayMs => new Promise(resolve => void this.schedule(owner, 'timer', delayMs, resolve)),
    }
  }

  #dropDead(): void {
    for (let head = this.#heap[0]; head !== undefined && (head.callback === undefined || !head.owner.alive); head = this.#heap[0]) {
      if (head.callback !== undefined && head.kind === 'io') this.#ioPending -= 1
      pop(this.#heap)
    }
  }
}

/** Lets every promise that can settle do so: a macrotask of Node runs after all microtasks. */
export function settlePromises(): Promise<void> {
  return new Promise(resolve => void setImmediate(resolve))
}

function earlier(a: Event, b: Event): boolean {
  return a.time !== b.time ? a.time < b.time : a.sequence < b.sequence
}

function push(heap: Event[], event: Event): void {
  heap.push(event)
  let index = heap.length - 1
  while (index > 0) {
    const parent = (index - 1) >> 1
    const above = heap[parent]
    if (above === undefined || !earlier(event, above)) break
    heap[index] = above
    index = parent
  }
  heap[index] = event
}

function pop(heap: Event[]): Event | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let index = 0
  for (;;) {
    let child = 2 * index + 1
    let below = heap[child]
    if (below === undefined) break
    const right = heap[child + 1]
    if (right !== undefined && earlier(right, below)) {
      below = right
      child += 1
    }
    if (!earlier(below, last)) break
    heap[index] = below
    index = child
  }
  heap[index] = last
  return top
}
