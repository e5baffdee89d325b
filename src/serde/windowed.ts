/** A span of event time `[start, end)` in epoch milliseconds; a session's `end` is its last record's time, inclusive (rules W1, W4). */
export interface Window {
  readonly start: number
  readonly end: number
}

/** The key of a row that a windowed aggregation emits, as the operators pass it on. */
export class Windowed<K> {
  readonly key: K
  readonly window: Window

  constructor(key: K, window: Window) {
    this.key = key
    this.window = window
  }
}
