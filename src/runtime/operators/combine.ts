/**
 * Folds the records of a key (and tumbling window) into one state before they travel to the partition of their key; the states leave at the commit.
 *
 * C1. A state stands for its records: it has the highest of their times, which is in their window, and what they would have done to the aggregate's row,
 *     merging it does. What is held is given back with the commit's flush (O7), so a commit bounds it, and nothing of it is state (O5).
 * C2. States leave in the order of their windows. A worker releases those of all its shards window by window (`ShardSeats.freeze`), so that they come no more
 *     out of order than the records themselves would have.
 * C3. Records that the aggregate drops for want of a key or a value are dropped here, in its name. Records with headers are passed on by themselves.
 * C4. Where keys hardly repeat within a commit, holding them costs more than it saves: then records are passed on by themselves for a while.
 */
import { MillraceError } from '../../base/errors.ts'
import type { CombineNode } from '../../topology/node.ts'
import { RowCodec } from '../state/row-codec.ts'
import { NO_ORIGIN, Operator, type OperatorCounters, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

/** States held in one shard, from which on all of them leave early. */
const HELD_MAX = 200_000
/** A look at how much was saved says something from so many records on. */
const LOOK_RECORDS_MIN = 2_000
/** More states than this for each record is not worth it. */
const STATES_PER_RECORD_MAX = 0.75
const PASS_RECORDS = 500_000

class Held {
  state: unknown
  time: number

  constructor(state: unknown, time: number) {
    this.state = state
    this.time = time
  }
}

export class CombineOperator extends Operator {
  readonly #node: CombineNode
  readonly #next: Operator
  readonly #counters: OperatorCounters
  readonly #codec: RowCodec
  readonly #context = new UserContext()
  /** By start of the window. */
  readonly #windows = new Map<number, Map<unknown, Held>>()
  #lastStart = -1
  #last = new Map<unknown, Held>()
  #taken = 0
  #held = 0
  #passLeft = 0

  constructor(node: CombineNode, next: Operator, counters: OperatorCounters) {
    super()
    this.#node = node
    this.#next = next
    this.#counters = counters
    this.#codec = new RowCodec(0, node.output.key, node.state)
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const { store, sizeMs, zero, add } = this.#node
    if (key === undefined) return this.#counters.dropped(store, 'nullKey')
    if (value === undefined && sizeMs === undefined) return this.#counters.dropped(store, 'nullValue')
    if (this.#passLeft > 0 || origin.headers().length > 0) {
      if (this.#passLeft > 0) this.#passLeft--
      return this.#next.process(key, this.#added(add(zero(), value, this.#context.set(key, time, origin))), time, origin)
    }
    this.#taken++
    // Nearly always the window of the record before: a remainder of numbers this large is slow.
    const last = this.#lastStart
    const states = this.#statesAt(sizeMs === undefined ? 0 : last >= 0 && time >= last && time < last + sizeMs ? last : time - time % sizeMs)
    const identity = this.#codec.identity(key)
    const held = states.get(identity)
    const context = this.#context.set(key, time, origin)
    if (held === undefined) {
      states.set(identity, new Held(this.#added(add(zero(), value, context)), time))
      if (++this.#held >= HELD_MAX) this.flush()
    } else {
      held.state = this.#added(add(held.state, value, context))
      if (time > held.time) held.time = time
    }
  }

  override flush(): void {
    this.release(Infinity)
  }

  override heldFrom(): number {
    let lowest = Infinity
    for (const start of this.#windows.keys()) if (start < lowest) lowest = start
    return lowest
  }

  override release(upTo: number): void {
    for (const start of [...this.#windows.keys()].filter(each => each <= upTo).sort((left, right) => left - right)) {
      const states = this.#windows.get(start) ?? []
      this.#windows.delete(start)
      if (start === this.#lastStart) this.#lastStart = -1
      for (const [identity, { state, time }] of states) this.#next.process(this.#codec.keyOfIdentity(identity), state, time, NO_ORIGIN)
    }
    if (this.#windows.size === 0) this.#look()
  }

  /** C4. */
  #look(): void {
    if (this.#taken >= LOOK_RECORDS_MIN && this.#held > this.#taken * STATES_PER_RECORD_MAX) this.#passLeft = PASS_RECORDS
    this.#taken = 0
    this.#held = 0
  }

  #statesAt(start: number): Map<unknown, Held> {
    if (start === this.#lastStart) return this.#last
    let states = this.#windows.get(start)
    if (states === undefined) this.#windows.set(start, states = new Map())
    this.#lastStart = start
    this.#last = states
    return states
  }

  #added(state: unknown): unknown {
    if (state === undefined) throw new MillraceError('USER_CODE', `'${this.#node.store}' has a merge, and its add gives undefined: a state that is to be merged cannot be none.`)
    return state
  }
}
