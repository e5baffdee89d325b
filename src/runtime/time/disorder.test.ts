/** Declared disorder, from `topic(…, { disorder })` through to what fires: W6, M3. */
import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, timeWindowed, topic } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'

const out = topic('out', { key: text, value: text })
const events = topic('events', { key: text, value: text, disorder: '10 ms' })

function pipe(process: InProcess, key: string, time: number): string[] {
  return process.pipe({ topic: 'events', key: Buffer.from(key), value: Buffer.from('v'), time }).map(row => `${row.key?.toString() ?? '-'} ${row.value?.toString() ?? '-'} @${row.time}`)
}

test('a timer waits until nothing earlier can come any more; the watermark never goes back', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(events).process('p', {
    state: int64, emits: text,
    onRecord: (_value, { time, state, timers }) => {
      state.set((state.get() ?? 0) + 1)
      timers.set(time + 5)
    },
    onTimer: (timer, { state, emit }) => emit(`${state.get() ?? 0} records before ${timer.time}`),
  }).write(out)))
  deepEqual(pipe(process, 'a', 100), [])
  deepEqual(pipe(process, 'b', 112), [], 'the watermark is 102, not 112')
  deepEqual(pipe(process, 'a', 98), [], 'out of order, as declared: its timer moves back to 103')
  deepEqual(pipe(process, 'b', 113), ['a 2 records before 103 @103'])
  await process.commit()
  await process.restart()
  deepEqual(pipe(process, 'c', 50), ['c 1 records before 55 @55'], 'what comes later than declared fires at once')
  deepEqual(pipe(process, 'd', 140), ['b 2 records before 118 @118'])
  await process.close()
})

test('a final result comes when the watermark has passed end and grace, and what is late goes by stream time all the same', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(events).window({ tumbling: '10 ms', grace: '5 ms', emit: 'final' }).count()
    .map(String).write(out, { key: (_count, { key, window }) => `${key}@${window.start}` })))
  deepEqual(pipe(process, 'a', 1), [])
  deepEqual(pipe(process, 'a', 14), [])
  deepEqual(pipe(process, 'a', 2), [], 'within grace of stream time 14')
  deepEqual(pipe(process, 'b', 24), [], 'stream time has passed 15, the watermark is 14')
  deepEqual(pipe(process, 'a', 3), [], 'too late by now, and dropped')
  deepEqual(pipe(process, 'b', 25), ['a@0 2 @2'])
  await process.close()
})

test('a repartition topic has the largest disorder of what it is made from', async () => {
  const orderly = topic('orderly', { key: text, value: text, disorder: '3 ms' })
  const counts = topic('counts', { key: timeWindowed(text, 10), value: int64 })
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(orderly).merge(read(events)).keyBy(value => value).window({ tumbling: '10 ms', emit: 'final' }).count().write(counts)))
  deepEqual(pipe(process, 'x', 5), [])
  deepEqual(pipe(process, 'x', 19), [])
  deepEqual(pipe(process, 'x', 20).length, 1)
  await process.close()
})

test('a disorder is a duration', () => {
  throws(() => topic('t', { key: text, value: text, // @ts-expect-error a misspelt unit does not compile, and is refused
    disorder: '1 minuet',
  }), /disorder of topic 't'.*minute/)
})
