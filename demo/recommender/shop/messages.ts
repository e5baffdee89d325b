/** What server and page say to each other: plain data, so that both sides compile against one description. */
export interface Card {
  readonly id: string
  readonly name: string
  readonly price: string
  /** Why it is here, in a few words; empty where there is no reason but popularity. */
  readonly why: string
  readonly whyLong: string
}

export interface Row {
  readonly name: 'for-you' | 'because' | 'trending' | 'recent'
  readonly title: string
  readonly cards: readonly Card[]
}

/** One stop on the way of a click. */
export interface Hop {
  readonly label: string
  readonly ms: string
}

export interface RailEntry {
  readonly title: string
  readonly hops: readonly Hop[]
}

export interface QualityFigures {
  readonly hr: string
  readonly mrr: string
  readonly novel: string
}

export interface Numbers {
  readonly shoppers: number
  readonly eventsPerSecond: string
  readonly ours: QualityFigures
  readonly popularity: QualityFigures
  readonly over: string
  readonly groups: readonly { readonly name: string; readonly clickThrough: string; readonly conversion: string }[]
}

export interface Hint {
  readonly item: string
  readonly title: string
  readonly text: string
}

export type ToPage =
  | { readonly kind: 'rows'; readonly rows: readonly Row[]; /** Order of a visitor's lists: a lower one than shown is dropped. */ readonly version: number; readonly rail: RailEntry | null }
  | { readonly kind: 'trending'; readonly row: Row }
  | { readonly kind: 'numbers'; readonly numbers: Numbers }
  | { readonly kind: 'hint'; readonly hint: Hint | null }
  | { readonly kind: 'note'; readonly text: string }

/** What the page is told when it is loaded, in an element of its own. */
export interface PageData {
  readonly token: string
  readonly visitor: string
  readonly language: 'en' | 'zh'
  readonly version: number
  readonly item: string
  readonly category: string
  readonly price: number
}
