/** Lets the simulated shoppers act in real time, and gives a new shop some hours of history so that the first page has lists. */
import type { TopicWriter } from '../links.ts'
import type { RecommenderTopics, ShopEvent } from '../topics.ts'
import { Shoppers, type ShopperEvent, type ShoppersOptions } from './shoppers.ts'

const TICK_MS = 50
export interface History {
  readonly ms: number
  readonly shoppers: number
}

/** What the shop of the demo begins with. */
const HISTORY: History = { ms: 2 * 3_600_000, shoppers: 7 }

export interface TrafficOptions extends Omit<ShoppersOptions, 'now'> {
  readonly writer: TopicWriter
  readonly topics: RecommenderTopics
  readonly now: () => number
  /** Of a new shop; that of the demo without it. */
  readonly history?: History | undefined
  readonly onError: (error: Error) => void
}

export class Traffic {
  readonly shoppers: Shoppers
  readonly #options: TrafficOptions
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: TrafficOptions) {
    this.#options = options
    this.shoppers = new Shoppers({ ...options, now: options.now() })
  }

  /** Some time of shoppers, all at once; the last of their events. */
  async sendHistory(): Promise<ShopperEvent | undefined> {
    const now = this.#options.now()
    const { ms, shoppers } = this.#options.history ?? HISTORY
    const past = new Shoppers({ seed: this.#options.seed + 1, now: now - ms, rowOf: () => [] })
    past.setCount(shoppers, now - ms)
    const events = past.until(now - TICK_MS)
    for (const event of events) this.#send(event, undefined)
    await this.#options.writer.flush()
    return events.at(-1)
  }

  start(count: number): void {
    if (this.#isStopped) return
    this.shoppers.setCount(count, this.#options.now())
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #tick(): void {
    const now = this.#options.now()
    // The broker is behind: shoppers wait, rather than fill memory.
    if (this.#options.writer.isFull) return
    const events = this.shoppers.until(now)
    if (events.length === 0) return
    for (const event of events) this.#send(event, now)
    this.#options.writer.flush().catch((error: unknown) => this.#options.onError(error instanceof Error ? error : new Error(String(error))))
  }

  #send({ visitor, type, item, source, at }: ShopperEvent, received: number | undefined): void {
    const event: ShopEvent = { type, item: item.id, at, category: item.category, price: item.price, source, received }
    this.#options.writer.send(this.#options.topics.events, visitor, event, at)
  }
}
