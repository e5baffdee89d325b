/**
 * `filter` on a table (K2): a row that the test holds for is passed on; one that it held for and holds for no more leaves as a deletion.
 * What was not in the filtered table before and is not now is not passed on.
 */
import { Operator, type Origin } from './operator.ts'
import type { FilteredRows } from './table-rows.ts'

export class TableFilterOperator extends Operator {
  readonly #rows: FilteredRows
  readonly #next: Operator

  constructor(rows: FilteredRows, next: Operator) {
    super()
    this.#rows = rows
    this.#next = next
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const row = this.#rows.kept(key, value)
    if (row === undefined && this.#rows.before(key) === undefined) return
    this.#next.process(key, row, time, origin)
  }
}
