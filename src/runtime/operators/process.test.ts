import { deepEqual, match } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic, type App } from 'millrace'
import { InProcess, thrown } from '../../../test/support/in-process.ts'

const input = topic('in', { key: text, value: text })
const names = topic('names', { key: int64, value: text })
const out = topic('out', { key: text, value: text })

/** Values are scripts: `e NAME TIME`, `w NAME TIME`, `ce NAME`, `cw NAME`, `s TEXT`, `d`, `lookup NUMBER`, `emit TEXT TIME`. */
function scripted(): App {
  return app('a').task('t', ({ read, globalTable }) => read(input).process('p', {
    state: text, emits: text, tables: { names: globalTable(names) },
    onRecord(script, { state, timers, tables, emit }) {
      const [word, name = '', time = ''] = script.split(' ')
      if (word === 'e') timers.set(Number(time), name)
      else if (word === 'w') timers.setWallClock(Number(time), name)
      else if (word === 'ce') timers.cancel(name)
      else if (word === 'cw') timers.cancelWallClock(name)
      else if (word === 's') state.set(name)
      else if (word === 'd') state.delete()
      else if (word === 'lookup') emit(tables.names.get(Number(name)) ?? 'nobody')
      else if (word === 'emit') emit(name, time === '' ? undefined : Number(time))
      else if (word === 'now') emit(String(timers.now()))
    },
    onTimer(timer, { key, state, timers, emit, headers, offset }) {
      emit(`${timer.clock} ${timer.name} of ${key}: ${state.get() ?? 'none'}${headers.length === 0 && offset === -1 ? '' : ' with an origin'}`)
      if (timer.name === 'again') timers.set(timer.time + 10, 'again')
    },
  }).write(out))
}

const pipe = (process: InProcess, key: string, script: string, time: number): string[] => process.pipe({ topic: 'in', key: Buffer.from(key), value: Buffer.from(script), time, headers: [{ key: 'h', value: null }] }).map(shown)
const shown = (row: { readonly value: Buffer | null; readonly time: number }): string => `${row.value?.toString()} @${row.time}`

test('event-time timers fire by time, key and name, with the time they were set to and no headers (P2, P3)', async () => {
  const process = await InProcess.start(scripted())
  deepEqual(['e z 20', 'e a 20', 's hello'].flatMap(script => pipe(process, 'k2', script, 1)), [])
  deepEqual([pipe(process, 'k1', 'e x 20', 2), pipe(process, 'k1', 'e y 10', 2), pipe(process, 'k3', 's quiet', 19)].flat(), ['event y of k1: none @10'])
  deepEqual(pipe(process, 'k3', 's quiet', 20), ['event x of k1: none @20', 'event a of k2: hello @20', 'event z of k2: hello @20'])
  deepEqual(pipe(process, 'k3', 'e past 5', 21), ['event past of k3: quiet @5'])
  await process.close()
})

test('timers outlive restarts, a failed commit takes back what it set, and overdue wall-clock timers fire at the first tick (M2)', async () => {
  const process = await InProcess.start(scripted())
  pipe(process, 'a', 'e t 50', 1)
  pipe(process, 'a', 'w t 1000', 1)
  await process.commit()
  pipe(process, 'a', 'e t 20', 2)
  pipe(process, 'b', 'w t 10', 2)
  await process.rollback()
  await process.restart()
  deepEqual(pipe(process, 'x', 's x', 30), [])
  deepEqual(pipe(process, 'x', 's x', 50), ['event t of a: none @50'])
  deepEqual(process.advanceWallClock(999), [])
  await process.commit()
  await process.restart()
  deepEqual(process.advanceWallClock(5_000).map(shown), ['wall t of a: none @1000'])
  await process.commit()
  await process.restart()
  deepEqual(process.advanceWallClock(5_000), [])
  deepEqual(pipe(process, 'x', 's x', 500), [])
  await process.close()
})

test('a timer that sets itself again fires once for each time that passed', async () => {
  const process = await InProcess.start(scripted())
  pipe(process, 'a', 'e again 10', 1)
  deepEqual(pipe(process, 'b', 's x', 35), ['event again of a: none @10', 'event again of a: none @20', 'event again of a: none @30'])
  await process.close()
})

test('setting moves, cancelling forgets, the two clocks are apart', async () => {
  const process = await InProcess.start(scripted())
  for (const script of ['e t 10', 'w t 10', 'e t 30', 'cw t', 'e u 15', 'ce u', 'e u 40']) pipe(process, 'a', script, 1)
  deepEqual(process.advanceWallClock(100), [])
  deepEqual(pipe(process, 'b', 's x', 29), [])
  deepEqual(pipe(process, 'b', 's x', 100), ['event t of a: none @30', 'event u of a: none @40'])
  await process.close()
})

test('state is per key, emit has the record\'s time and headers unless told otherwise, tables are at hand', async () => {
  const process = await InProcess.start(scripted())
  process.pipe({ topic: 'names', key: int64.serialize(7), value: Buffer.from('Ada'), time: 1 })
  deepEqual([pipe(process, 'a', 'lookup 7', 5), pipe(process, 'a', 'lookup 8', 6), pipe(process, 'a', 'emit x 3', 7)].flat(), ['Ada @5', 'nobody @6', 'x @3'])
  deepEqual(process.output.map(row => row.headers.length), [1, 1, 1])
  process.wallClockMs = 42
  deepEqual(pipe(process, 'a', 'now', 8), ['42 @8'])
  pipe(process, 'a', 's one', 9)
  pipe(process, 'a', 'd', 9)
  pipe(process, 'a', 'e t 10', 9)
  deepEqual(pipe(process, 'b', 's two', 10), ['event t of a: none @10'])
  await process.close()
})

test('a timer without onTimer, or at no time, is the user\'s mistake and says so', async () => {
  const process = await InProcess.start(app('a').task('t', ({ read }) => read(input).process('p', { state: text, onRecord: (_, { timers }) => timers.set(5) })))
  match(thrown(() => pipe(process, 'a', 'x', 1)), /'p' sets a timer but has no onTimer/)
  await process.close()
  const other = await InProcess.start(scripted())
  match(thrown(() => pipe(other, 'a', 'e t soon', 1)), /'p' sets a timer to NaN/)
  await other.close()
})
