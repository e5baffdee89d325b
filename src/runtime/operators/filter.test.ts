import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { FilterOperator } from './filter.ts'

test('filter passes on what the test holds for, untouched; null values reach the test', () => {
  const end = new Collector()
  const operator = new FilterOperator((value, { key }) => value === undefined || key === 'keep', end)
  operator.process('keep', 1, 1, originAt(1))
  operator.process('drop', 2, 2, originAt(2))
  operator.process('drop', undefined, 3, originAt(3))
  deepEqual(end.rows, [['keep', 1, 1, 'in@1'], ['drop', undefined, 3, 'in@3']])
})
