/** A binary heap: the lowest item by `compare` comes first. */
export class Heap<T> {
  readonly #compare: (left: T, right: T) => number
  #items: T[] = []

  constructor(compare: (left: T, right: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#items.push(item)
    for (let at = this.#items.length - 1; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfLess(at, parent)) return
      at = parent
    }
  }

  pop(): T | undefined {
    const first = this.#items[0]
    const last = this.#items.pop()
    if (first === undefined || last === undefined || this.#items.length === 0) return first
    this.#items[0] = last
    for (let at = 0; ;) {
      const left = 2 * at + 1
      const a = this.#items[left]
      const b = this.#items[left + 1]
      if (a === undefined) return first
      const child = b !== undefined && this.#compare(b, a) < 0 ? left + 1 : left
      if (!this.#swapIfLess(child, at)) return first
      at = child
    }
  }

  /** All items, in no order. */
  items(): readonly T[] {
    return this.#items
  }

  /** Replaces all items. */
  reset(items: readonly T[]): void {
    this.#items = []
    for (const item of items) this.push(item)
  }

  #swapIfLess(at: number, above: number): boolean {
    const item = this.#items[at]
    const other = this.#items[above]
    if (item === undefined || other === undefined || this.#compare(item, other) >= 0) return false
    this.#items[at] = other
    this.#items[above] = item
    return true
  }
}
