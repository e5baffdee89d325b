/**
 * What a task's runner on a worker does with its time, so that "how fast could it go" and "what holds it up" are measured, not guessed.
 *
 * TT1. Every moment since the start is in one of the states; one lasts from the turn that found it to the next turn.
 * TT2. `busy` is all the time in which there was work for the next turn: processing, and what the thread does between two slices (sockets, other tasks).
 */
import type { TaskTimes } from './snapshot.ts'

/** `commit`, `output`: records are here, and a commit under way or full produce buffers hold them up. `fetch`: records are on the broker, and none here. */
export type Doing = 'busy' | 'commit' | 'output' | 'fetch' | 'idle'

export class TimeSheet {
  readonly #totals: Record<Doing, number> = { busy: 0, commit: 0, output: 0, fetch: 0, idle: 0 }
  #doing: Doing = 'idle'
  #since: number | undefined

  /** From `at` on. */
  enter(doing: Doing, at: number): void {
    if (this.#since !== undefined) this.#totals[this.#doing] += at - this.#since
    this.#doing = doing
    this.#since = at
  }

  /** Up to `at`. */
  totals(worker: number, at: number): TaskTimes {
    this.enter(this.#doing, at)
    const { busy, commit, output, fetch, idle } = this.#totals
    return { worker, busyMs: Math.round(busy), commitMs: Math.round(commit), outputMs: Math.round(output), fetchMs: Math.round(fetch), idleMs: Math.round(idle) }
  }
}
