/** Sums for items that are numbers: one column for a whole stream, of which a question touches a part. */
export class Votes {
  readonly #sums: Float64Array
  #touched: number[] = []

  constructor(items: number) {
    this.#sums = new Float64Array(items)
  }

  /** Forgets the question before. */
  start(): this {
    for (const item of this.#touched) this.#sums[item] = 0
    this.#touched = []
    return this
  }

  /** `weight` is above 0. */
  add(item: number, weight: number): void {
    const sum = this.#sums[item] ?? 0
    if (sum === 0) this.#touched.push(item)
    this.#sums[item] = sum + weight
  }

  /** Multiplies each sum. */
  weigh(factorOf: (item: number) => number): void {
    for (const item of this.#touched) this.#sums[item] = (this.#sums[item] ?? 0) * factorOf(item)
  }

  /** The heaviest `count`, ties by number. Most are lighter than the lightest kept, so keeping in order costs less than sorting. */
  top(count: number, without: number | undefined, filtered?: ReadonlySet<number>): number[] {
    const sums = this.#sums
    const kept: number[] = []
    let least = 0
    for (const item of this.#touched) {
      const sum = sums[item] ?? 0
      const isFull = kept.length === count
      const last = kept.at(-1) ?? 0
      if (sum <= 0 || (isFull && (sum < least || (sum === least && item > last)))) continue
      if (item === without || filtered?.has(item) === true) continue
      if (isFull) kept.pop()
      let place = kept.length
      for (; place > 0; place -= 1) {
        const above = kept[place - 1] ?? 0
        const aboveSum = sums[above] ?? 0
        if (aboveSum > sum || (aboveSum === sum && above <= item)) break
      }
      kept.splice(place, 0, item)
      least = sums[kept.at(-1) ?? 0] ?? 0
    }
    return kept
  }
}
