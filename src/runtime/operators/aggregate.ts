/**
 * `aggregate`, `reduce` and `count` without a window: one state per key, passed on after each record.
 *
 * A1. A record without key or without value is dropped (W2).
 * A2. The state's time is the highest of the records that made it (T4); the origin is that of the record at hand (M5).
 * A3. A state of `undefined` deletes the row and is passed on; the next record starts from `zero()`.
 */
import type { AggregateNode } from '../../topology/node.ts'
import type { KeyedStore } from '../state/keyed-store.ts'
import { Operator, type OperatorCounters, type Origin } from './operator.ts'
import type { StoredTable } from './table-rows.ts'
import { UserContext } from './user-context.ts'

export class AggregateOperator extends Operator {
  readonly #name: string
  readonly #zero: AggregateNode['zero']
  readonly #add: AggregateNode['add']
  readonly #store: KeyedStore
  readonly #rows: StoredTable['rows']
  readonly #next: Operator
  readonly #counters: OperatorCounters
  readonly #context = new UserContext()

  constructor(node: AggregateNode, { store, rows }: StoredTable, next: Operator, counters: OperatorCounters) {
    super()
    this.#name = node.name
    this.#zero = node.zero
    this.#add = node.add
    this.#store = store
    this.#rows = rows
    this.#next = next
    this.#counters = counters
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (key === undefined) return this.#counters.dropped(this.#name, 'nullKey')
    if (value === undefined) return this.#counters.dropped(this.#name, 'nullValue')
    const zero = this.#zero
    const add = this.#add
    const entry = this.#store.entry(key)
    const before = entry.value
    this.#rows.previous = before
    const stateTime = before === undefined ? time : Math.max(time, entry.time)
    const state = add(before === undefined ? zero() : before, value, this.#context.set(key, time, origin))
    this.#store.set(entry, state, stateTime)
    this.#next.process(key, state, stateTime, origin)
  }
}
