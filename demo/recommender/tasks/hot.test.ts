import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochOf, fixedWeight } from '../model/decay.ts'
import { TOP_MAX } from '../model/hot.ts'
import type { HotTop, Mass } from '../topics.ts'
import type { TaskContext } from './context.ts'
import { ALL, heat, mergeHot, partitionTops, type HeatReport, type HeatState, type MergeState, type PartitionState, type PartitionTop } from './hot.ts'

const START = Date.UTC(2026, 5, 1)
const EPOCH = epochOf(START)
const PARTITIONS = 3

interface Key<S> { state: S | undefined; readonly timers: Map<string, number> }

/** One step: states and timers by key; `fire` fires what is due, by time. */
class Step<S, O> {
  readonly #keys = new Map<string, Key<S>>()
  emitted: O[] = []

  at(key: string, time: number, partition: number): TaskContext<S, O> {
    const own = this.#keys.get(key) ?? { state: undefined, timers: new Map() }
    this.#keys.set(key, own)
    return {
      key, time, partition, offset: 0,
      state: { get: () => own.state, set: next => { own.state = next }, delete: () => { own.state = undefined } },
      timers: { set: (due, name = '') => void own.timers.set(name, due), cancel: (name = '') => void own.timers.delete(name), now: () => 0 },
      emit: value => void this.emitted.push(value),
    }
  }

  fire(upTo: number, onTimer: (timer: { name: string; time: number }, context: TaskContext<S, O>) => void): O[] {
    const due = [...this.#keys].flatMap(([key, { timers }]) => [...timers].map(([name, time]) => ({ key, name, time }))).filter(timer => timer.time <= upTo)
    for (const { key, name, time } of due.sort((a, b) => a.time - b.time)) {
      this.#keys.get(key)?.timers.delete(name)
      onTimer({ name, time }, this.at(key, time, -1))
    }
    return this.emitted.splice(0)
  }
}

class Hot {
  readonly heat = new Step<HeatState, HeatReport>()
  readonly tops = new Step<PartitionState, PartitionTop>()
  readonly merge = new Step<MergeState, HotTop>()
  readonly partition = partitionTops({ publishMs: 1000 })

  touch(item: string, category: string, at: number, partition: number): void {
    const mass: Mass = { item, category, at, units: 1, epoch: EPOCH, weight: fixedWeight(1, at, EPOCH) }
    heat.onRecord(mass, this.heat.at(item, at, partition))
    for (const report of this.heat.emitted.splice(0)) this.partition.onRecord(report, this.tops.at(String(report.partition), report.at, 0))
  }

  /** The lists of every partition, as `hot.partial` has them, and what they merge to. */
  publish(upTo: number): { partials: PartitionTop[]; lists: HotTop[] } {
    const partials = this.tops.fire(upTo, (timer, context) => this.partition.onTimer(timer, context))
    for (const { list, partial } of partials) mergeHot.onRecord(partial, this.merge.at(list, partial.at, 0))
    return { partials, lists: this.merge.fire(upTo + 2000, (timer, context) => mergeHot.onTimer(timer, context)) }
  }
}

test('each partition reports its hundred hottest, whatever was touched, and merged they are the hundred hottest of all', () => {
  const hot = new Hot()
  const counts = new Map<string, number>()
  for (let index = 0; index < 2400; index += 1) {
    const number = Math.floor((index * 7919) % 600 * ((index % 5 + 1) / 5))
    const item = `i${number}`
    counts.set(item, (counts.get(item) ?? 0) + 1)
    hot.touch(item, number % 2 === 0 ? 'even' : 'odd', START, number % PARTITIONS)
  }
  const { partials, lists } = hot.publish(START + 5000)
  // All, even and odd of each partition: not one report for each of hundreds of items.
  assert.equal(partials.length, 3 * PARTITIONS)
  assert.ok(partials.every(({ partial }) => partial.items.length <= TOP_MAX))
  const expected = (passes: (number: number) => boolean): string[] =>
    [...counts].filter(([item]) => passes(Number(item.slice(1)))).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, TOP_MAX).map(([item]) => item)
  const [all, ...categories] = lists.sort((a, b) => b.total - a.total)
  assert.deepEqual(all?.items, expected(() => true))
  assert.equal(all.total, 2400 * fixedWeight(1, START, EPOCH))
  for (const passes of [(number: number) => number % 2 === 0, (number: number) => number % 2 === 1]) {
    assert.ok(categories.some(list => JSON.stringify(list.items) === JSON.stringify(expected(passes))))
  }
})

test('a partition publishes once in its time, and a category only when its list changed', () => {
  const hot = new Hot()
  for (let index = 0; index < 50; index += 1) hot.touch('a', 'lamps', START + index, 0)
  hot.touch('b', 'rugs', START + 60, 0)
  assert.deepEqual(hot.publish(START + 999).partials, [])
  assert.deepEqual(hot.publish(START + 1000).partials.map(({ list }) => list), [ALL, 'lamps', 'rugs'])
  hot.touch('a', 'lamps', START + 2000, 0)
  assert.deepEqual(hot.publish(START + 3000).partials.map(({ list }) => list), [ALL, 'lamps'])
  assert.deepEqual(hot.publish(START + 9000), { partials: [], lists: [] })
})
