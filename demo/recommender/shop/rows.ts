/** The rows of a page, from a visitor's list and from what is hot: one function, for the first paint and for every push. */
import { CATEGORIES, ITEMS, itemOf } from './catalogue.ts'
import type { KnownList } from './known-lists.ts'
import type { Card, Row } from './messages.ts'
import { fill, STRINGS, type Language } from './strings.ts'

const ROW_LENGTH = 8
const BECAUSE_MIN = 3
/** One shopper is no reason. */
const SUPPORT_MIN = 2

/** The house's own picks, one of each category: for the first seconds of a new shop, when nothing is hot yet. */
const PICKS: readonly string[] = CATEGORIES.map((category, index) => ITEMS.filter(item => item.category === category.id)[index % 8]?.id ?? '')

export interface RowsInput {
  readonly language: Language
  readonly list: KnownList | undefined
  readonly hot: readonly string[]
  /** The hottest of a category, best first: what a visitor without a list gets one of each from. */
  readonly hotOf: (category: string) => readonly string[]
  readonly isCompared: boolean
}

export function rowsOf(input: RowsInput): Row[] {
  const { language, list } = input
  const strings = STRINGS[language]
  const seen = new Set(list?.recs.seen ?? [])
  const cards = (list?.recs.items ?? []).filter(entry => !seen.has(entry.item)).map(entry => cardOf(entry.item, language, entry.because, entry.support)).filter(card => card !== undefined)
  const forYouTitle = input.isCompared ? strings.forYouCompared : list === undefined ? strings.forYouNew : strings.forYou
  const hot = input.hot.length > 0 ? input.hot : PICKS
  const forYou = cards.length > 0 ? cards : plainCards(list === undefined && !input.isCompared ? oneOfEach(input) : hot, language)
  const rows: Row[] = [{ name: 'for-you', title: forYouTitle, cards: forYou.slice(0, ROW_LENGTH) }]
  const because = becauseRow(input)
  if (because !== undefined) rows.push(because)
  if (input.hot.length > 0) rows.push(trendingRow(input.hot, language))
  const recent = plainCards([...seen], language)
  if (recent.length > 0) rows.push({ name: 'recent', title: strings.recent, cards: recent.slice(0, ROW_LENGTH) })
  return rows
}

/** For somebody nobody knows yet: the hottest of each category, those of the hottest categories first. */
function oneOfEach({ hot, hotOf }: RowsInput): string[] {
  if (hot.length === 0) return [...PICKS]
  const best = CATEGORIES.map(category => hotOf(category.id)[1] ?? hotOf(category.id)[0]).filter(item => item !== undefined)
  const place = (item: string): number => hot.includes(item) ? hot.indexOf(item) : hot.length
  return best.sort((a, b) => place(a) - place(b))
}

export function trendingRow(hot: readonly string[], language: Language): Row {
  return { name: 'trending', title: STRINGS[language].trending, cards: plainCards(hot, language).slice(0, ROW_LENGTH) }
}

/** The items that the item just looked at speaks for; where it speaks for too few, the one of the session that speaks for most. */
function becauseRow({ language, list }: RowsInput): Row | undefined {
  if (list === undefined) return undefined
  const seen = new Set(list.recs.seen)
  const byReason = new Map<string, Card[]>()
  for (const entry of list.recs.items) {
    if (entry.because === '' || entry.support < SUPPORT_MIN || seen.has(entry.item)) continue
    const card = cardOf(entry.item, language, entry.because, entry.support)
    if (card !== undefined) byReason.set(entry.because, [...byReason.get(entry.because) ?? [], card])
  }
  const current = byReason.get(list.recs.item)
  const [reason, cards] = current !== undefined && current.length >= BECAUSE_MIN ? [list.recs.item, current] : [...byReason].sort((a, b) => b[1].length - a[1].length)[0] ?? []
  const item = reason === undefined ? undefined : itemOf(reason)
  if (item === undefined || cards === undefined || cards.length < BECAUSE_MIN) return undefined
  return { name: 'because', title: fill(STRINGS[language].because, { item: item.names[language] }), cards: cards.slice(0, ROW_LENGTH) }
}

export function plainCards(ids: readonly string[], language: Language): Card[] {
  return ids.map(id => cardOf(id, language, '', 0)).filter(card => card !== undefined)
}

export function cardOf(id: string, language: Language, because: string, support: number): Card | undefined {
  const item = itemOf(id)
  if (item === undefined) return undefined
  const reason = itemOf(because)
  const strings = STRINGS[language]
  const values = { item: reason?.names[language] ?? '', count: support.toLocaleString('en') }
  const hasReason = reason !== undefined && support >= SUPPORT_MIN
  return {
    id,
    name: item.names[language],
    price: priceText(item.price, language),
    why: hasReason ? fill(strings.becauseShort, values) : '',
    whyLong: hasReason ? fill(strings.becauseChip, values) : '',
  }
}

export function priceText(price: number, language: Language): string {
  return fill(STRINGS[language].price, { price: price.toFixed(2) })
}
