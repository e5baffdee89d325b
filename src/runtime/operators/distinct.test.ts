import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'

const input = topic('in', { key: text, value: int64 })
const out = topic('out', { key: text, value: int64 })
const pipe = (process: InProcess, key: string, value: number, time: number): number => process.pipe({ topic: 'in', key: Buffer.from(key), value: int64.serialize(value), time }).length

test('without `by` one value per key passes; what passed is known over restarts', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(input).distinct({ within: '10 ms' }).write(out)))
  deepEqual([pipe(process, 'a', 1, 100), pipe(process, 'a', 2, 105), pipe(process, 'b', 3, 105)], [1, 0, 1])
  await process.commit()
  await process.restart()
  deepEqual([pipe(process, 'a', 1, 109), pipe(process, 'a', 1, 110), pipe(process, 'a', 1, 91), pipe(process, 'a', 1, 90)], [0, 1, 0, 1])
  await process.close()
})

test('a record so late that what passed around it is forgotten passes: rather doubled than lost (D2)', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(input).distinct({ within: '10 ms', by: value => value }).write(out)))
  deepEqual([pipe(process, 'a', 1, 100), pipe(process, 'a', 1, 100), pipe(process, 'a', 2, 1_000), pipe(process, 'a', 1, 100), pipe(process, 'a', 1, 100)], [1, 0, 1, 1, 1])
  await process.commit()
  // One row left: what is forgotten is not kept anywhere.
  await process.restart()
  deepEqual([pipe(process, 'a', 2, 1_005), pipe(process, 'a', 1, 1_000)], [0, 1])
  await process.close()
})
