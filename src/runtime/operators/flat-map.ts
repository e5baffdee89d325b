/** `flatMap`: replaces the value by any number of values, in order. A generator runs interleaved with what follows, so its context is its own. */
import type { UserFunction } from '../../topology/node.ts'
import { Operator, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export class FlatMapOperator extends Operator {
  readonly #map: UserFunction<Iterable<unknown>>
  readonly #next: Operator
  readonly #context = new UserContext()

  constructor(map: UserFunction<Iterable<unknown>>, next: Operator) {
    super()
    this.#map = map
    this.#next = next
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const map = this.#map
    for (const result of map(value, this.#context.set(key, time, origin))) this.#next.process(key, result, time, origin)
  }
}
