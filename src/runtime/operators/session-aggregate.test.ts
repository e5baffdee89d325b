import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, optional, text, topic } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'

const input = topic('in', { key: text, value: int64 })
const out = topic('out', { key: text, value: optional(int64) })
const key = (_: unknown, { key, window }: { readonly key: string; readonly window: { readonly start: number; readonly end: number } }): string => `${key}@${window.start}-${window.end}`
const pipe = (process: InProcess, of: string, time: number): string[] => process.pipe({ topic: 'in', key: Buffer.from(of), value: int64.serialize(1), time })
  .map(row => `${row.key?.toString()} ${row.value === null ? '-' : int64.deserialize(row.value, 0, row.value.length)}`)

test('sessions far apart in time do not see each other, and each is kept by the key and the bucket of its end', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(input).window({ session: '10 ms', grace: '20 ms' }).count('s').write(out, { key })))
  deepEqual(pipe(process, 'a', 5), ['a@5-5 1'])
  deepEqual(pipe(process, 'a', 28), ['a@28-28 1'])
  deepEqual(pipe(process, 'a', 31), ['a@28-28 -', 'a@28-31 2'])
  await process.commit()
  await process.restart()
  deepEqual(pipe(process, 'a', 18), ['a@28-31 -', 'a@18-31 3'])
  deepEqual(pipe(process, 'a', 10), ['a@5-5 -', 'a@18-31 -', 'a@5-31 5'])
  await process.close()
})

test('final sessions of many keys and buckets leave in order of their ends, once, over restarts and without any record of theirs (E4)', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(input).window({ session: '10 ms', emit: 'final' }).count('s').map(count => count).write(out, { key })), { liveBytesMax: 500 })
  const rows: string[] = []
  for (let time = 0; time < 100; time++) {
    rows.push(...pipe(process, `k${time % 7}`, time * 3))
    if (time % 10 === 9) {
      await process.commit()
      await process.restart()
    }
  }
  rows.push(...pipe(process, 'end', 1_000))
  // Each key's records are 21 apart: every record is a session of its own.
  equal(rows.length, 100)
  deepEqual(rows, Array.from({ length: 100 }, (_, index) => `k${index % 7}@${index * 3}-${index * 3} 1`))
  await process.commit()
  deepEqual(pipe(process, 'end', 5_000), ['end@1000-1000 1'])
  await process.close()
})
