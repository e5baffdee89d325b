/**
 * The books of the lists: each one that the recommender has made is to come out of `blend` exactly once, whatever engine is down, slow or killed.
 *
 * K1. Only lists of this run count (`since`, event time), and only committed ones are told to this.
 * K2. The two topics are read beside each other: the blended list may be seen before the one that it was made from, and is no error then.
 * K3. Lists have ordinals in the order they are seen. Who wants the books of a moment remembers `made`, and waits until no ordinal below it is `open`.
 * K4. The last SETTLED_KEPT settled ones are remembered, for what comes again; what is older and comes again stays in `unasked`, and is none the less wrong.
 */
import type { Blended } from './topics.ts'

const SETTLED_KEPT = 50_000
const OPEN_TOLD_MAX = 1_000

type Id = Pick<Blended, 'at' | 'origin' | 'session' | 'position'>

export interface Books {
  /** Lists of the recommender, and lists that came out. */
  readonly made: number
  readonly blended: number
  /** Came out more than once. */
  readonly doubled: number
  /** Came out, and no list of the recommender is known that it is of. */
  readonly unasked: number
  /** Ordinals of the first lists that have not come out, lowest first. */
  readonly open: readonly number[]
}

export class ListBooks {
  readonly #since: number
  /** By id: its ordinal. Oldest first, as maps are. */
  readonly #open = new Map<string, number>()
  readonly #ahead = new Set<string>()
  readonly #settled = new Set<string>()
  #made = 0
  #blended = 0
  #doubled = 0

  constructor(options: { readonly since: number }) {
    this.#since = options.since
  }

  made(visitor: string, list: Id): void {
    if (list.at < this.#since) return
    const id = idOf(visitor, list)
    this.#made += 1
    if (this.#ahead.delete(id)) this.#settle(id)
    else this.#open.set(id, this.#made - 1)
  }

  blended(visitor: string, list: Id): void {
    if (list.at < this.#since) return
    const id = idOf(visitor, list)
    this.#blended += 1
    if (this.#open.delete(id)) this.#settle(id)
    else if (this.#settled.has(id) || this.#ahead.has(id)) this.#doubled += 1
    else this.#ahead.add(id)
  }

  all(): Books {
    return { made: this.#made, blended: this.#blended, doubled: this.#doubled, unasked: this.#ahead.size, open: [...this.#open.values()].slice(0, OPEN_TOLD_MAX) }
  }

  #settle(id: string): void {
    this.#settled.add(id)
    if (this.#settled.size <= SETTLED_KEPT) return
    for (const oldest of this.#settled) {
      this.#settled.delete(oldest)
      break
    }
  }
}

/** A click makes one list. */
function idOf(visitor: string, { origin, session, position }: Id): string {
  return `${visitor} ${origin} ${session} ${position}`
}
