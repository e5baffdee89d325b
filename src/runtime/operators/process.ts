/**
 * `process`: a user's function over records, one state per key, and timers.
 *
 * P1. A record without key is dropped: state and timers belong to keys.
 * P2. An event-time timer fires between records, once the watermark is ≥ its time, also if it was so when set; a wall-clock timer at the first tick at or
 *     after its time. A timer is gone when it fires, and may be set anew by `onTimer`. Timers outlive a restart: overdue ones fire then (M2).
 * P3. What `onRecord` emits has the record's time and origin; what `onTimer` emits has the timer's time and no headers (T4, M5).
 */
import { MillraceError } from '../../base/errors.ts'
import type { KeyState, ProcessContext, ProcessNode, Timer, Timers } from '../../topology/node.ts'
import type { KeyedStore } from '../state/keyed-store.ts'
import type { LiveEntry } from '../state/live-entry.ts'
import type { DueTimers, TimerClock, TimerStore } from '../state/timer-store.ts'
import { NO_ORIGIN, TimedOperator, type Operator, type OperatorCounters, type Origin, type ReadableTable, type ShardTime } from './operator.ts'
import { UserContext } from './user-context.ts'

/** More than can be due at once, after however long a pause: beyond it `onTimer` goes round in circles. */
const FIRED_AT_ONCE_MAX = 20_000_000

export interface ProcessParts {
  readonly store: KeyedStore
  /** There if the node has `onTimer`. */
  readonly timers: TimerStore | undefined
  /** Global tables, by the names the node has them under. */
  readonly tables: Readonly<Record<string, ReadableTable>>
  readonly next: Operator
  readonly time: ShardTime
  readonly counters: OperatorCounters
}

export class ProcessOperator extends TimedOperator {
  readonly name: string
  readonly #node: ProcessNode
  readonly #parts: ProcessParts
  readonly #context: OperatorProcessContext

  constructor(node: ProcessNode, parts: ProcessParts) {
    super()
    this.name = node.store
    this.#node = node
    this.#parts = parts
    this.#context = new OperatorProcessContext(node.name, parts)
    this.#wantNext()
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (key === undefined) return this.#parts.counters.dropped(this.name, 'nullKey')
    if (time > this.streamTime) this.streamTime = time
    this.#node.onRecord(value, this.#context.at(key, time, origin))
  }

  override onWatermark(watermark: number): void {
    this.#fire('event', watermark)
  }

  override onWallClock(nowMs: number): void {
    this.#fire('wall', nowMs)
  }

  #fire(clock: TimerClock, upTo: number): void {
    const { timers } = this.#parts
    if (timers === undefined) return
    let fired = 0
    for (let due = timers.take(clock, upTo); due !== undefined; due = timers.take(clock, upTo)) {
      if (++fired > FIRED_AT_ONCE_MAX) throw new MillraceError('USER_CODE', `'${this.#node.name}' fired ${FIRED_AT_ONCE_MAX} timers without time moving on: its onTimer sets timers that are due already.`)
      this.#call(clock, due)
    }
    this.#wantNext()
  }

  #call(clock: TimerClock, due: DueTimers): void {
    for (const name of due.names) this.#node.onTimer?.({ name, clock, time: due.time } satisfies Timer, this.#context.at(due.key, due.time, NO_ORIGIN))
  }

  #wantNext(): void {
    const { timers, time } = this.#parts
    if (timers === undefined) return
    time.wantWatermark(timers.nextTime('event'))
    time.wantWallClock(timers.nextTime('wall'))
  }
}

/** What user functions get: one object per operator, set for each call. `emit`, `state` and `timers` may be taken out of it. */
class OperatorProcessContext extends UserContext implements ProcessContext {
  readonly state: StateOfKey
  readonly timers: TimersOfKey
  readonly tables: Readonly<Record<string, ReadableTable>>
  readonly emit: (value: unknown, time?: number) => void

  constructor(operator: string, parts: ProcessParts) {
    super()
    this.state = new StateOfKey(parts.store)
    this.timers = new TimersOfKey(operator, parts)
    this.tables = parts.tables
    this.emit = (value, time = this.time) => parts.next.process(this.key, value, time, this.origin)
  }

  at(key: unknown, time: number, origin: Origin): this {
    this.state.at(key, time)
    this.timers.at(key)
    return this.set(key, time, origin)
  }
}

class StateOfKey implements KeyState<unknown> {
  readonly #store: KeyedStore
  #key: unknown
  #time = -1
  #entry: LiveEntry | undefined

  constructor(store: KeyedStore) {
    this.#store = store
  }

  at(key: unknown, time: number): void {
    this.#key = key
    this.#time = time
    this.#entry = undefined
  }

  get(): unknown {
    return this.#found().value
  }

  set(state: unknown): void {
    this.#store.set(this.#found(), state, Math.max(0, this.#time))
  }

  delete(): void {
    this.set(undefined)
  }

  #found(): LiveEntry {
    return this.#entry ??= this.#store.entry(this.#key)
  }
}

class TimersOfKey implements Timers {
  readonly #operator: string
  readonly #store: TimerStore | undefined
  readonly #time: ShardTime
  #key: unknown

  constructor(operator: string, parts: ProcessParts) {
    this.#operator = operator
    this.#store = parts.timers
    this.#time = parts.time
  }

  at(key: unknown): void {
    this.#key = key
  }

  set(time: number, name = ''): void {
    this.#checked(time).set(this.#key, 'event', name, time)
    this.#time.wantWatermark(time)
  }

  setWallClock(time: number, name = ''): void {
    this.#checked(time).set(this.#key, 'wall', name, time)
    this.#time.wantWallClock(time)
  }

  cancel(name = ''): void {
    this.#store?.cancel(this.#key, 'event', name)
  }

  cancelWallClock(name = ''): void {
    this.#store?.cancel(this.#key, 'wall', name)
  }

  now(): number {
    return this.#time.now()
  }

  #checked(time: number): TimerStore {
    if (this.#store === undefined) throw new MillraceError('USER_CODE', `'${this.#operator}' sets a timer but has no onTimer.`)
    if (!Number.isSafeInteger(time) || time < 0) throw new MillraceError('USER_CODE', `'${this.#operator}' sets a timer to ${time}: a timer's time is whole milliseconds since 1970.`)
    return this.#store
  }
}
