/**
 * Simulated shoppers, seeded: the same seed and the same lists give the same events.
 *
 * Rates are those of RetailRocket (recsys.md 7): 1.96 events a visitor, carts 2.6 % and purchases 0.84 % of views. What they like has shape:
 * a material and a category each, a long tail of popularity, steps to neighbours rather than anywhere. What is measured on them is a
 * simulator's and is never called a real shop's.
 *
 * X1. A shopper acts on the row that the visitor's last list gives: likes decide, not the group, so that the comparison is about the lists.
 * X2. Nothing here reads a clock: `until(now)` gives what has happened by then.
 */
import { CATEGORIES, ITEMS, itemOf, STYLES, type Item } from './catalogue.ts'
import type { EventType } from '../model/session.ts'

export const SHOPPERS_MAX = 2000
const STEP_MEAN_MS = 8000
const BOUNCE_SHARE = 0.55
const STAY_SHARE = 0.68
const CART_SHARE = 0.026
/** Purchases are 0.84 % of views, carts 2.6 %: a cart becomes a purchase so often. */
const CART_TO_PURCHASE = 0.32
const RETURNING_SHARE = 0.3
const KNOWN_MAX = 5000
const LOOKED_AT_IN_ROW = 8

export interface ShopperEvent {
  readonly visitor: string
  readonly type: EventType
  readonly item: Item
  readonly source: string
  readonly at: number
}

interface Shopper {
  visitor: string
  style: number
  category: string
  item: Item | undefined
  seen: string[]
  stepsLeft: number
  nextAt: number
  /** An item in the cart, whose purchase comes next if at all. */
  inCart: Item | undefined
}

export interface Trend {
  readonly style: number
  readonly category: string
}

export interface ShoppersOptions {
  readonly seed: number
  readonly now: number
  /** What the visitor sees in "for you": item ids, best first. */
  readonly rowOf: (visitor: string) => readonly string[]
}

/** Which categories go together. */
const COMPLEMENTS: Readonly<Record<string, readonly string[]>> = {
  lamp: ['shelf', 'chair'], chair: ['cushion', 'lamp'], shelf: ['basket', 'clock', 'plant'], clock: ['shelf', 'lamp'], basket: ['throw', 'shelf'],
  mug: ['teapot', 'throw'], teapot: ['mug', 'vase'], vase: ['plant', 'teapot'], plant: ['vase', 'shelf'], cushion: ['throw', 'rug'], rug: ['cushion', 'chair'], throw: ['cushion', 'mug'],
}

export class Shoppers {
  readonly #options: ShoppersOptions
  readonly #random: () => number
  readonly #shoppers: Shopper[] = []
  readonly #known: string[] = []
  readonly #tastes = new Map<string, { style: number; category: string }>()
  readonly #released = new Set<string>()
  #popularity: Map<string, number>
  #visitors = 0
  #trend: Trend | undefined

  constructor(options: ShoppersOptions) {
    this.#options = options
    this.#random = seeded(options.seed)
    // A long tail: the nth item of a shuffled catalogue is looked at 1 / n as often.
    const order = ITEMS.map(item => ({ item, place: this.#random() })).sort((a, b) => a.place - b.place)
    this.#popularity = new Map(order.map(({ item }, index) => [item.id, 1 / (index + 5)]))
  }

  get count(): number {
    return this.#shoppers.length
  }

  get trend(): Trend | undefined {
    return this.#trend
  }

  setCount(count: number, now: number): void {
    const wanted = Math.max(0, Math.min(SHOPPERS_MAX, Math.round(count)))
    while (this.#shoppers.length > wanted) this.#shoppers.pop()
    while (this.#shoppers.length < wanted) this.#shoppers.push(this.#arrive(now))
  }

  /** From now on one material and one category are what shoppers want. */
  shiftTrend(): Trend {
    const style = Math.floor(this.#random() * STYLES)
    const category = CATEGORIES[Math.floor(this.#random() * CATEGORIES.length)]?.id ?? ''
    this.#trend = { style, category }
    return this.#trend
  }

  /** Brings in an item that was held back; `undefined` when all are in. */
  addNew(): Item | undefined {
    const item = ITEMS.find(other => other.isNew && !this.#released.has(other.id))
    if (item === undefined) return undefined
    this.#released.add(item.id)
    this.#popularity.set(item.id, 0.4)
    return item
  }

  /** What the shoppers did by `now`, in order of time (X2). */
  until(now: number): ShopperEvent[] {
    const events: ShopperEvent[] = []
    for (const shopper of this.#shoppers) while (shopper.nextAt <= now) this.#step(shopper, events)
    return events.sort((a, b) => a.at - b.at)
  }

  #arrive(now: number): Shopper {
    const shopper: Shopper = { visitor: '', style: 0, category: '', item: undefined, seen: [], stepsLeft: 0, nextAt: 0, inCart: undefined }
    this.#replace(shopper, now)
    return shopper
  }

  /** The place is taken by another shopper, perhaps one who was here before. */
  #replace(shopper: Shopper, at: number): void {
    const old = this.#random() < RETURNING_SHARE ? this.#known[Math.floor(this.#random() * this.#known.length)] : undefined
    const visitor = old ?? this.#newVisitor()
    const taste = this.#tastes.get(visitor)
    shopper.visitor = visitor
    shopper.style = taste?.style ?? 0
    shopper.category = taste?.category ?? ''
    shopper.item = undefined
    shopper.seen = []
    shopper.inCart = undefined
    shopper.stepsLeft = 1
    if (this.#random() >= BOUNCE_SHARE) do shopper.stepsLeft += 1; while (this.#random() < STAY_SHARE)
    shopper.nextAt = at + this.#pause()
  }

  #newVisitor(): string {
    this.#visitors += 1
    const visitor = `sim-${this.#options.seed}-${this.#options.now.toString(36)}-${this.#visitors}`
    const trend = this.#trend !== undefined && this.#random() < 0.6 ? this.#trend : undefined
    const category = CATEGORIES[Math.floor(this.#random() ** 1.6 * CATEGORIES.length)]?.id ?? 'lamp'
    this.#tastes.set(visitor, trend ?? { style: Math.floor(this.#random() * STYLES), category })
    if (this.#known.length < KNOWN_MAX) this.#known.push(visitor)
    else {
      const place = Math.floor(this.#random() * KNOWN_MAX)
      this.#tastes.delete(this.#known[place] ?? '')
      this.#known[place] = visitor
    }
    return visitor
  }

  #pause(): number {
    return Math.ceil(-Math.log(1 - this.#random()) * STEP_MEAN_MS) + 200
  }

  #step(shopper: Shopper, events: ShopperEvent[]): void {
    const at = shopper.nextAt
    if (shopper.inCart !== undefined) {
      events.push({ visitor: shopper.visitor, type: 'purchase', item: shopper.inCart, source: 'direct', at })
      return this.#replace(shopper, at)
    }
    const { item, source } = this.#next(shopper)
    events.push({ visitor: shopper.visitor, type: 'view', item, source, at })
    shopper.item = item
    shopper.seen.push(item.id)
    shopper.nextAt = at + this.#pause()
    // Twice as likely for what is just right, less for the rest: 2.6 % in all.
    if (this.#random() < CART_SHARE * (item.style === shopper.style ? 1.6 : 0.5)) {
      events.push({ visitor: shopper.visitor, type: 'cart', item, source: 'direct', at: at + 100 })
      if (this.#random() < CART_TO_PURCHASE) {
        shopper.inCart = item
        return
      }
    }
    shopper.stepsLeft -= 1
    if (shopper.stepsLeft <= 0) this.#replace(shopper, at)
  }

  #next(shopper: Shopper): { item: Item; source: string } {
    const { item: current } = shopper
    if (current !== undefined) {
      const choice = this.#random()
      if (choice < 0.45) {
        const liked = this.#lookAtRow(shopper, current)
        if (liked !== undefined) return { item: liked, source: 'for-you' }
      }
      if (choice > 0.86 && shopper.seen.length > 1) {
        const back = itemOf(shopper.seen[Math.floor(this.#random() * (shopper.seen.length - 1))] ?? '')
        if (back !== undefined && back.id !== current.id) return { item: back, source: 'recent' }
      }
      if (choice < 0.8) return { item: this.#pick(item => item.id === current.id ? 0 : likingBetween(current, item) ** 2), source: 'category' }
    }
    return { item: this.#pick(item => item.category === shopper.category ? item.style === shopper.style ? 6 : 1.5 : item.style === shopper.style ? 0.6 : 0.15), source: 'search' }
  }

  /** X1: the first of the row that the shopper likes enough, if any. */
  #lookAtRow(shopper: Shopper, current: Item): Item | undefined {
    for (const id of this.#options.rowOf(shopper.visitor).slice(0, LOOKED_AT_IN_ROW)) {
      const item = itemOf(id)
      if (item === undefined || shopper.seen.includes(id)) continue
      const liking = likingBetween(current, item) + (item.style === shopper.style ? 0.15 : 0)
      if (this.#random() < liking * 0.35) return item
    }
    return undefined
  }

  /** An item by weight × popularity; what is held back is not there. */
  #pick(weightOf: (item: Item) => number): Item {
    const trend = this.#trend
    const weights = ITEMS.map(item => {
      if (item.isNew && !this.#released.has(item.id)) return 0
      const boost = trend !== undefined && item.style === trend.style && item.category === trend.category ? 12 : 1
      return weightOf(item) * (this.#popularity.get(item.id) ?? 0) * boost
    })
    let rest = this.#random() * weights.reduce((sum, weight) => sum + weight, 0)
    for (const [index, item] of ITEMS.entries()) {
      rest -= weights[index] ?? 0
      if (rest <= 0 && (weights[index] ?? 0) > 0) return item
    }
    const [first] = ITEMS
    if (first === undefined) throw new Error('the catalogue is not empty')
    return first
  }
}

/** How much one item leads to another, 0 to 1: material, category, what goes together. */
export function likingBetween(a: Item, b: Item): number {
  const isSameStyle = a.style === b.style
  if (a.category === b.category) return isSameStyle ? 0.9 : 0.4
  if (COMPLEMENTS[a.category]?.includes(b.category) === true) return isSameStyle ? 0.8 : 0.15
  return isSameStyle ? 0.12 : 0.02
}

/** Mulberry32: small, seeded, good enough for shoppers. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = state + 0x6d2b79f5 >>> 0
    let mixed = Math.imul(state ^ state >>> 15, state | 1)
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296
  }
}
