/**
 * What Cooc is measured beside. Rivals live in the evaluator alone: they need keys across items or sessions that a keyed
 * task does not have, and they see every click at once.
 *
 * R1. `recommend` is asked before `learn` is told the click that answers it (prequential), or `learn` is not called any more (frozen).
 * R2. The current item is never in an answer (Serenade's rule). Ties are broken by item id.
 */

import { compareText } from '../model/cooc.ts'

export interface Click {
  readonly session: string
  readonly item: string
  readonly at: number
}

const POPULARITY_KEPT = 400

export interface SequentialRulesOptions {
  /** So many of the session's last items are asked. */
  readonly last: number
  /** Rules of one item: cut to so many of the heaviest when there are twice as many. */
  readonly rulesMax: number
  readonly count: number
}

export interface Rival {
  /** `items`: the session so far, oldest first, repetitions included; `filtered`: what must not be answered. */
  recommend(items: readonly string[], query: Click, filtered?: ReadonlySet<string>): string[]
  learn(click: Click, before: readonly string[]): void
}

/** Ids that are numbers are compared as numbers: the published figures come from integer ids. */
export function compareId(a: string, b: string): number {
  const difference = Number(a) - Number(b)
  return Number.isNaN(difference) ? compareText(a, b) : difference
}

/** The heaviest `count` keys. Most keys of a long map are lighter than the lightest kept, so keeping in order costs less than sorting. */
export function topKeys(scores: ReadonlyMap<string, number>, count: number, without: string | undefined, filtered?: ReadonlySet<string>): string[] {
  const kept: { key: string; score: number }[] = []
  for (const [key, score] of scores) {
    const last = kept.length < count ? undefined : kept.at(-1)
    if (last !== undefined && (score < last.score || (score === last.score && compareId(key, last.key) > 0))) continue
    if (key === without || score <= 0 || filtered?.has(key) === true) continue
    if (last !== undefined) kept.pop()
    let place = kept.length
    for (; place > 0; place -= 1) {
      const above = kept[place - 1]
      if (above === undefined || above.score > score || (above.score === score && compareId(above.key, key) <= 0)) break
    }
    kept.splice(place, 0, { key, score })
  }
  return kept.map(entry => entry.key)
}

/** Counts that halve every `halfLifeMs`. Weights only grow, so the list of the heaviest is kept by moving up what was touched. */
export class Popularity implements Rival {
  readonly #halfLifeMs: number
  readonly #count: number
  readonly #weights = new Map<string, number>()
  /** The heaviest, heaviest first; more than are asked for, since some are filtered. */
  readonly #top: string[] = []
  #landmark: number | undefined

  constructor(halfLifeMs: number, count: number) {
    this.#halfLifeMs = halfLifeMs
    this.#count = count
  }

  recommend(items: readonly string[], _query: Click, filtered?: ReadonlySet<string>): string[] {
    const current = items.at(-1)
    return this.#top.filter(item => item !== current && filtered?.has(item) !== true).slice(0, this.#count)
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

  #moveUp(item: string, weight: number): void {
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
      const above = top[place - 1] ?? ''
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

  recommend(items: readonly string[], _query: Click, filtered?: ReadonlySet<string>): string[] {
    const current = items.at(-1)
    return [...new Set(items.toReversed())].filter(item => item !== current && filtered?.has(item) !== true).slice(0, this.#count)
  }

  learn(): void {
    // Nothing to learn: the answer is the session itself.
  }
}

/** Sequential rules: what followed an item, nearer steps counting more, asked with the last items of the session. */
export class SequentialRules implements Rival {
  readonly #rules = new Map<string, Map<string, number>>()
  readonly #options: SequentialRulesOptions
  readonly #stepsMax = 10

  constructor(options: SequentialRulesOptions) {
    this.#options = options
  }

  recommend(items: readonly string[], _query: Click, filtered?: ReadonlySet<string>): string[] {
    const { last, count } = this.#options
    const current = items.at(-1)
    if (current === undefined) return []
    const recent = [...new Set(items.slice(-last))]
    if (recent.length === 1) return topKeys(this.#rules.get(current) ?? new Map<string, number>(), count, current, filtered)
    const votes = new Map<string, number>()
    for (const item of recent) for (const [key, weight] of this.#rules.get(item) ?? []) votes.set(key, (votes.get(key) ?? 0) + weight)
    return topKeys(votes, count, current, filtered)
  }

  learn(click: Click, before: readonly string[]): void {
    for (let step = 1; step <= Math.min(this.#stepsMax, before.length); step += 1) {
      const antecedent = before[before.length - step] ?? ''
      if (antecedent === click.item) continue
      const rules = this.#rules.get(antecedent) ?? new Map<string, number>()
      rules.set(click.item, (rules.get(click.item) ?? 0) + 1 / step)
      this.#rules.set(antecedent, rules.size > 2 * this.#options.rulesMax ? this.#cut(rules) : rules)
    }
  }

  #cut(rules: ReadonlyMap<string, number>): Map<string, number> {
    return new Map(topKeys(rules, this.#options.rulesMax, undefined).map(key => [key, rules.get(key) ?? 0]))
  }
}
