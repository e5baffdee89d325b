/**
 * Stream–table join: the stream's record triggers, with the table's row as it is at that moment (J4). Time and origin are the stream record's (T4, M5).
 *
 * J1. A record without value is dropped. One without a key to look up is dropped by an inner join, and joined with no row by a left one (J3).
 * J2. A keyed table's operator is in the same shard and has its own inputs: which side comes first follows from the times of their heads (T3). Of a
 *     global table (J5) any key that `keyOf` finds is looked up, and times are not aligned; the record's own key does not matter.
 */
import type { StreamTableJoinNode, UserFunction } from '../../topology/node.ts'
import { Operator, type OperatorCounters, type Origin, type ReadableTable } from './operator.ts'
import { UserContext } from './user-context.ts'

export interface StreamTableJoinParts {
  readonly node: Pick<StreamTableJoinNode, 'name' | 'left' | 'join'> & {
    /** `undefined`: the record's own key. */
    readonly keyOf?: UserFunction<unknown> | undefined
  }
  readonly table: ReadableTable
  readonly next: Operator
  readonly counters: OperatorCounters
}

export class StreamTableJoinOperator extends Operator {
  readonly #node: StreamTableJoinParts['node']
  readonly #table: ReadableTable
  readonly #next: Operator
  readonly #counters: OperatorCounters
  readonly #context = new UserContext()

  constructor({ node, table, next, counters }: StreamTableJoinParts) {
    super()
    this.#node = node
    this.#table = table
    this.#next = next
    this.#counters = counters
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const { name, left, join, keyOf } = this.#node
    if (value === undefined) return this.#counters.dropped(name, 'nullValue')
    const context = this.#context.set(key, time, origin)
    const wanted = keyOf === undefined ? key : keyOf(value, context)
    if (wanted === undefined && !left) return this.#counters.dropped(name, 'nullKey')
    const row = wanted === undefined ? undefined : this.#table.get(wanted)
    if (row === undefined && !left) return
    this.#next.process(key, join(value, row, context), time, origin)
  }
}
