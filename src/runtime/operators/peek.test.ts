import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { PeekOperator } from './peek.ts'

test('peek sees each record before what follows, and changes nothing', () => {
  const end = new Collector()
  const order: string[] = []
  const operator = new PeekOperator(value => order.push(`${String(value)} before ${end.rows.length}`), end)
  operator.process('a', 1, 1, originAt(1))
  operator.process('a', 2, 2, originAt(2))
  deepEqual(order, ['1 before 0', '2 before 1'])
  deepEqual(end.rows, [['a', 1, 1, 'in@1'], ['a', 2, 2, 'in@2']])
})
