import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, json, optional, text, topic } from 'millrace'
import { InProcess, thrown } from '../../../test/support/in-process.ts'

const spaced = Buffer.from('{ "a" :  1 }')

test('bytes that nobody touched are written as they came, others are written anew (K1)', async () => {
  const value = json<{ a: number }>()
  const input = topic('in', { key: text, value })
  const same = topic('same', { key: text, value })
  const other = topic('other', { key: text, value: optional(value) })
  const process = await InProcess.start(app('a').task('t', ({ read }) => {
    const stream = read(input)
    stream.filter(() => true).write(same)
    stream.write(other)
    stream.map(one => one).write(same)
    stream.write(same, { key: one => `key ${one.a}` })
  }))
  const rows = process.pipe({ topic: 'in', key: Buffer.from('k'), value: spaced, time: 5, headers: [{ key: 'h', value: Buffer.from('1') }] })
  deepEqual(rows.map(row => [row.topic, row.key?.toString(), row.value?.toString()]), [
    ['same', 'k', '{ "a" :  1 }'], ['other', 'k', '{"a":1}'], ['same', 'k', '{"a":1}'], ['same', 'key 1', '{ "a" :  1 }'],
  ])
  deepEqual(rows.map(row => [row.time, row.headers.length]), [[5, 1], [5, 1], [5, 1], [5, 1]])
  await process.close()
})

test('null goes out where the topic allows it, and is refused with a reason where it does not (K2)', async () => {
  const input = topic('in', { key: optional(text), value: optional(int64) })
  const allowed = await InProcess.start(app('a').task('t', ({ read }) => read(input).write(topic('out', { key: optional(text), value: optional(int64) }))))
  deepEqual(allowed.pipe({ topic: 'in', key: null, value: null, time: 1 }).map(row => [row.key, row.value]), [[null, null]])
  await allowed.close()
  // A value that is undefined against its type, as plain JavaScript may give it.
  const refusing = await InProcess.start(app('a').task('t', ({ read }) => read(input).map((): number => JSON.parse('{}').missing).write(topic('out', { key: optional(text), value: int64 }))))
  match(thrown(() => refusing.pipe({ topic: 'in', key: null, value: null, time: 1 })), /writes no value to out, which is declared with a int64 value that is never null/)
  equal(refusing.output.length, 0)
  await refusing.close()
})
