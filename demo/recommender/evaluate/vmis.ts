/**
 * VMIS-kNN, the rival to beat: nearest sessions by shared items (Kersbergen et al., "Serenade", SIGMOD 2022; bolcom/serenade).
 *
 * V1. Each item remembers the `m` sessions that touched it last, most recent first.
 * V2. A query takes the last `last` items, newest first; each session found gains a weight that falls with the item's distance from the end.
 *     At most `m` candidates are kept, the most recent; the `k` best by (score, time) vote.
 * V3. A vote for an item is the session's score × (1 − 0.1 × distance of the newest shared item) × ln(N / sessions with the item).
 */
import { topKeys, type Click, type Rival } from './rivals.ts'

export interface VmisOptions {
  readonly m: number
  readonly k: number
  readonly last: number
  readonly count: number
}

interface PastSession {
  readonly id: string
  time: number
  readonly items: Set<string>
}

export class Vmis implements Rival {
  readonly #options: VmisOptions
  readonly #sessions = new Map<string, PastSession>()
  /** Sessions of an item in order of first touch; the newest stand last. */
  readonly #touched = new Map<string, PastSession[]>()
  readonly #sessionCount = new Map<string, number>()

  constructor(options: VmisOptions) {
    this.#options = options
  }

  learn(click: Click): void {
    let session = this.#sessions.get(click.session)
    if (session === undefined) this.#sessions.set(click.session, session = { id: click.session, time: click.at, items: new Set() })
    session.time = Math.max(session.time, click.at)
    if (session.items.has(click.item)) return
    session.items.add(click.item)
    const touched = this.#touched.get(click.item)
    if (touched === undefined) this.#touched.set(click.item, [session])
    else touched.push(session)
    this.#sessionCount.set(click.item, (this.#sessionCount.get(click.item) ?? 0) + 1)
  }

  /** Orders every item's sessions by their last click, as a model built from finished sessions has them. */
  freeze(): void {
    for (const touched of this.#touched.values()) touched.sort((a, b) => a.time - b.time)
  }

  recommend(items: readonly string[], query: Click, filtered?: ReadonlySet<string>): string[] {
    const recent = items.slice(-this.#options.last).toReversed()
    const scores = this.#candidates(recent, query.session)
    const neighbours = [...scores].sort((a, b) => b[1] - a[1] || b[0].time - a[0].time).slice(0, this.#options.k)
    const votes = new Map<string, number>()
    for (const [session, score] of neighbours) {
      const distance = 1 + recent.findIndex(item => session.items.has(item))
      const weight = score * (1 - 0.1 * distance)
      for (const item of session.items) {
        const rarity = Math.log(this.#sessions.size / (this.#sessionCount.get(item) ?? 1))
        votes.set(item, (votes.get(item) ?? 0) + weight * rarity)
      }
    }
    return topKeys(votes, this.#options.count, items.at(-1), filtered)
  }

  #candidates(recent: readonly string[], own: string): Map<PastSession, number> {
    const { m } = this.#options
    const scores = new Map<PastSession, number>()
    const distinct = new Set(recent)
    const heap = new OldestFirst()
    const seen = new Set<string>()
    for (const [position, item] of recent.entries()) {
      if (seen.has(item)) continue
      seen.add(item)
      const gain = (recent.length - position) / distinct.size
      const touched = this.#touched.get(item) ?? []
      for (let index = touched.length - 1; index >= Math.max(0, touched.length - m); index -= 1) {
        const session = touched[index]
        if (session === undefined || session.id === own) continue
        const score = scores.get(session)
        if (score !== undefined) scores.set(session, score + gain)
        else if (scores.size < m) {
          scores.set(session, gain)
          heap.push(session)
        } else {
          const oldest = heap.oldest()
          if (oldest === undefined || session.time <= oldest.time) continue
          scores.delete(oldest)
          scores.set(session, gain)
          heap.replaceOldest(session)
        }
      }
    }
    return scores
  }
}

/** A binary heap of sessions, the oldest on top. */
class OldestFirst {
  readonly #heap: PastSession[] = []

  oldest(): PastSession | undefined {
    return this.#heap[0]
  }

  push(session: PastSession): void {
    const heap = this.#heap
    heap.push(session)
    let place = heap.length - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.time <= session.time) break
      heap[place] = above
      place = parent
    }
    heap[place] = session
  }

  replaceOldest(session: PastSession): void {
    const heap = this.#heap
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      let below = heap[child]
      if (below === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && right.time < below.time) {
        child += 1
        below = right
      }
      if (below.time >= session.time) break
      heap[place] = below
      place = child
    }
    heap[place] = session
  }
}
