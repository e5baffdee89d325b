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

/** The heaviest `count` keys. */
export function topKeys(scores: ReadonlyMap<string, number>, count: number, without: string | undefined, filtered?: ReadonlySet<string>): string[] {
  const kept: { key: string; score: number }[] = []
  for (const [key, score] of scores) if (key !== without && score > 0 && filtered?.has(key) !== true) kept.push({ key, score })
  return kept.sort((a, b) => b.score - a.score || compareId(a.key, b.key)).slice(0, count).map(entry => entry.key)
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

/** Sequential rules: what followed an item, nearer steps counting more, asked with the last item alone. */
export class SequentialRules implements Rival {
  readonly #rules = new Map<string, Map<string, number>>()
  readonly #count: number
  readonly #stepsMax = 10

  constructor(count: number) {
    this.#count = count
  }

  recommend(items: readonly string[], _query: Click, filtered?: ReadonlySet<string>): string[] {
    const current = items.at(-1)
    const rules = current === undefined ? undefined : this.#rules.get(current)
    return rules === undefined ? [] : topKeys(rules, this.#count, current, filtered)
  }

  learn(click: Click, before: readonly string[]): void {
    for (let step = 1; step <= Math.min(this.#stepsMax, before.length); step += 1) {
      const antecedent = before[before.length - step] ?? ''
      if (antecedent === click.item) continue
      const rules = this.#rules.get(antecedent) ?? new Map<string, number>()
      this.#rules.set(antecedent, rules.set(click.item, (rules.get(click.item) ?? 0) + 1 / step))
    }
  }
}

