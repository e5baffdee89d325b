/**
 * A topic read as a table (K1): the last value of each key, in the order of the log and not of time; null deletes.
 * Each change is passed on with the record's time, a deletion as `undefined`, also of a row that was not there.
 */
import type { KeyedStore } from '../state/keyed-store.ts'
import { Operator, type OperatorCounters, type Origin } from './operator.ts'

export class TableOperator extends Operator {
  readonly #name: string
  readonly #store: KeyedStore
  readonly #next: Operator
  readonly #counters: OperatorCounters

  constructor(name: string, store: KeyedStore, next: Operator, counters: OperatorCounters) {
    super()
    this.#name = name
    this.#store = store
    this.#next = next
    this.#counters = counters
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (key === undefined) return this.#counters.dropped(this.#name, 'nullKey')
    this.#store.set(this.#store.entry(key), value, time)
    this.#next.process(key, value, time, origin)
  }
}
