/**
 * What may be said of a contender's rounds, and of two of them.
 *
 * S1. A ratio is of medians, and there is none where the range of either (highest − lowest, by the median) is over 15 %, or where either has fewer than five rounds.
 */
export const ROUNDS_MIN = 5
export const RANGE_MAX = 0.15

export interface Summary { readonly rounds: number, readonly median: number, readonly lowest: number, readonly highest: number, readonly range: number }

export function summaryOf(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
  const [lowest, highest] = [sorted[0] ?? Number.NaN, sorted.at(-1) ?? Number.NaN]
  return { rounds: sorted.length, median, lowest, highest, range: median === 0 ? 0 : (highest - lowest) / median }
}

export type Ratio = { readonly kind: 'ratio', readonly value: number } | { readonly kind: 'none', readonly why: string }

export function ratioOf(ours: Summary | undefined, theirs: Summary | undefined): Ratio {
  if (ours === undefined || theirs === undefined) return { kind: 'none', why: 'not both ran' }
  for (const one of [ours, theirs]) {
    if (one.rounds < ROUNDS_MIN) return { kind: 'none', why: `fewer than ${ROUNDS_MIN} rounds` }
    if (one.range > RANGE_MAX) return { kind: 'none', why: `range ${Math.round(one.range * 100)} %` }
  }
  return { kind: 'ratio', value: ours.median / theirs.median }
}
