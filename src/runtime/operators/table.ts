/**
 * A topic read as a table (K1): the last value of each key, in the order of the log and not of time; null deletes.
 * Each change is passed on with the record's time, a deletion as `undefined`, also of a row that was not there.
 */
import type { KeyedStore } from '../state/keyed-store.ts'
import { Operator, type OperatorCounters, type Origin } from './operator.ts'
import type { StoredTable } from './table-rows.ts'

export class TableOperator extends Operator {
  readonly #name: string
  readonly #store: KeyedStore
  readonly #rows: StoredTable['rows']
  readonly #next: Operator
  readonly #counters: OperatorCounters

  constructor(name: string, { store, rows }: StoredTable, next: Operator, counters: OperatorCounters) {
    super()
    this.#name = name
    this.#store = store
    this.#rows = rows
    this.#next = next
    this.#counters = counters
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (key === undefined) return this.#counters.dropped(this.#name, 'nullKey')
    const entry = this.#store.entry(key)
    this.#rows.previous = entry.value
    this.#store.set(entry, value, time)
    this.#next.process(key, value, time, origin)
  }
}
