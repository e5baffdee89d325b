/** The last measurements of a duration, and their percentiles. */
export class Latencies {
  readonly #values: number[] = []
  readonly #max: number
  #place = 0

  constructor(max: number) {
    this.#max = max
  }

  add(value: number): void {
    this.#values[this.#place] = value
    this.#place = (this.#place + 1) % this.#max
  }

  /** `undefined` before the first measurement. */
  percentile(share: number): number | undefined {
    const sorted = this.#values.toSorted((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  }

  get count(): number {
    return this.#values.length
  }
}
