/**
 * What was asked, how much, and how long it took: one row per API of the list of what is served.
 *
 * Times run from the whole request's arrival to its encoded answer; long polls and joins count their wait.
 */
import type { Handler } from './handler.ts'

export interface ApiMetrics {
  readonly apiKey: number
  readonly apiName: string
  requests: number
  bytesIn: number
  bytesOut: number
  msTotal: number
  msMax: number
}

export class RequestMetrics {
  readonly #rows: ReadonlyMap<number, ApiMetrics>

  constructor(served: readonly Handler[]) {
    this.#rows = new Map(served.map(({ api }) => [api.key, { apiKey: api.key, apiName: api.name, requests: 0, bytesIn: 0, bytesOut: 0, msTotal: 0, msMax: 0 }]))
  }

  count(apiKey: number, bytesIn: number, bytesOut: number, ms: number): void {
    const row = this.#rows.get(apiKey)
    if (row === undefined) return
    row.requests += 1
    row.bytesIn += bytesIn
    row.bytesOut += bytesOut
    row.msTotal += ms
    if (ms > row.msMax) row.msMax = ms
  }

  /** A copy of the rows of what was asked at all. */
  list(): ApiMetrics[] {
    return [...this.#rows.values()].filter(row => row.requests > 0).map(row => ({ ...row }))
  }
}
