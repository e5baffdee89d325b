/**
 * VMIS-kNN, the rival to beat: nearest sessions by shared items (Kersbergen et al., "Serenade", SIGMOD 2022; bolcom/serenade).
 *
 * V1. Each item remembers the `m` sessions that touched it last, most recent first.
 * V2. A query takes the last `last` items, newest first; each session found gains a weight that falls with the item's distance from the end.
 *     At most `m` candidates are kept, the most recent; the `k` best by (score, time) vote.
 * V3. A vote for an item is the session's score × (1 − 0.1 × distance of the newest shared item) × ln(N / sessions with the item).
 */
import type { Click, Rival } from './rivals.ts'
import { Votes } from './votes.ts'

export interface VmisOptions {
  readonly m: number
  readonly k: number
  readonly last: number
  readonly count: number
  /** Items of the whole stream. */
  readonly items: number
}

interface PastSession {
  readonly id: string
  time: number
  /** In order of first touch. */
  readonly items: number[]
  readonly distinct: Set<number>
  /** In the question that `asked` numbers; of no meaning in others. */
  score: number
  asked: number
}

export class Vmis implements Rival {
  readonly #options: VmisOptions
  readonly #sessions = new Map<string, PastSession>()
  /** Sessions of an item in order of first touch; the newest stand last. Their number is how many sessions have the item. */
  readonly #touched = new Map<number, PastSession[]>()
  readonly #votes: Votes
  #questions = 0

  constructor(options: VmisOptions) {
    this.#options = options
    this.#votes = new Votes(options.items)
  }

  learn(click: Click): void {
    let session = this.#sessions.get(click.session)
    if (session === undefined) this.#sessions.set(click.session, session = { id: click.session, time: click.at, items: [], distinct: new Set(), score: 0, asked: 0 })
    session.time = Math.max(session.time, click.at)
    if (session.distinct.has(click.item)) return
    session.distinct.add(click.item)
    session.items.push(click.item)
    const touched = this.#touched.get(click.item)
    if (touched === undefined) this.#touched.set(click.item, [session])
    else touched.push(session)
  }

  /** Orders every item's sessions by their last click, as a model built from finished sessions has them. */
  freeze(): void {
    for (const touched of this.#touched.values()) touched.sort((a, b) => a.time - b.time)
  }

  recommend(items: readonly number[], query: Click, filtered?: ReadonlySet<number>): number[] {
    this.#questions += 1
    const recent = items.slice(-this.#options.last).toReversed()
    const votes = this.#votes.start()
    for (const session of this.#neighbours(recent, query.session)) {
      const distance = 1 + recent.findIndex(item => session.distinct.has(item))
      const weight = session.score * (1 - 0.1 * distance)
      for (const item of session.items) votes.add(item, weight)
    }
    // Once an item, not once a vote: a basket's neighbours have hundreds of items each.
    votes.weigh(item => Math.log(this.#sessions.size / (this.#touched.get(item)?.length ?? 1)))
    return votes.top(this.#options.count, items.at(-1), filtered)
  }

  /** V2: the `k` best of the candidates, best first. */
  #neighbours(recent: readonly number[], own: string): PastSession[] {
    const { k } = this.#options
    const best: PastSession[] = []
    for (const session of this.#candidates(recent, own)) {
      const last = best.length < k ? undefined : best.at(-1)
      if (last !== undefined && !isNearer(session, last)) continue
      if (last !== undefined) best.pop()
      let place = best.length
      for (; place > 0; place -= 1) {
        const above = best[place - 1]
        if (above === undefined || !isNearer(session, above)) break
      }
      best.splice(place, 0, session)
    }
    return best
  }

  #candidates(recent: readonly number[], own: string): readonly PastSession[] {
    const { m } = this.#options
    const distinct = new Set(recent)
    const heap = new OldestFirst()
    const seen = new Set<number>()
    for (const [position, item] of recent.entries()) {
      if (seen.has(item)) continue
      seen.add(item)
      const gain = (recent.length - position) / distinct.size
      const touched = this.#touched.get(item) ?? []
      for (let index = touched.length - 1; index >= Math.max(0, touched.length - m); index -= 1) {
        const session = touched[index]
        if (session === undefined || session.id === own) continue
        if (session.asked === this.#questions) {
          session.score += gain
          continue
        }
        const oldest = heap.size < m ? undefined : heap.oldest()
        if (oldest !== undefined && session.time <= oldest.time) continue
        session.asked = this.#questions
        session.score = gain
        if (oldest === undefined) heap.push(session)
        else {
          oldest.asked = 0
          heap.replaceOldest(session)
        }
      }
    }
    return heap.sessions
  }
}

/** No two sessions end at the same time: events are moved apart (data/stream.ts, R1). */
function isNearer(a: PastSession, b: PastSession): boolean {
  return a.score > b.score || (a.score === b.score && a.time > b.time)
}

/** A binary heap of sessions, the oldest on top. */
class OldestFirst {
  readonly #heap: PastSession[] = []

  get size(): number {
    return this.#heap.length
  }

  /** In no order. */
  get sessions(): readonly PastSession[] {
    return this.#heap
  }

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
