/**
 * What each engine has contributed, counted from the lists that came out and from the rows that it has written.
 *
 * C1. Only what was made since the start counts: a shop's history was blended before an engine ran.
 * C2. Of lists that an engine was there for: how many it has moved. An example is the longest move of the last ones, in words.
 */
import { LIST_LENGTH } from './blend.ts'
import { type Blended, ENGINES, type EngineName } from './topics.ts'

export interface Contribution {
  readonly engine: EngineName
  /** Rows of the engine's topic. */
  readonly rows: number
  /** Lists that it was there for, and of those the ones that it has moved something in. */
  readonly lists: number
  readonly moved: number
  readonly example: string | null
  /** In the newest list. */
  readonly isMissing: boolean
}

export interface Contributions {
  /** Since the start. */
  readonly lists: number
  readonly engines: readonly Contribution[]
}

interface Tally {
  rows: number
  lists: number
  moved: number
  example: { readonly places: number, readonly at: number, readonly words: string } | undefined
  isMissing: boolean
}

/** An example is of no interest any more after this, in event time. */
const EXAMPLE_MS_MAX = 10_000

export class ContributionTally {
  readonly #startedAt: number
  readonly #nameOf: (item: string) => string
  readonly #tallies = new Map<EngineName, Tally>(ENGINES.map(engine => [engine, { rows: 0, lists: 0, moved: 0, example: undefined, isMissing: true }]))
  #lists = 0
  #newestAt = 0

  constructor(options: { readonly startedAt: number, readonly nameOf: (item: string) => string }) {
    this.#startedAt = options.startedAt
    this.#nameOf = options.nameOf
  }

  row(engine: EngineName): void {
    const tally = this.#tallies.get(engine)
    if (tally !== undefined) tally.rows += 1
  }

  list(blended: Blended): void {
    // C1.
    if (blended.at < this.#startedAt) return
    this.#lists += 1
    const isNewest = blended.at >= this.#newestAt
    this.#newestAt = Math.max(this.#newestAt, blended.at)
    for (const [engine, tally] of this.#tallies) {
      const isMissing = blended.missing.includes(engine)
      if (isNewest) tally.isMissing = isMissing
      if (isMissing) continue
      tally.lists += 1
      if (!blended.movedBy.includes(engine)) continue
      tally.moved += 1
      this.#take(tally, engine, blended)
    }
  }

  all(): Contributions {
    return {
      lists: this.#lists,
      engines: [...this.#tallies].map(([engine, { rows, lists, moved, example, isMissing }]) => ({ engine, rows, lists, moved, example: example?.words ?? null, isMissing })),
    }
  }

  /** C2. */
  #take(tally: Tally, engine: EngineName, blended: Blended): void {
    const isOld = tally.example === undefined || blended.at - tally.example.at > EXAMPLE_MS_MAX
    const moves = blended.items.slice(0, LIST_LENGTH).flatMap(({ item, moves: all }, place) => all.filter(({ by }) => by === engine).map(move => ({ ...move, item, place })))
    const longest = moves.sort((a, b) => Math.abs(b.places) - Math.abs(a.places))[0]
    if (longest === undefined || (!isOld && Math.abs(longest.places) <= (tally.example?.places ?? 0))) return
    const { item, place, places, why } = longest
    tally.example = { places: Math.abs(places), at: blended.at, words: `${this.#nameOf(item)}: place ${place + places + 1} → ${place + 1}; ${why}` }
  }
}
