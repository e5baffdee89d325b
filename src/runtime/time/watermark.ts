/**
 * The watermark of a shard: the lowest, over its active inputs, of the highest time seen − disorder (DESIGN 5, rule M3).
 *
 * W1. It never goes back, and is −1 until every active input has had a record.
 * W2. An idle input is left out; with its next record it is active again. If all are idle the watermark stays.
 */
export class WatermarkInput {
  /** Stable: names the input in the clocks that are kept. */
  readonly name: string
  readonly topic: string
  readonly disorderMs: number
  highest = -1
  idle = false

  constructor(name: string, topic: string, disorderMs: number) {
    this.name = name
    this.topic = topic
    this.disorderMs = disorderMs
  }
}

export class Watermark {
  readonly inputs: readonly WatermarkInput[]
  value = -1

  constructor(inputs: readonly WatermarkInput[]) {
    this.inputs = inputs
  }

  /** Takes the inputs' times into account; true if the watermark has moved. */
  update(): boolean {
    let lowest = Infinity
    for (const input of this.inputs) {
      if (input.idle) continue
      if (input.highest < 0) return false
      lowest = Math.min(lowest, input.highest - input.disorderMs)
    }
    if (lowest === Infinity || lowest <= this.value) return false
    this.value = lowest
    return true
  }
}
