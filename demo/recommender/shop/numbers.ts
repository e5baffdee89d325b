/** The figures of the backstage panel, as text: n/a where there is nothing to divide by, and never a share without its counts. */
import type { Metrics } from '../topics.ts'
import type { Numbers, QualityFigures } from './messages.ts'
import { fill, STRINGS, type Language, type Strings } from './strings.ts'
import { wilson } from './wilson.ts'

export interface NumbersInput {
  readonly language: Language
  readonly shoppers: number
  readonly eventsPerSecond: number
  readonly ours: Metrics | undefined
  readonly compared: Metrics | undefined
}

export function numbersOf(input: NumbersInput): Numbers {
  const strings = STRINGS[input.language]
  const { ours, compared } = input
  return {
    shoppers: input.shoppers,
    eventsPerSecond: fill(strings.rate, { rate: input.eventsPerSecond.toFixed(1) }),
    ours: figures(strings, ours?.n, ours?.hits, ours?.reciprocal, ours?.novelN, ours?.novelHits),
    popularity: figures(strings, ours?.n, ours?.popularityHits, ours?.popularityReciprocal, ours?.novelN, ours?.popularityNovelHits),
    over: fill(strings.over, { count: (ours?.n ?? 0).toLocaleString('en') }),
    groups: [group(strings, strings.groupOurs, ours), group(strings, strings.groupPopular, compared)],
  }
}

function figures(strings: Strings, n = 0, hits = 0, reciprocal = 0, novelN = 0, novelHits = 0): QualityFigures {
  const share = (part: number, whole: number): string => whole === 0 ? strings.noFigure : (part / whole).toFixed(3)
  return { hr: share(hits, n), mrr: share(reciprocal, n), novel: share(novelHits, novelN) }
}

function group(strings: Strings, name: string, metrics: Metrics | undefined): Numbers['groups'][number] {
  return {
    name,
    clickThrough: percent(strings, metrics?.clicked ?? 0, metrics?.shown ?? 0),
    conversion: percent(strings, metrics?.purchases ?? 0, metrics?.sessions ?? 0),
  }
}

/** A share with its 95 % interval and its counts: with few cases the interval says how little is known. */
function percent(strings: Strings, part: number, whole: number): string {
  if (whole === 0) return strings.noFigure
  const { low, high } = wilson(part, whole)
  const text = (share: number): string => (100 * share).toFixed(1)
  return fill(strings.share, { share: text(part / whole), low: text(low), high: text(high), part: part.toLocaleString('en'), whole: whole.toLocaleString('en') })
}
