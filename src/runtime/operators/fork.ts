/** Where a node has several consumers, or none. Consumers get the record in the order of their declaration, depth first. */
import { Operator, type Origin } from './operator.ts'

class Fork extends Operator {
  readonly #next: readonly Operator[]

  constructor(next: readonly Operator[]) {
    super()
    this.#next = next
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    for (const next of this.#next) next.process(key, value, time, origin)
  }
}

class Nowhere extends Operator {
  process(): void {}
}

const NOWHERE = new Nowhere()

/** One operator that feeds all of `consumers`. `merge` needs no operator: its inputs have the same consumers. */
export function forkTo(consumers: readonly Operator[]): Operator {
  const [first] = consumers
  if (first === undefined) return NOWHERE
  return consumers.length === 1 ? first : new Fork(consumers)
}
