/** `map`: replaces the value. The key, the time and the origin stay (T4, M5). */
import type { UserFunction } from '../../topology/node.ts'
import { Operator, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export class MapOperator extends Operator {
  readonly #map: UserFunction<unknown>
  readonly #next: Operator
  readonly #context = new UserContext()

  constructor(map: UserFunction<unknown>, next: Operator) {
    super()
    this.#map = map
    this.#next = next
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const map = this.#map
    this.#next.process(key, map(value, this.#context.set(key, time, origin)), time, origin)
  }
}
