/**
 * A compiled sub-topology as the engine drives it, and the clocks its operators see.
 *
 * R1. After each record: the watermark takes the record's input into account, and if anything is due by it, operators fire in topological order,
 *     until nothing is due. So what fires depends on the order of records alone, not on where the engine cuts its slices.
 * R2. What operators ask for is kept as one lowest time; all timed operators are called when it is reached, and each asks anew.
 */
import { assert } from '../../base/assert.ts'
import type { NodeId } from '../../topology/node.ts'
import type { Watermark } from '../time/watermark.ts'
import type { ByteSource, Operator, ShardContext, ShardTime, SubTopologyRun, TimedOperator } from './operator.ts'

/** Rounds of firing after one record: each round fires what the last one made due. */
const ROUNDS_MAX = 1_000_000

interface Clocks {
  readonly watermark: number
  readonly inputs: Readonly<Record<string, number>>
  readonly operators: Readonly<Record<string, number>>
}

/** What operators need of the run while they are built. */
export class RunTime implements ShardTime {
  readonly #watermark: Watermark
  readonly #now: () => number
  watermarkDue = Infinity
  wallClockDueMs = Infinity

  constructor(watermark: Watermark, now: () => number) {
    this.#watermark = watermark
    this.#now = now
  }

  get watermark(): number {
    return this.#watermark.value
  }

  now(): number {
    return this.#now()
  }

  wantWatermark(time: number): void {
    if (time < this.watermarkDue) this.watermarkDue = time
  }

  wantWallClock(atMs: number): void {
    if (atMs < this.wallClockDueMs) this.wallClockDueMs = atMs
  }
}

export interface RunParts {
  readonly context: ShardContext
  readonly watermark: Watermark
  readonly time: RunTime
  readonly sources: ReadonlyMap<NodeId, Operator>
  readonly byteHeads: ReadonlyMap<NodeId, ByteSource>
  /** In topological order. */
  readonly operators: readonly Operator[]
  readonly timed: readonly TimedOperator[]
}

export class Run implements SubTopologyRun {
  readonly sources: ReadonlyMap<NodeId, Operator>
  readonly byteHeads: ReadonlyMap<NodeId, ByteSource>
  readonly #parts: RunParts

  constructor(parts: RunParts) {
    this.#parts = parts
    this.sources = parts.sources
    this.byteHeads = parts.byteHeads
  }

  get watermark(): number {
    return this.#parts.watermark.value
  }

  get wallClockDueMs(): number {
    return this.#parts.time.wallClockDueMs
  }

  /** For the source heads: a record has had all its effects (R1). */
  recordDone(watermarkMayMove: boolean): void {
    const { watermark, time, context } = this.#parts
    if (watermarkMayMove) watermark.update()
    if (watermark.value >= time.watermarkDue) this.#fire()
    if (context.state.overBudget) context.state.trim()
  }

  setIdle(topic: string, idle: boolean): void {
    for (const input of this.#parts.watermark.inputs) if (input.topic === topic) input.idle = idle
  }

  advance(): boolean {
    const { watermark, time } = this.#parts
    watermark.update()
    const fires = watermark.value >= time.watermarkDue
    this.recordDone(false)
    return fires
  }

  wallClock(nowMs: number): void {
    const { time, timed } = this.#parts
    if (nowMs < time.wallClockDueMs) return
    time.wallClockDueMs = Infinity
    for (const operator of timed) operator.onWallClock(nowMs)
    this.recordDone(false)
  }

  heldFrom(): number {
    let lowest = Infinity
    for (const operator of this.#parts.operators) lowest = Math.min(lowest, operator.heldFrom())
    return lowest
  }

  release(upTo: number): void {
    for (const operator of this.#parts.operators) operator.release(upTo)
  }

  flush(): void {
    for (const operator of this.#parts.operators) operator.flush()
  }

  clocks(): string {
    const { watermark, timed } = this.#parts
    const clocks: Clocks = {
      watermark: watermark.value,
      inputs: Object.fromEntries(watermark.inputs.filter(input => input.highest >= 0).map(input => [input.name, input.highest])),
      operators: Object.fromEntries(timed.filter(operator => operator.streamTime >= 0).map(operator => [operator.name, operator.streamTime])),
    }
    return JSON.stringify(clocks)
  }

  restoreClocks(text: string): void {
    if (text === '') return
    // What `clocks()` made, of this release or another one: each part is looked for, and left out where it is not there.
    const clocks: Partial<Clocks> = JSON.parse(text)
    const { watermark, timed } = this.#parts
    watermark.value = numberOr(clocks.watermark, -1)
    for (const input of watermark.inputs) input.highest = numberOr(clocks.inputs?.[input.name], -1)
    for (const operator of timed) operator.streamTime = numberOr(clocks.operators?.[operator.name], -1)
    for (const operator of timed) operator.onRestored(watermark.value)
  }

  #fire(): void {
    const { watermark, time, timed } = this.#parts
    for (let round = 0; watermark.value >= time.watermarkDue; round++) {
      assert(round < ROUNDS_MAX, 'operators keep asking for a watermark that is reached')
      time.watermarkDue = Infinity
      for (const operator of timed) operator.onWatermark(watermark.value)
    }
  }
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : otherwise
}
