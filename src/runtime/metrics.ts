/**
 * Publishes the process's snapshot once a second to `__millrace.metrics`.
 *
 * M3. Metrics never hold up or fail the app: what cannot be sent is dropped, with one warning.
 */
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Cluster } from '../client/cluster.ts'
import { Producer } from '../client/producer.ts'
import type { Timer } from '../env/env.ts'
import { encodeSnapshot, METRICS_INTERVAL_MS, METRICS_TOPIC } from './snapshot.ts'
import type { ProcessSnapshot } from './snapshot.ts'

export class MetricsReporter {
  readonly #cluster: Cluster
  readonly #logger: Logger
  readonly #snapshot: () => Promise<ProcessSnapshot>
  #producer: Producer | undefined
  #timer: Timer | undefined
  #warned = false
  #closed = false

  constructor(cluster: Cluster, logger: Logger, snapshot: () => Promise<ProcessSnapshot>) {
    this.#cluster = cluster
    this.#logger = logger
    this.#snapshot = snapshot
  }

  async start(): Promise<void> {
    this.#producer = new Producer(this.#cluster, { idempotent: false, acks: 1, deliveryTimeoutMs: 10_000, bytesInFlightMax: 1 << 20 })
    await this.#producer.init()
    this.#next()
  }

  /** Sends a last snapshot, so that readers see the process stop. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#report()
    await this.#producer?.close().catch((error: unknown) => this.#warn(error))
  }

  #next(): void {
    if (this.#closed) return
    this.#timer = this.#cluster.env.clock.setTimer(() => { void this.#report().finally(() => this.#next()) }, METRICS_INTERVAL_MS, { background: true })
  }

  async #report(): Promise<void> {
    try {
      const snapshot = await this.#snapshot()
      if (this.#producer === undefined || this.#producer.full) return
      this.#producer.send(METRICS_TOPIC, 0, snapshot.at, Buffer.from(snapshot.process, 'utf8'), encodeSnapshot(snapshot))
      await this.#producer.flush()
    } catch (error) {
      this.#warn(error)
    }
  }

  #warn(error: unknown): void {
    if (this.#warned) return
    this.#warned = true
    this.#logger.warn('metrics are not published', { problem: messageOf(error) })
  }
}
