/** Hands rows to a target beside Kafka (`to`): they are held back until the commit (TG2 of `topology/target.ts`). */
import { Operator, type Origin, type Rows } from './operator.ts'

export class ToOperator extends Operator {
  readonly #name: string
  readonly #rows: Rows

  constructor(name: string, rows: Rows) {
    super()
    this.#name = name
    this.#rows = rows
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    this.#rows.add(this.#name, key, value, time, origin)
  }
}
