/**
 * Join with a global table (J5): looks up any key that `keyOf` finds in the record; the table side never triggers, and times are not aligned.
 *
 * J1. A record without value is dropped. Where `keyOf` finds no key an inner join drops the record, a left one joins it with no row. The record's own key
 *     does not matter.
 */
import type { StreamGlobalJoinNode } from '../../topology/node.ts'
import { Operator, type OperatorCounters, type Origin, type ReadableTable } from './operator.ts'
import { UserContext } from './user-context.ts'

export class StreamGlobalJoinOperator extends Operator {
  readonly #name: string
  readonly #left: boolean
  readonly #keyOf: StreamGlobalJoinNode['keyOf']
  readonly #join: StreamGlobalJoinNode['join']
  readonly #table: ReadableTable
  readonly #next: Operator
  readonly #counters: OperatorCounters
  readonly #context = new UserContext()

  constructor(node: StreamGlobalJoinNode, table: ReadableTable, next: Operator, counters: OperatorCounters) {
    super()
    this.#name = node.name
    this.#left = node.left
    this.#keyOf = node.keyOf
    this.#join = node.join
    this.#table = table
    this.#next = next
    this.#counters = counters
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (value === undefined) return this.#counters.dropped(this.#name, 'nullValue')
    const context = this.#context.set(key, time, origin)
    const keyOf = this.#keyOf
    const lookup = keyOf(value, context)
    if (lookup === undefined && !this.#left) return this.#counters.dropped(this.#name, 'nullKey')
    const row = lookup === undefined ? undefined : this.#table.get(lookup)
    if (row === undefined && !this.#left) return
    const join = this.#join
    this.#next.process(key, join(value, row, context), time, origin)
  }
}
