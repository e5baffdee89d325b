/** Clicks with numbers that go up, so that a recount says of each whether it came out, once, and in the order of its key. */
import type { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { partitionOf } from '../../src/wire/partitioner.ts'

export interface NumberedClicksOptions {
  readonly topic: string
  readonly perSecond: number
  /** Shoppers: keys are `shopper-0` and so on, in turn. */
  readonly keys: number
  readonly partitions?: number | undefined
  /** Further fields of click number `seq`, beside `id` (`e<seq>`) and `seq`. */
  readonly more?: ((seq: number) => Readonly<Record<string, unknown>>) | undefined
}

export class NumberedClicks {
  readonly #producer: Producer
  readonly #options: NumberedClicksOptions
  #timer: NodeJS.Timeout | undefined
  sent = 0

  constructor(cluster: Cluster, options: NumberedClicksOptions) {
    // Whole clusters die under it, and come back on a machine that is busy: what they were asked to take is not given up.
    this.#producer = new Producer(cluster, { lingerMs: 5, deliveryTimeoutMs: 900_000 })
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#producer.init()
    this.#timer = setInterval(() => { for (let index = 0; index < this.#options.perSecond / 20; index++) this.#send() }, 50)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#producer.close()
  }

  #send(): void {
    const { topic, keys, partitions = 4, more } = this.#options
    const seq = this.sent++
    const key = Buffer.from(`shopper-${seq % keys}`)
    this.#producer.send(topic, partitionOf(key, partitions), Date.now(), key, Buffer.from(JSON.stringify({ id: `e${seq}`, seq, ...more?.(seq) })))
  }
}
