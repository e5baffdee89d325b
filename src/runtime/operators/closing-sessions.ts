/**
 * The sessions that close next, in order of their ends: for final results.
 *
 * C1. A bucket's sessions are read, once, when the first of them may close. Buckets below `heldBelow` are in the heap, the others are not,
 *     so memory is bounded by about one bucket's sessions.
 * C2. What is put into a held bucket joins the heap. An item whose session is gone or has grown is passed over when it comes up.
 */
import { Heap } from '../state/heap.ts'
import type { LiveEntry } from '../state/live-entry.ts'
import { bucketOf, sessionsOf, type Session } from '../state/session-rows.ts'
import type { WindowStore } from '../state/window-store.ts'

export interface ClosedSession {
  readonly key: unknown
  readonly session: Session
}

interface Item {
  readonly order: string
  readonly key: unknown
  readonly start: number
  readonly end: number
}

export class ClosingSessions {
  readonly #store: WindowStore
  readonly #bucketMs: number
  readonly #heap = new Heap<Item>((left, right) => left.end - right.end || (left.order < right.order ? -1 : left.order > right.order ? 1 : 0) || left.start - right.start)
  #heldBelow = 0

  constructor(store: WindowStore, bucketMs: number) {
    this.#store = store
    this.#bucketMs = bucketMs
  }

  /** To be called for each session that is put into the store, with the entry of its row. */
  added(entry: LiveEntry, key: unknown, session: Session): void {
    if (entry.start >= this.#heldBelow) return
    this.#heap.push({ order: this.#store.order(entry), key, start: session.start, end: session.end })
  }

  /** No session in the store ends before it; `undefined`: there is none. */
  nextEndMin(): number | undefined {
    return this.#peek()?.end ?? this.#store.nextStart(this.#heldBelow)
  }

  /** The next session whose end is below `end`. The caller removes it from the store. */
  take(end: number): ClosedSession | undefined {
    for (;;) {
      const item = this.#peek()
      if (item !== undefined) {
        if (item.end >= end) return undefined
        const session = this.#find(item)
        this.#heap.pop()
        if (session !== undefined) return { key: item.key, session }
      } else if (!this.#load(end)) return undefined
    }
  }

  /** The first item whose session is still there. */
  #peek(): Item | undefined {
    for (let item = this.#heap.peek(); item !== undefined; item = this.#heap.peek()) {
      if (this.#find(item) !== undefined) return item
      this.#heap.pop()
    }
    return undefined
  }

  #find(item: Item): Session | undefined {
    const bucket = bucketOf(item.end, this.#bucketMs)
    if (bucket < this.#store.expiredBelow) return undefined
    return sessionsOf(this.#store.entry(bucket, item.key).value).find(session => session.start === item.start && session.end === item.end)
  }

  /** Takes in the next bucket, if it starts below `end`. */
  #load(end: number): boolean {
    const start = this.#store.nextStart(this.#heldBelow)
    if (start === undefined || start >= end) return false
    this.#heldBelow = start + this.#bucketMs
    for (const row of this.#store.rows(start, this.#heldBelow)) {
      const order = this.#store.order(this.#store.entry(row.start, row.key))
      for (const session of sessionsOf(row.value)) this.#heap.push({ order, key: row.key, start: session.start, end: session.end })
    }
    return true
  }
}
