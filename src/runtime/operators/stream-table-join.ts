/**
 * Stream–table join: the stream's record triggers, with the table's row as it is at that moment (J4). Time and origin are the stream record's (T4, M5).
 *
 * J1. A record without value is dropped. One without key is dropped by an inner join, and joined with no row by a left one (J3).
 * J2. The table's operator is in the same shard and has its own inputs: which side comes first follows from the times of their heads (T3).
 */
import type { StreamTableJoinNode } from '../../topology/node.ts'
import type { KeyedStore } from '../state/keyed-store.ts'
import { Operator, type OperatorCounters, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export class StreamTableJoinOperator extends Operator {
  readonly #name: string
  readonly #left: boolean
  readonly #join: StreamTableJoinNode['join']
  readonly #table: KeyedStore
  readonly #next: Operator
  readonly #counters: OperatorCounters
  readonly #context = new UserContext()

  constructor(node: StreamTableJoinNode, table: KeyedStore, next: Operator, counters: OperatorCounters) {
    super()
    this.#name = node.name
    this.#left = node.left
    this.#join = node.join
    this.#table = table
    this.#next = next
    this.#counters = counters
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (value === undefined) return this.#counters.dropped(this.#name, 'nullValue')
    if (key === undefined && !this.#left) return this.#counters.dropped(this.#name, 'nullKey')
    const row = key === undefined ? undefined : this.#table.get(key)
    if (row === undefined && !this.#left) return
    const join = this.#join
    this.#next.process(key, join(value, row, this.#context.set(key, time, origin)), time, origin)
  }
}
