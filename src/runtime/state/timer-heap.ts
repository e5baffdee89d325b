/**
 * Timer entries by time, then by their identity, which is their store key's bytes. Entries without a value are passed over: they were cancelled or have moved.
 *
 * T1. A cancelled entry leaves when it comes up. One that got its value back before that is inside still, so a second `push` has no effect.
 */
import { Heap } from './heap.ts'
import type { LiveEntry } from './live-entry.ts'

export class TimerHeap {
  readonly #heap = new Heap<LiveEntry>((left, right) => left.time - right.time || (String(left.identity) < String(right.identity) ? -1 : 1))
  readonly #inside = new Set<LiveEntry>()

  /** Entries inside, cancelled ones too. */
  get size(): number {
    return this.#heap.size
  }

  push(entry: LiveEntry): void {
    if (this.#inside.has(entry)) return
    this.#inside.add(entry)
    this.#heap.push(entry)
  }

  /** The earliest entry, left in; `undefined`: there is none. */
  peek(): LiveEntry | undefined {
    for (let entry = this.#heap.peek(); entry !== undefined; entry = this.#heap.peek()) {
      if (entry.value !== undefined) return entry
      this.#take()
    }
    return undefined
  }

  pop(): LiveEntry | undefined {
    return this.peek() === undefined ? undefined : this.#take()
  }

  /** Keeps about the `count` earliest; returns the time at and above which nothing is left, `undefined` where one time fills it all. */
  cutBack(count: number): number | undefined {
    const live = this.#heap.items().filter(entry => entry.value !== undefined).sort((left, right) => left.time - right.time)
    const horizon = live[count]?.time
    if (horizon === undefined || horizon === live[0]?.time) return undefined
    const kept = live.filter(entry => entry.time < horizon)
    this.#inside.clear()
    for (const entry of kept) this.#inside.add(entry)
    this.#heap.reset(kept)
    return horizon
  }

  #take(): LiveEntry | undefined {
    const entry = this.#heap.pop()
    if (entry !== undefined) this.#inside.delete(entry)
    return entry
  }
}
