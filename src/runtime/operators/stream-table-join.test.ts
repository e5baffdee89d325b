import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, optional, text, topic } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'

const input = topic('in', { key: optional(text), value: optional(int64) })
const prices = topic('prices', { key: text, value: int64 })
const out = topic('out', { key: optional(text), value: text })

test('joins with the row of the moment, also one read back from the store; drops are counted (J3, J4)', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read, table }) => read(input).join(table(prices, { name: 'prices' }), (value, price) => `${value ?? 0} at ${price}`, { name: 'j' }).write(out)))
  const pipe = (topic: string, key: string | null, value: number | null, time: number): string[] => process.pipe({ topic, key: key === null ? null : Buffer.from(key), value: value === null ? null : int64.serialize(value), time }).map(row => `${row.key?.toString()} ${row.value?.toString()} @${row.time}`)
  deepEqual(pipe('in', 'a', 1, 1), [])
  pipe('prices', 'a', 10, 100)
  deepEqual(pipe('in', 'a', 2, 2), ['a 2 at 10 @2'])
  await process.commit()
  await process.restart()
  deepEqual(pipe('in', 'a', 3, 3), ['a 3 at 10 @3'])
  pipe('in', null, 4, 4)
  pipe('in', 'a', null, 5)
  deepEqual([...process.dropped], [['j:nullKey', 1], ['j:nullValue', 1]])
  await process.close()
})
