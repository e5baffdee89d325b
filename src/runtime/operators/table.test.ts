import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { realClock } from '../../env/real/clock.ts'
import { int64 } from '../../serde/number.ts'
import { text } from '../../serde/text.ts'
import { KeyedStore } from '../state/keyed-store.ts'
import { MemoryStores } from '../state/memory-store.ts'
import { ShardState } from '../state/shard-state.ts'
import { TableOperator } from './table.ts'
import { StoredRows } from './table-rows.ts'

test('a table keeps the last value in the order of the log, null deletes, a null key is counted and dropped (K1)', async () => {
  const state = new ShardState(await new MemoryStores().open('s'), { clock: realClock, stores: ['t'] })
  const store = KeyedStore.of(state, 't', text, int64)
  const end = new Collector()
  const table = new TableOperator('t', { store, rows: new StoredRows(store) }, end, end)
  table.process('a', 1, 10, originAt(1))
  table.process('a', 2, 5, originAt(2))
  table.process(undefined, 3, 11, originAt(3))
  table.process('b', undefined, 12, originAt(4))
  deepEqual(store.rows(), [{ key: 'a', value: 2, time: 5 }])
  table.process('a', undefined, 1, originAt(5))
  deepEqual(store.rows(), [])
  deepEqual(end.rows.map(([key, value, time]) => [key, value, time]), [['a', 1, 10], ['a', 2, 5], ['b', undefined, 12], ['a', undefined, 1]])
  deepEqual(end.drops, ['t: nullKey'])
  await state.close()
})
