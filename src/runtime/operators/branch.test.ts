import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { BranchOperator } from './branch.ts'

test('branch: the first arm that takes a record gets it, else the rest does', () => {
  const [small, even, otherwise] = [new Collector(), new Collector(), new Collector()]
  const operator = new BranchOperator([{ test: value => Number(value) < 10, next: small }, { test: value => Number(value) % 2 === 0, next: even }], otherwise)
  for (const value of [1, 2, 20, 21]) operator.process('k', value, value, originAt(value))
  deepEqual([small, even, otherwise].map(arm => arm.rows.map(row => row[1])), [[1, 2], [20], [21]])
})
