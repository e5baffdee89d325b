/** The head of a sub-topology: counts each record for the watermark, passes it on, then lets the run fire what has come due. */
import type { WatermarkInput } from '../time/watermark.ts'
import { Operator, type Origin } from './operator.ts'

export class SourceOperator extends Operator {
  readonly #input: WatermarkInput
  readonly #next: Operator
  readonly #recordDone: (watermarkMayMove: boolean) => void

  constructor(input: WatermarkInput, next: Operator, recordDone: (watermarkMayMove: boolean) => void) {
    super()
    this.#input = input
    this.#next = next
    this.#recordDone = recordDone
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    const input = this.#input
    const moves = time > input.highest || input.idle
    if (moves) {
      input.idle = false
      if (time > input.highest) input.highest = time
    }
    this.#next.process(key, value, time, origin)
    this.#recordDone(moves)
  }
}
