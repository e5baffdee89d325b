/** The second argument of user functions: one object per operator, set for each call (see `RecordContext`). */
import { Windowed, type Window } from '../../serde/windowed.ts'
import type { Header, RecordContext } from '../../topology/node.ts'
import { LATE_KEY, NO_ORIGIN, type Origin } from './operator.ts'

export class UserContext implements RecordContext {
  #key: unknown = undefined
  window: Window | undefined = undefined
  time = -1
  origin: Origin = NO_ORIGIN

  /** Sets what the next call is about. The key of a windowed row is split into key and window. */
  set(key: unknown, time: number, origin: Origin): this {
    if (key instanceof Windowed) {
      this.#key = key.key
      this.window = key.window
    } else {
      this.#key = key
      this.window = undefined
    }
    this.time = time
    this.origin = origin
    return this
  }

  get key(): unknown { return this.#key === LATE_KEY ? this.origin.lateKey() : this.#key }
  get topic(): string { return this.origin.topic }
  get partition(): number { return this.origin.partition }
  get offset(): number { return this.origin.offset }
  get headers(): readonly Header[] { return this.origin.headers() }
}
