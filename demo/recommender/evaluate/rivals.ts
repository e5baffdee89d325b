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

export interface Rival {
  /** `items`: the session so far, oldest first, repetitions included. */
  recommend(items: readonly string[], query: Click): string[]
  learn(click: Click, before: readonly string[]): void
}

/** Ids that are numbers are compared as numbers: the published figures come from integer ids. */
export function compareId(a: string, b: string): number {
  const difference = Number(a) - Number(b)
  return Number.isNaN(difference) ? compareText(a, b) : difference
}

/** The heaviest `count` keys. */
export function topKeys(scores: ReadonlyMap<string, number>, count: number, without: string | undefined): string[] {
  const kept: { key: string; score: number }[] = []
  for (const [key, score] of scores) if (key !== without && score > 0) kept.push({ key, score })
  return kept.sort((a, b) => b.score - a.score || compareId(a.key, b.key)).slice(0, count).map(entry => entry.key)
}

/** Counts that halve every `halfLifeMs`; only the ranking is kept fresh, at most once in `refreshMs` of event time. */
export class Popularity implements Rival {
  readonly #halfLifeMs: number
  readonly #refreshMs: number
  readonly #count: number
  readonly #weights = new Map<string, number>()
  #landmark: number | undefined
  #rankedAt = Number.NEGATIVE_INFINITY
  #ranked: string[] = []

  constructor(halfLifeMs: number, count: number, refreshMs = 60_000) {
    this.#halfLifeMs = halfLifeMs
    this.#count = count
    this.#refreshMs = refreshMs
  }

  recommend(items: readonly string[], query: Click): string[] {
    if (query.at - this.#rankedAt >= this.#refreshMs) {
      this.#ranked = topKeys(this.#weights, this.#count + 50, undefined)
      this.#rankedAt = query.at
    }
    const current = items.at(-1)
    return this.#ranked.filter(item => item !== current).slice(0, this.#count)
  }

  learn(click: Click): void {
    this.#landmark ??= click.at
    let exponent = (click.at - this.#landmark) / this.#halfLifeMs
    if (exponent > 200) {
      for (const [item, weight] of this.#weights) this.#weights.set(item, weight / 2 ** exponent)
      this.#landmark = click.at
      exponent = 0
    }
    this.#weights.set(click.item, (this.#weights.get(click.item) ?? 0) + 2 ** exponent)
  }
}

/** The session's own items, most recent first. */
export class RecentlyViewed implements Rival {
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  recommend(items: readonly string[]): string[] {
    const current = items.at(-1)
    return [...new Set(items.toReversed())].filter(item => item !== current).slice(0, this.#count)
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

  recommend(items: readonly string[]): string[] {
    const current = items.at(-1)
    const rules = current === undefined ? undefined : this.#rules.get(current)
    return rules === undefined ? [] : topKeys(rules, this.#count, current)
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

