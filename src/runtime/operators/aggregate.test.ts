import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, optional, text, topic } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'

const input = topic('in', { key: optional(text), value: optional(int64) })
const out = topic('out', { key: text, value: optional(text) })

test('an aggregate outlives restarts, a failed commit takes back what it did, drops are counted (W2, T4)', async () => {
  const task = app('a').task('t', ({ read }) => read(input).aggregate('sums', { zero: () => [] as number[], add: (all, value) => [...all, value ?? -1] }).map(all => all.join('+')).write(out))
  const process = await InProcess.start(task)
  const add = (key: string | null, value: number | null, time: number): string[] => process.pipe({ topic: 'in', key: key === null ? null : Buffer.from(key), value: value === null ? null : int64.serialize(value), time })
    .map(row => `${row.key?.toString()} ${row.value?.toString()} @${row.time}`)
  deepEqual(add('a', 1, 10), ['a 1 @10'])
  await process.commit()
  deepEqual(add('a', 2, 5), ['a 1+2 @10'])
  await process.rollback()
  deepEqual(add('a', 3, 20), ['a 1+3 @20'])
  await process.commit({ written: false })
  await process.restart()
  deepEqual(add('a', 4, 1), ['a 1+3+4 @20'])
  add(null, 1, 1)
  add('a', null, 1)
  deepEqual([...process.dropped], [['sums:nullKey', 1], ['sums:nullValue', 1]])
  deepEqual(process.changelog.get('sums')?.map(({ key, value }) => [key.toString(), value?.subarray(9).toString()]), [['a', '[1]'], ['a', '[1,3]']])
  await process.close()
})
