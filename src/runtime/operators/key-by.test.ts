import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { Collector, originAt } from '../../../test/support/collector.ts'
import { InProcess } from '../../../test/support/in-process.ts'
import { KeyByOperator } from './key-by.ts'

test('keyBy replaces the key and nothing else', () => {
  const end = new Collector()
  new KeyByOperator((value, { key }) => `${String(key)}/${String(value)}`, end).process('a', 1, 5, originAt(1))
  deepEqual(end.rows, [['a/1', 1, 5, 'in@1']])
})

test('a key-based step after keyBy gets its records through a repartition topic, with time, headers and the new key (P1)', async () => {
  const input = topic('in', { key: text, value: int64 })
  const out = topic('out', { key: text, value: int64 })
  const task = app('a').task('t', ({ read }) => read(input).keyBy(value => value % 2 === 0 ? 'even' : 'odd').count('c').write(out))
  const process = await InProcess.start(task)
  const headers = [{ key: 'h', value: Buffer.from('1') }]
  const rows = [4, 6, 7].flatMap((value, index) => process.pipe({ topic: 'in', key: Buffer.from('x'), value: int64.serialize(value), time: 100 - index, headers }))
  deepEqual(rows.map(row => [row.key?.toString(), row.value === null ? null : int64.deserialize(row.value, 0, 8), row.time, row.headers]), [['even', 1, 100, headers], ['even', 2, 100, headers], ['odd', 1, 98, headers]])
  await process.close()
})
