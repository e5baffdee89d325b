/** `peek`: lets a function see each record, and passes it on as it is. */
import type { UserFunction } from '../../topology/node.ts'
import { Operator, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export class PeekOperator extends Operator {
  readonly #look: UserFunction<unknown>
  readonly #next: Operator
  readonly #context = new UserContext()

  constructor(look: UserFunction<unknown>, next: Operator) {
    super()
    this.#look = look
    this.#next = next
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const look = this.#look
    look(value, this.#context.set(key, time, origin))
    this.#next.process(key, value, time, origin)
  }
}
