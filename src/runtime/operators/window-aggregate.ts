/**
 * `aggregate`, `reduce` and `count` over time windows, tumbling or hopping.
 *
 * G1. A record without key is dropped and moves no clock; one without value is aggregated (W2).
 * G2. A record updates each of its windows that is not closed (W1). With `emit: 'updates'` closing goes by stream time, as in Kafka Streams;
 *     with `emit: 'final'` by stream time or watermark, whichever is higher: a window whose result is out never opens again (one comparison, W9).
 * G3. Time of a row: the highest of its records (T4). A final row has no single origin, so no headers.
 * G4. Final rows leave when the watermark passes end + grace, ordered by window, then by the bytes of the key.
 * G5. Rows of closed windows are forgotten: with `updates` as soon as they are closed, with `final` once they are out.
 */
import { assert } from '../../base/assert.ts'
import { Windowed } from '../../serde/windowed.ts'
import type { AggregateNode, WindowSpec } from '../../topology/node.ts'
import type { WindowStore } from '../state/window-store.ts'
import { firstWindowStart, isClosed } from '../time/windows.ts'
import { NO_ORIGIN, TimedOperator, type Operator, type OperatorCounters, type Origin, type ShardTime } from './operator.ts'
import { UserContext } from './user-context.ts'

export class WindowAggregateOperator extends TimedOperator {
  readonly name: string
  readonly #zero: AggregateNode['zero']
  readonly #add: AggregateNode['add']
  readonly #window: Extract<WindowSpec, { kind: 'time' }>
  readonly #final: boolean
  readonly #store: WindowStore
  readonly #next: Operator
  readonly #time: ShardTime
  readonly #counters: OperatorCounters
  readonly #context = new UserContext()

  constructor(node: AggregateNode, store: WindowStore, next: Operator, time: ShardTime, counters: OperatorCounters) {
    super()
    assert(node.window?.kind === 'time', `${node.name} is not over time windows`)
    this.name = node.store
    this.#zero = node.zero
    this.#add = node.add
    this.#window = node.window
    this.#final = node.window.emit === 'final'
    this.#store = store
    this.#next = next
    this.#time = time
    this.#counters = counters
    if (this.#final) this.#wantNextClose()
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (key === undefined) return this.#counters.dropped(this.name, 'nullKey')
    if (time > this.streamTime) this.streamTime = time
    const { sizeMs, advanceMs, graceMs } = this.#window
    const now = this.#final ? Math.max(this.streamTime, this.#time.watermark) : this.streamTime
    for (let start = firstWindowStart(time, sizeMs, advanceMs); start <= time; start += advanceMs) {
      if (isClosed(start + sizeMs, now, graceMs)) this.#counters.dropped(this.name, 'late')
      else this.#update(start, key, value, time, origin)
    }
    if (!this.#final) this.#store.expire(this.#firstOpen(this.streamTime))
  }

  override onWatermark(watermark: number): void {
    if (!this.#final) return
    const due = this.#firstOpen(watermark)
    for (const row of this.#store.rows(this.#store.expiredBelow, due)) {
      this.#next.process(new Windowed(row.key, { start: row.start, end: row.start + this.#window.sizeMs }), row.value, row.time, NO_ORIGIN)
    }
    this.#store.expire(due)
    this.#wantNextClose()
  }

  override onRestored(watermark: number): void {
    if (this.#final && watermark >= 0) this.#store.expire(this.#firstOpen(watermark))
  }

  #update(start: number, key: unknown, value: unknown, time: number, origin: Origin): void {
    const zero = this.#zero
    const add = this.#add
    const entry = this.#store.entry(start, key)
    const before = entry.value
    const rowTime = before === undefined ? time : Math.max(time, entry.time)
    const state = add(before === undefined ? zero() : before, value, this.#context.set(key, time, origin))
    this.#store.set(entry, state, rowTime)
    const end = start + this.#window.sizeMs
    if (this.#final) this.#time.wantWatermark(end + this.#window.graceMs)
    else this.#next.process(new Windowed(key, { start, end }), state, rowTime, origin)
  }

  /** Start of the first window that is open at `now`. */
  #firstOpen(now: number): number {
    const { sizeMs, advanceMs, graceMs } = this.#window
    return Math.max(0, Math.floor((now - graceMs - sizeMs) / advanceMs) * advanceMs + advanceMs)
  }

  #wantNextClose(): void {
    const start = this.#store.nextStart(0)
    if (start !== undefined) this.#time.wantWatermark(start + this.#window.sizeMs + this.#window.graceMs)
  }
}
