/** `keyBy`: replaces the key. By itself it moves nothing: a repartition sink does, where a key-based operator follows (P1). */
import type { UserFunction } from '../../topology/node.ts'
import { Operator, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export class KeyByOperator extends Operator {
  readonly #keyOf: UserFunction<unknown>
  readonly #next: Operator
  readonly #context = new UserContext()

  constructor(keyOf: UserFunction<unknown>, next: Operator) {
    super()
    this.#keyOf = keyOf
    this.#next = next
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const keyOf = this.#keyOf
    this.#next.process(keyOf(value, this.#context.set(key, time, origin)), value, time, origin)
  }
}
