import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { app } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { external } from '../engines/process.ts'
import { text } from '../serde/text.ts'
import { build } from '../topology/build.ts'
import { describe } from '../topology/describe.ts'
import { OffsetRates, writtenAlone } from './offset-rates.ts'

const at = (...offsets: readonly number[]): { topic: string, partition: number, offset: number }[] => offsets.map((offset, partition) => ({ topic: 'in', partition, offset }))

test('offsets per second over the window, over all partitions; what was put back counts as none', () => {
  const rates = new OffsetRates()
  rates.take('a', 0, at(100, 50))
  assert.equal(rates.perSecond('a'), null, 'one look tells no rate')
  rates.take('a', 1000, at(100, 50))
  assert.equal(rates.perSecond('a'), 0)
  rates.take('a', 2000, at(140, 70))
  assert.equal(rates.perSecond('a'), 30)
  rates.take('a', 4000, at(140, 10))
  assert.equal(rates.perSecond('a'), 10)
  assert.equal(rates.perSecond('b'), null)
})

test('what is older than ten seconds has no say, unless nobody looked since', () => {
  const rates = new OffsetRates()
  rates.take('a', 0, at(0))
  rates.take('a', 5000, at(5000))
  rates.take('a', 15_000, at(5000))
  assert.equal(rates.perSecond('a'), 0)
  rates.take('a', 45_000, at(8000))
  assert.equal(rates.perSecond('a'), 100)
})

test('a partition that comes later counts from then on, and none at all tells nothing', () => {
  const rates = new OffsetRates()
  rates.take('a', 0, at(10))
  rates.take('a', 1000, at(20, 900))
  assert.equal(rates.perSecond('a'), 10)
  rates.take('b', 0, [])
  rates.take('b', 1000, at(1))
  assert.equal(rates.perSecond('b'), null)
})

test('what a task writes tells its rate only where nobody else of the graph writes there', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(name => topic(name, { key: text, value: text }))
  assert.ok(a !== undefined && b !== undefined && c !== undefined)
  const on = external()
  const alone = writtenAlone(describe(build(app('shop').task('one', { on, reads: [a], writes: [b, c] }).task('two', { on, reads: [a], writes: [c] }).task('three', { on, reads: [b], writes: [a] }).task('four', { on, reads: [c] }))))
  assert.deepEqual([...alone], [['one', []], ['two', []], ['three', ['a']], ['four', []]])
})
