import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { Watermark, WatermarkInput } from '../time/watermark.ts'
import { NO_ORIGIN, NO_ROWS, TimedOperator, type ShardContext } from './operator.ts'
import { Run, RunTime } from './run.ts'
import { SourceOperator } from './source.ts'
import { Collector } from '../../../test/support/collector.ts'
import { MemoryStores } from '../state/memory-store.ts'
import { realClock } from '../../env/real/clock.ts'
import { ShardState } from '../state/shard-state.ts'

class Alarm extends TimedOperator {
  readonly name: string
  readonly fired: string[] = []
  readonly #time: RunTime
  #next: number[]

  constructor(name: string, time: RunTime, at: number[]) {
    super()
    this.name = name
    this.#time = time
    this.#next = at
    this.#want()
  }

  process(_key: unknown, _value: unknown, time: number): void {
    this.streamTime = Math.max(this.streamTime, time)
  }

  override onWatermark(watermark: number): void {
    for (const at of this.#next.filter(at => at <= watermark)) this.fired.push(`${at} at ${watermark}`)
    this.#next = this.#next.filter(at => at > watermark)
    this.#want()
  }

  override onWallClock(nowMs: number): void {
    this.fired.push(`wall ${nowMs}`)
  }

  #want(): void {
    for (const at of this.#next) this.#time.wantWatermark(at)
  }
}

async function started(inputs: readonly WatermarkInput[], alarms: readonly number[][]): Promise<{ run: Run; time: RunTime; operators: Alarm[]; head: (input: number) => SourceOperator }> {
  const watermark = new Watermark(inputs)
  const time = new RunTime(watermark, () => 0)
  const operators = alarms.map((at, index) => new Alarm(`alarm-${index}`, time, at))
  const context: ShardContext = {
    partition: 0, state: new ShardState(await new MemoryStores().open('s'), { clock: realClock, stores: [] }), output: { send: () => undefined, append: () => undefined }, rows: NO_ROWS, counters: new Collector(), now: () => 0,
    globalTable: () => ({ get: () => undefined }),
  }
  const run = new Run({ context, watermark, time, sources: new Map(), byteHeads: new Map(), operators, timed: operators })
  return { run, time, operators, head: index => new SourceOperator(inputs[index] ?? new WatermarkInput('?', '?', 0), operators[0] ?? new Collector(), moves => run.recordDone(moves)) }
}

test('what is due fires after the record that makes it due, once (R1)', async () => {
  const { operators, head } = await started([new WatermarkInput('in', 'in', 0)], [[10, 20], [15]])
  const source = head(0)
  for (const time of [5, 10, 9, 30, 31]) source.process('k', 1, time, NO_ORIGIN)
  deepEqual(operators.map(operator => operator.fired), [['10 at 10', '20 at 30'], ['15 at 30']])
})

test('the lowest active input counts, less its disorder; an idle one is left out until its next record (M3)', async () => {
  const { run, head } = await started([new WatermarkInput('a', 'a', 0), new WatermarkInput('b', 'b', 5)], [])
  const [a, b] = [head(0), head(1)]
  a.process('k', 1, 100, NO_ORIGIN)
  equal(run.watermark, -1)
  b.process('k', 1, 50, NO_ORIGIN)
  equal(run.watermark, 45)
  run.setIdle('b', true)
  run.advance()
  equal(run.watermark, 100)
  b.process('k', 1, 60, NO_ORIGIN)
  equal(run.watermark, 100)
  a.process('k', 1, 200, NO_ORIGIN)
  equal(run.watermark, 100)
  run.setIdle('a', true)
  run.setIdle('b', true)
  run.advance()
  equal(run.watermark, 100)
})

test('clocks come back as they were, whatever else a release may have written', async () => {
  const first = await started([new WatermarkInput('in', 'in', 0)], [[]])
  first.head(0).process('k', 1, 77, NO_ORIGIN)
  const clocks = first.run.clocks()
  const second = await started([new WatermarkInput('in', 'in', 0)], [[50]])
  second.run.restoreClocks(clocks)
  equal(second.run.watermark, 77)
  equal(second.operators[0]?.streamTime, 77)
  second.run.advance()
  deepEqual(second.operators[0]?.fired, ['50 at 77'])
  second.run.restoreClocks('{"watermark":5,"inputs":{"other":1}}')
  equal(second.run.watermark, 5)
  equal(second.operators[0]?.streamTime, -1)
})

test('the wall clock calls when it is due and not before', async () => {
  const { run, time, operators } = await started([new WatermarkInput('in', 'in', 0)], [[]])
  equal(run.wallClockDueMs, Infinity)
  time.wantWallClock(100)
  time.wantWallClock(200)
  run.wallClock(99)
  run.wallClock(150)
  run.wallClock(300)
  deepEqual(operators[0]?.fired, ['wall 150'])
  equal(run.wallClockDueMs, Infinity)
})
