/**
 * The heartbeats of a group member: one after the other, on the member's own connection, so that nothing else delays them.
 *
 * A failed request is repeated soon, since the coordinator may have moved; only the coordinator's word ends a membership.
 */
import { messageOf } from '../base/errors.ts'
import type { Timer } from '../env/env.ts'
import { heartbeat } from '../wire/apis/12-heartbeat.ts'
import type { Cluster } from './cluster.ts'
import type { GroupIdentity } from './types.ts'

export interface HeartbeatsOptions {
  readonly lane: string
  readonly intervalMs: number
  /** Once a generation has been stable for `CALM_AFTER_MS`. */
  readonly calmIntervalMs: number
  /** An attempt may take a third of it, so that a hanging connection is replaced before the session is over. */
  readonly sessionTimeoutMs: number
  readonly identity: () => GroupIdentity
  /** The coordinator answered that all is well. */
  readonly alive: () => void
  /** The coordinator answered with this code; heartbeats go on until `stop`, unless the membership is over. */
  readonly refused: (code: number) => void
}

const CALM_AFTER_MS = 20_000

export class Heartbeats {
  readonly #cluster: Cluster
  readonly #options: HeartbeatsOptions
  #timer: Timer | undefined
  /** Rises with each start and stop: an answer to an older run is dropped. */
  #run = 0
  #running = false
  #startedAt = 0

  constructor(cluster: Cluster, options: HeartbeatsOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  start(): void {
    this.stop()
    this.#running = true
    this.#startedAt = this.#cluster.env.clock.monotonic()
    this.#schedule(this.#run, this.#options.intervalMs)
  }

  stop(): void {
    this.#run++
    this.#running = false
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #schedule(run: number, delayMs: number): void {
    if (!this.#running || run !== this.#run) return
    this.#timer = this.#cluster.env.clock.setTimer(() => void this.#beat(run), delayMs)
  }

  async #beat(run: number): Promise<void> {
    const { groupId, generation, memberId, groupInstanceId } = this.#options.identity()
    const isCalm = this.#cluster.env.clock.monotonic() - this.#startedAt > CALM_AFTER_MS
    let delayMs = isCalm ? this.#options.calmIntervalMs : this.#options.intervalMs
    try {
      const answer = await this.#cluster.request({ group: groupId }, heartbeat, {
        groupId, generationId: generation, memberId, groupInstanceId: groupInstanceId ?? null,
      }, { lane: this.#options.lane, timeoutMs: this.#options.sessionTimeoutMs / 3, deadlineMs: this.#options.sessionTimeoutMs })
      if (run !== this.#run) return
      if (answer.errorCode === 0) this.#options.alive()
      else this.#options.refused(answer.errorCode)
    } catch (error) {
      if (run !== this.#run || this.#cluster.closed) return
      this.#cluster.logger.warn('a heartbeat failed', { group: groupId, error: messageOf(error) })
      delayMs = Math.min(delayMs, 500)
    }
    this.#schedule(run, delayMs)
  }
}
