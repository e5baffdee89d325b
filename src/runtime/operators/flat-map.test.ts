import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { FlatMapOperator } from './flat-map.ts'

test('flatMap gives any number of values, in order, with the time of the record (T4)', () => {
  const end = new Collector()
  const operator = new FlatMapOperator(value => Array.from({ length: Number(value) }, (_, index) => index), end)
  operator.process('a', 3, 10, originAt(1))
  operator.process('b', 0, 11, originAt(2))
  deepEqual(end.rows, [['a', 0, 10, 'in@1'], ['a', 1, 10, 'in@1'], ['a', 2, 10, 'in@1']])
})

test('a generator that reads its context late still sees its own record', () => {
  const end = new Collector()
  const operator = new FlatMapOperator(function* (_, context) {
    yield context.key
    yield context.key
  }, end)
  operator.process('a', 1, 1, originAt(1))
  operator.process('b', 1, 2, originAt(2))
  deepEqual(end.rows.map(row => row[1]), ['a', 'a', 'b', 'b'])
})
