import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, optional, text, topic } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'

const stock = topic('stock', { key: text, value: int64 })
const low = topic('low', { key: text, value: optional(int64) })

test('a row that leaves the filter is deleted, also across a restart; nothing is passed on of one that was never in it (K2)', async () => {
  const process = await InProcess.start(app('a').task('t', ({ table }) => table(stock).filter(count => count < 5).changes().write(low)))
  const pipe = (key: string, count: number | null): string[] => process.pipe({ topic: 'stock', key: Buffer.from(key), value: count === null ? null : int64.serialize(count), time: 1 })
    .map(row => `${row.key?.toString()} ${row.value === null ? 'gone' : row.value.readInt32BE(4)}`)
  deepEqual(pipe('hat', 9), [])
  deepEqual(pipe('hat', 4), ['hat 4'])
  await process.commit()
  await process.restart()
  deepEqual(pipe('hat', 3), ['hat 3'])
  deepEqual(pipe('hat', 7), ['hat gone'])
  deepEqual(pipe('hat', 8), [])
  deepEqual(pipe('hat', null), [], 'it was out of the table already')
  deepEqual(pipe('pen', 1), ['pen 1'])
  deepEqual(pipe('pen', null), ['pen gone'])
  await process.close()
})

test('each of two filters of one table, and a join with one of them, sees its own rows', async () => {
  const both = topic('both', { key: text, value: text })
  const asked = topic('asked', { key: text, value: text })
  const process = await InProcess.start(app('a').task('t', ({ read, table }) => {
    const rows = table(stock)
    const few = rows.filter(count => count < 5)
    few.changes().map(count => `few ${count ?? 'gone'}`).write(both)
    few.filter((_count, { key }) => key !== 'hat').changes().map(count => `few, no hats ${count ?? 'gone'}`).write(both)
    rows.filter(count => count > 2).changes().map(count => `some ${count ?? 'gone'}`).write(both)
    read(asked).leftJoin(few, (question, count) => `${question} ${count ?? 'not few'}`).write(both)
  }))
  const pipe = (to: string, key: string, value: Buffer): string[] => process.pipe({ topic: to, key: Buffer.from(key), value, time: 1 }).map(row => `${row.key?.toString()}: ${row.value?.toString()}`)
  deepEqual(pipe('stock', 'pen', int64.serialize(3)), ['pen: few 3', 'pen: few, no hats 3', 'pen: some 3'])
  deepEqual(pipe('stock', 'hat', int64.serialize(1)), ['hat: few 1'])
  deepEqual(pipe('asked', 'hat', Buffer.from('?')), ['hat: ? 1'])
  deepEqual(pipe('stock', 'pen', int64.serialize(8)), ['pen: few gone', 'pen: few, no hats gone', 'pen: some 8'])
  deepEqual(pipe('asked', 'pen', Buffer.from('?')), ['pen: ? not few'])
  deepEqual(pipe('stock', 'pen', int64.serialize(2)), ['pen: few 2', 'pen: few, no hats 2', 'pen: some gone'])
  await process.close()
})
