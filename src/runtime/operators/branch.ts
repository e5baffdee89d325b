/** `branch`: each record goes to the first arm whose test holds, else to `otherwise`. */
import type { UserFunction } from '../../topology/node.ts'
import { Operator, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export interface Arm {
  readonly test: UserFunction<boolean>
  readonly next: Operator
}

export class BranchOperator extends Operator {
  readonly #arms: readonly Arm[]
  readonly #otherwise: Operator
  readonly #context = new UserContext()

  constructor(arms: readonly Arm[], otherwise: Operator) {
    super()
    this.#arms = arms
    this.#otherwise = otherwise
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const context = this.#context.set(key, time, origin)
    for (const { test, next } of this.#arms) {
      if (test(value, context)) return next.process(key, value, time, origin)
    }
    this.#otherwise.process(key, value, time, origin)
  }
}
