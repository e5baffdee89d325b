/**
 * Deletes what a task has consumed of its repartition topics (P3): they have no retention of their own, and nobody else reads them.
 *
 * PU1. Only what is committed is deleted, and only by the worker that commits it: the offset is read by nobody who comes later.
 * PU2. At most once per `PURGE_MS`, in the background; a failure costs disk space until the next time, and nothing else.
 */
import { messageOf } from '../base/errors.ts'
import type { OffsetEntry } from '../client/types.ts'
import type { TaskContext } from './task-context.ts'

const PURGE_MS = 10_000

export class RepartitionPurge {
  readonly #context: TaskContext
  readonly #topics: ReadonlySet<string>
  readonly #waiting = new Map<string, OffsetEntry>()
  #purgedAt: number
  #underWay = false

  constructor(context: TaskContext) {
    this.#context = context
    this.#topics = new Set(context.plan.repartitionTopics.map(topic => topic.name))
    this.#purgedAt = context.env.clock.monotonic()
  }

  /** Told after each commit. */
  committed(offsets: readonly OffsetEntry[]): void {
    if (this.#topics.size === 0) return
    for (const entry of offsets) if (this.#topics.has(entry.topic)) this.#waiting.set(`${entry.topic}/${entry.partition}`, entry)
    const now = this.#context.env.clock.monotonic()
    if (this.#underWay || this.#waiting.size === 0 || now - this.#purgedAt < PURGE_MS) return
    this.#purgedAt = now
    void this.#purge([...this.#waiting.values()])
    this.#waiting.clear()
  }

  async #purge(before: readonly OffsetEntry[]): Promise<void> {
    this.#underWay = true
    try {
      await this.#context.admin.deleteRecords(before)
    } catch (error) {
      this.#context.logger.debug('repartition topics could not be purged', { problem: messageOf(error) })
    } finally {
      this.#underWay = false
    }
  }
}
