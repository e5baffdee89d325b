/** What a task's runner counts: totals since the start, and the commits of the last minute. */
import type { Env } from '../env/env.ts'
import type { DropReason, OperatorCounters } from './operators/operator.ts'

const WINDOW_MS = 60_000
const SAMPLES_MAX = 1_200

export class TaskCounters implements OperatorCounters {
  readonly #env: Env
  readonly #commits: { readonly at: number; readonly ms: number }[] = []
  /** Records taken by shards that are gone; running ones count for themselves. */
  recordsIn = 0
  commits = 0
  errors = 0
  skipped = 0
  deadLettered = 0
  lastError: string | null = null
  readonly drops = new Map<string, number>()

  constructor(env: Env) {
    this.#env = env
  }

  dropped(operator: string, reason: DropReason): void {
    const name = `${operator}: ${reason}`
    this.drops.set(name, (this.drops.get(name) ?? 0) + 1)
  }

  committed(ms: number): void {
    this.commits++
    this.#commits.push({ at: this.#env.clock.monotonic(), ms })
    if (this.#commits.length > SAMPLES_MAX) this.#commits.splice(0, SAMPLES_MAX / 4)
  }

  /** Milliseconds from freeze to the commit's answer, over the last minute. */
  commitMs(): { readonly p50: number; readonly p99: number } {
    const since = this.#env.clock.monotonic() - WINDOW_MS
    const sorted = this.#commits.filter(commit => commit.at >= since).map(commit => commit.ms).sort((a, b) => a - b)
    const at = (share: number): number => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 100) / 100
    return { p50: at(0.5), p99: at(0.99) }
  }
}
