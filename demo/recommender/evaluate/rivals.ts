/**
 * What Cooc is measured beside. Rivals live in the evaluator alone: they need keys across items or sessions that a keyed
 * task does not have, and they see every click at once.
 *
 * R1. `recommend` is asked before `learn` is told the click that answers it (prequential), or `learn` is not called any more (frozen).
 * R2. The current item is never in an answer (Serenade's rule). Ties are broken by item number.
 * R3. Items are numbers from 0, in the order of their ids (item-numbers.ts): votes are a column, and a tie is a comparison of numbers.
 */
import { Votes } from './votes.ts'

export interface Click {
  readonly session: string
  readonly item: number
  readonly at: number
}

const POPULARITY_KEPT = 400

export interface Rival {
  /** `items`: the session so far, oldest first, repetitions included; `filtered`: what must not be answered. */
  recommend(items: readonly number[], query: Click, filtered?: ReadonlySet<number>): number[]
  /** `seen`: `before` as a set, where the caller has it. */
  learn(click: Click, before: readonly number[], seen?: ReadonlySet<number>): void
}

/** Counts that halve every `halfLifeMs`. Weights only grow, so the list of the heaviest is kept by moving up what was touched. */
export class Popularity implements Rival {
  readonly #halfLifeMs: number
  readonly #count: number
  readonly #weights = new Map<number, number>()
  /** The heaviest, heaviest first; more than are asked for, since some are filtered. */
  readonly #top: number[] = []
  #landmark: number | undefined

  constructor(halfLifeMs: number, count: number) {
    this.#halfLifeMs = halfLifeMs
    this.#count = count
  }

  recommend(items: readonly number[], _query: Click, filtered?: ReadonlySet<number>): number[] {
    const current = items.at(-1)
    const answer: number[] = []
    for (const item of this.#top) {
      if (answer.length === this.#count) break
      if (item !== current && filtered?.has(item) !== true) answer.push(item)
    }
    return answer
  }

  learn(click: Click): void {
    this.#landmark ??= click.at
    let exponent = (click.at - this.#landmark) / this.#halfLifeMs
    if (exponent > 200) {
      for (const [item, weight] of this.#weights) this.#weights.set(item, weight / 2 ** exponent)
      this.#landmark = click.at
      exponent = 0
    }
    const weight = (this.#weights.get(click.item) ?? 0) + 2 ** exponent
    this.#weights.set(click.item, weight)
    this.#moveUp(click.item, weight)
  }

  #moveUp(item: number, weight: number): void {
    const top = this.#top
    let place = top.indexOf(item)
    if (place < 0) {
      const last = top.at(-1)
      if (last === undefined || top.length < POPULARITY_KEPT) top.push(item)
      else if ((this.#weights.get(last) ?? 0) < weight) top[top.length - 1] = item
      else return
      place = top.length - 1
    }
    for (; place > 0; place -= 1) {
      const above = top[place - 1] ?? 0
      if ((this.#weights.get(above) ?? 0) >= weight) break
      top[place] = above
    }
    top[place] = item
  }
}

/** The session's own items, most recent first. */
export class RecentlyViewed implements Rival {
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  recommend(items: readonly number[], _query: Click, filtered?: ReadonlySet<number>): number[] {
    const current = items.at(-1)
    const answer = new Set<number>()
    for (let place = items.length - 1; place >= 0 && answer.size < this.#count; place -= 1) {
      const item = items[place] ?? 0
      if (item !== current && filtered?.has(item) !== true) answer.add(item)
    }
    return [...answer]
  }

  learn(): void {
    // Nothing to learn: the answer is the session itself.
  }
}

export interface SequentialRulesOptions {
  /** So many of the session's last items are asked. */
  readonly last: number
  /** Rules of one item: cut to so many of the heaviest when there are twice as many. */
  readonly rulesMax: number
  readonly count: number
  /** Items of the whole stream. */
  readonly items: number
}

/** Sequential rules: what followed an item, nearer steps counting more, asked with the last items of the session. */
export class SequentialRules implements Rival {
  readonly #rules = new Map<number, Map<number, number>>()
  readonly #options: SequentialRulesOptions
  readonly #votes: Votes
  readonly #stepsMax = 10

  constructor(options: SequentialRulesOptions) {
    this.#options = options
    this.#votes = new Votes(options.items)
  }

  recommend(items: readonly number[], _query: Click, filtered?: ReadonlySet<number>): number[] {
    const votes = this.#votes.start()
    for (const item of new Set(items.slice(-this.#options.last))) {
      for (const [key, weight] of this.#rules.get(item) ?? []) votes.add(key, weight)
    }
    return votes.top(this.#options.count, items.at(-1), filtered)
  }

  learn(click: Click, before: readonly number[]): void {
    for (let step = 1; step <= Math.min(this.#stepsMax, before.length); step += 1) {
      const antecedent = before[before.length - step] ?? 0
      if (antecedent === click.item) continue
      const rules = this.#rules.get(antecedent) ?? new Map<number, number>()
      rules.set(click.item, (rules.get(click.item) ?? 0) + 1 / step)
      this.#rules.set(antecedent, rules.size > 2 * this.#options.rulesMax ? this.#cut(rules) : rules)
    }
  }

  #cut(rules: ReadonlyMap<number, number>): Map<number, number> {
    const votes = this.#votes.start()
    for (const [key, weight] of rules) votes.add(key, weight)
    return new Map(votes.top(this.#options.rulesMax, undefined).map(key => [key, rules.get(key) ?? 0]))
  }
}
