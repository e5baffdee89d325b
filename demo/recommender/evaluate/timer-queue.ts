/** Timers of many keys, taken by time, then by the bytes of the key, then by name. One per key and name: setting it again moves it. */
export interface KeyTimer {
  readonly key: string
  readonly name: string
  readonly time: number
}

export class TimerQueue {
  readonly #heap: KeyTimer[] = []
  readonly #live = new Map<string, KeyTimer>()

  set(key: string, name: string, time: number): void {
    const entry = { key, name, time }
    this.#live.set(`${name}\u0000${key}`, entry)
    this.#push(entry)
  }

  cancel(key: string, name: string): void {
    this.#live.delete(`${name}\u0000${key}`)
  }

  /** Takes the next timer that is due at `watermark`. */
  takeDue(watermark: number): KeyTimer | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.time > watermark) return undefined
      this.#pop()
      const id = `${first.name}\u0000${first.key}`
      if (this.#live.get(id) !== first) continue
      this.#live.delete(id)
      return first
    }
  }

  #push(entry: KeyTimer): void {
    const heap = this.#heap
    let place = heap.length
    heap.push(entry)
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, entry)) break
      heap[place] = above
      place = parent
    }
    heap[place] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      let below = heap[child]
      if (below === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, below)) {
        child += 1
        below = right
      }
      if (isBefore(last, below)) break
      heap[place] = below
      place = child
    }
    heap[place] = last
  }
}

function isBefore(a: KeyTimer, b: KeyTimer): boolean {
  if (a.time !== b.time) return a.time < b.time
  return (Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))) < 0
}
