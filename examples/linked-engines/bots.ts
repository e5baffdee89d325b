/**
 * Visitors that are no shoppers, for the fraud task to find: every so often one looks at many things within seconds and puts some into its cart.
 *
 * N1. Seeded, and no clock is read: `until(now)` gives what has happened by then.
 */
import { ITEMS, type Item } from '../../demo/recommender/shop/catalogue.ts'
import { seeded, type ShopperEvent } from '../../demo/recommender/shop/shoppers.ts'

const EVERY_MS = 15_000
const STEP_MS = 400
const STEPS = 24
const CART_EVERY_STEPS = 4

export class Bots {
  readonly #random: () => number
  readonly #startedAt: number
  #steps = 0
  #item: Item | undefined

  constructor(options: { readonly seed: number, readonly now: number }) {
    this.#random = seeded(options.seed)
    this.#startedAt = options.now
  }

  until(now: number): ShopperEvent[] {
    const events: ShopperEvent[] = []
    for (let at = this.#nextAt(); at <= now; at = this.#nextAt()) {
      const visitor = `bot-${this.#startedAt.toString(36)}-${Math.floor(this.#steps / STEPS) + 1}`
      const isCart = this.#steps % CART_EVERY_STEPS === CART_EVERY_STEPS - 1
      if (!isCart || this.#item === undefined) this.#item = ITEMS[Math.floor(this.#random() * ITEMS.length)]
      if (this.#item !== undefined) events.push({ visitor, type: isCart ? 'cart' : 'view', item: this.#item, source: 'direct', at })
      this.#steps += 1
    }
    return events
  }

  #nextAt(): number {
    return this.#startedAt + (Math.floor(this.#steps / STEPS) + 1) * EVERY_MS + this.#steps % STEPS * STEP_MS
  }
}
