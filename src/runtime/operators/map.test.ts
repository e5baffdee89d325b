import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { Windowed } from '../../serde/windowed.ts'
import { MapOperator } from './map.ts'

test('map replaces the value and leaves key, time and origin (T4, M5)', () => {
  const end = new Collector()
  const operator = new MapOperator(value => Number(value) * 2, end)
  operator.process('a', 21, 5, originAt(7))
  operator.process(undefined, 1, 6, originAt(8))
  deepEqual(end.rows, [['a', 42, 5, 'in@7'], [undefined, 2, 6, 'in@8']])
})

test('the function sees where the record is from, and a windowed key as key and window', () => {
  const seen: unknown[] = []
  const operator = new MapOperator((_, { key, window, time, topic, partition, offset, headers }) => seen.push({ key, window, time, topic, partition, offset, headers: headers.length }), new Collector())
  operator.process('a', 1, 5, originAt(7, [{ key: 'h', value: null }]))
  operator.process(new Windowed('a', { start: 0, end: 10 }), 1, 6, originAt(8))
  operator.process('b', 1, 7, originAt(9))
  deepEqual(seen, [
    { key: 'a', window: undefined, time: 5, topic: 'in', partition: 3, offset: 7, headers: 1 },
    { key: 'a', window: { start: 0, end: 10 }, time: 6, topic: 'in', partition: 3, offset: 8, headers: 0 },
    { key: 'b', window: undefined, time: 7, topic: 'in', partition: 3, offset: 9, headers: 0 },
  ])
})
