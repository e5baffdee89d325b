/** `filter`: passes on what the test holds for. */
import type { UserFunction } from '../../topology/node.ts'
import { Operator, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export class FilterOperator extends Operator {
  readonly #test: UserFunction<boolean>
  readonly #next: Operator
  readonly #context = new UserContext()

  constructor(test: UserFunction<boolean>, next: Operator) {
    super()
    this.#test = test
    this.#next = next
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const test = this.#test
    if (test(value, this.#context.set(key, time, origin))) this.#next.process(key, value, time, origin)
  }
}
