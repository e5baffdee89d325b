/**
 * `aggregate`, `reduce` and `count` over sessions (W4).
 *
 * E1. A record without key is dropped and moves no clock; one without value is aggregated (W2).
 * E2. Sessions of the key that are open and at most the gap away merge with the record: their states are folded from `zero()` in order of
 *     their ends, then the record is added. Unless the only thing merged is a session of that very moment, each absorbed one is first passed
 *     on as (old window, `undefined`), as in Kafka Streams, also where the merged window is the same.
 * E3. A session is closed once its end is below now − grace − gap: one comparison for accepting, final results and expiry (a departure from W9, where
 *     Kafka Streams' suppress already emits at equality). `now` is stream time with `emit: 'updates'`, else stream time or watermark, whichever is higher.
 *     A closed session is never merged again; a record that is late alone but touches an open session is kept.
 * E4. Time of a row is the session's end (T4). Final rows leave in order of end, then of the bytes of the key, and carry no headers.
 */
import { assert } from '../../base/assert.ts'
import { Windowed } from '../../serde/windowed.ts'
import type { AggregateNode, WindowSpec } from '../../topology/node.ts'
import { bucketOf, sessionsOf, type Session } from '../state/session-rows.ts'
import type { WindowStore } from '../state/window-store.ts'
import { isSessionClosed } from '../time/windows.ts'
import { ClosingSessions } from './closing-sessions.ts'
import { NO_ORIGIN, TimedOperator, type Operator, type OperatorCounters, type Origin, type ShardTime } from './operator.ts'
import { UserContext } from './user-context.ts'

export class SessionAggregateOperator extends TimedOperator {
  readonly name: string
  readonly #zero: AggregateNode['zero']
  readonly #add: AggregateNode['add']
  readonly #merge: NonNullable<AggregateNode['merge']>
  readonly #window: Extract<WindowSpec, { kind: 'session' }>
  readonly #bucketMs: number
  readonly #store: WindowStore
  readonly #next: Operator
  readonly #time: ShardTime
  readonly #counters: OperatorCounters
  readonly #context = new UserContext()
  /** There with `emit: 'final'`. */
  readonly #closing: ClosingSessions | undefined

  constructor(node: AggregateNode, store: WindowStore, next: Operator, time: ShardTime, counters: OperatorCounters) {
    super()
    assert(node.window?.kind === 'session' && node.merge !== undefined, `${node.name} is not over sessions`)
    this.name = node.store
    this.#zero = node.zero
    this.#add = node.add
    this.#merge = node.merge
    this.#window = node.window
    this.#bucketMs = Math.max(1, node.window.gapMs + node.window.graceMs)
    this.#store = store
    this.#next = next
    this.#time = time
    this.#counters = counters
    this.#closing = node.window.emit === 'final' ? new ClosingSessions(store, this.#bucketMs) : undefined
    this.#wantNextClose()
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (key === undefined) return this.#counters.dropped(this.name, 'nullKey')
    if (time > this.streamTime) this.streamTime = time
    const { gapMs, graceMs } = this.#window
    const now = this.#closing === undefined ? this.streamTime : Math.max(this.streamTime, this.#time.watermark)
    const absorbed = this.#touching(key, time, now)
    let start = time
    let end = time
    for (const session of absorbed) {
      if (session.start < start) start = session.start
      if (session.end > end) end = session.end
    }
    if (isSessionClosed(end, now, gapMs, graceMs)) return this.#counters.dropped(this.name, 'late')
    const { zero, add } = { zero: this.#zero, add: this.#add }
    const folded = absorbed.length === 0 ? zero() : this.#fold(absorbed)
    if (absorbed.length > 0 && (start !== time || end !== time)) this.#absorb(key, absorbed, origin)
    const state = add(folded, value, this.#context.set(key, time, origin))
    this.#put(key, { start, end, state })
    if (this.#closing === undefined) {
      this.#next.process(new Windowed(key, { start, end }), state, end, origin)
      this.#store.expire(this.#firstOpenBucket(this.streamTime))
    } else this.#time.wantWatermark(this.#closesAt(end))
  }

  override onWatermark(watermark: number): void {
    const closing = this.#closing
    if (closing === undefined) return
    const closedBelow = watermark - this.#window.graceMs - this.#window.gapMs
    for (let closed = closing.take(closedBelow); closed !== undefined; closed = closing.take(closedBelow)) {
      const { key, session } = closed
      this.#remove(key, session)
      this.#next.process(new Windowed(key, { start: session.start, end: session.end }), session.state, session.end, NO_ORIGIN)
    }
    this.#store.expire(this.#firstOpenBucket(watermark))
    this.#wantNextClose()
  }

  override onRestored(watermark: number): void {
    if (this.#closing !== undefined && watermark >= 0) this.#store.expire(this.#firstOpenBucket(watermark))
  }

  /** Open sessions of the key that `time` is at most the gap away from, by end. */
  #touching(key: unknown, time: number, now: number): readonly Session[] {
    const { gapMs, graceMs } = this.#window
    const endMin = Math.max(time - gapMs, now - graceMs - gapMs, 0)
    const found: Session[] = []
    for (let bucket = bucketOf(endMin, this.#bucketMs); bucket <= this.streamTime; bucket += this.#bucketMs) {
      for (const session of sessionsOf(this.#store.find(bucket, key)?.value)) {
        if (session.end >= endMin && session.start <= time + gapMs) found.push(session)
      }
    }
    return found
  }

  #fold(sessions: readonly Session[]): unknown {
    const zero = this.#zero
    const merge = this.#merge
    let state = zero()
    for (const session of sessions) state = merge(state, session.state)
    return state
  }

  #absorb(key: unknown, sessions: readonly Session[], origin: Origin): void {
    for (const session of sessions) {
      this.#remove(key, session)
      if (this.#closing === undefined) this.#next.process(new Windowed(key, { start: session.start, end: session.end }), undefined, session.end, origin)
    }
  }

  /** Adds a session to its bucket's row, in place of one with the same window. A state of `undefined` leaves none. */
  #put(key: unknown, session: Session): void {
    const entry = this.#store.entry(bucketOf(session.end, this.#bucketMs), key)
    const others = sessionsOf(entry.value).filter(other => other.start !== session.start || other.end !== session.end)
    const sessions = session.state === undefined ? others : [...others, session].sort((left, right) => left.end - right.end)
    this.#store.set(entry, sessions.length === 0 ? undefined : sessions, session.end)
    if (session.state !== undefined) this.#closing?.added(entry, key, session)
  }

  #remove(key: unknown, session: Session): void {
    const entry = this.#store.entry(bucketOf(session.end, this.#bucketMs), key)
    const others = sessionsOf(entry.value).filter(other => other.start !== session.start || other.end !== session.end)
    this.#store.set(entry, others.length === 0 ? undefined : others, Math.max(0, entry.time))
  }

  /** Start of the first bucket in which a session may be open at `now`. */
  #firstOpenBucket(now: number): number {
    return Math.max(0, bucketOf(now - this.#bucketMs, this.#bucketMs))
  }

  /** Watermark at which a session that ends at `end` is closed. */
  #closesAt(end: number): number {
    return end + this.#window.gapMs + this.#window.graceMs + 1
  }

  #wantNextClose(): void {
    const end = this.#closing?.nextEndMin()
    if (end !== undefined) this.#time.wantWatermark(this.#closesAt(end))
  }
}
