import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { forkTo } from './fork.ts'
import { PeekOperator } from './peek.ts'

test('several consumers get each record in order, depth first; one consumer costs nothing; none is fine', () => {
  const order: string[] = []
  const end = new Collector()
  const fork = forkTo(['first', 'second'].map(name => new PeekOperator(value => order.push(`${name} ${String(value)}`), end)))
  fork.process('k', 1, 1, originAt(1))
  fork.process('k', 2, 2, originAt(2))
  deepEqual(order, ['first 1', 'second 1', 'first 2', 'second 2'])
  equal(forkTo([end]), end)
  forkTo([]).process('k', 1, 1, originAt(1))
  equal(end.rows.length, 4)
})
