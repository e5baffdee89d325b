import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic, type App } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'
import { build } from '../../topology/build.ts'
import { realClock } from '../../env/real/clock.ts'
import { MemoryStores } from '../state/memory-store.ts'
import { ShardState } from '../state/shard-state.ts'
import { compileSubTopology } from './compile.ts'
import { NO_ORIGIN, NO_ROWS } from './operator.ts'

const input = topic('in', { key: text, value: int64 })
const input2 = topic('in2', { key: text, value: int64 })
const out = topic('out', { key: text, value: int64 })
const key = (_: unknown, { key, window }: { readonly key: string; readonly window: { readonly start: number } }): string => `${key}@${window.start}`
const counted = (emit: 'updates' | 'final'): App => app('a').task('t', ({ read }) => read(input).window({ tumbling: '10 ms', grace: '5 ms', emit }).count('c').write(out, { key }))
const pipe = (process: InProcess, of: string, time: number): string[] => process.pipe({ topic: 'in', key: Buffer.from(of), value: int64.serialize(1), time })
  .map(row => `${row.key?.toString()} ${row.value === null ? null : int64.deserialize(row.value, 0, row.value.length)} @${row.time}`)

test('what comes too late is counted as late, per window that it missed (W1)', async () => {
  const process = await InProcess.start(counted('updates'))
  pipe(process, 'a', 30)
  deepEqual(pipe(process, 'a', 14), [])
  deepEqual(pipe(process, 'a', 16), [])
  deepEqual(pipe(process, 'a', 20), ['a@20 1 @20'])
  deepEqual([...process.dropped], [['c:late', 2]])
  await process.close()
})

test('stream time is kept with the commit: after a restart a late record is late still (departs from T2)', async () => {
  const process = await InProcess.start(counted('updates'))
  pipe(process, 'a', 100)
  await process.commit()
  await process.restart()
  deepEqual(pipe(process, 'a', 50), [])
  equal(process.dropped.get('c:late'), 1)
  await process.close()
})

test('closed windows leave the store, and the changelog has no records of it', async () => {
  const process = await InProcess.start(counted('updates'))
  for (let time = 0; time < 200; time += 10) pipe(process, 'a', time)
  await process.commit()
  const changes = process.changelog.get('c')?.length ?? 0
  equal(changes, 2)
  await process.close()
})

test('a final result leaves once, also over a restart between its last record and its close', async () => {
  const process = await InProcess.start(counted('final'))
  deepEqual([pipe(process, 'b', 3), pipe(process, 'a', 9), pipe(process, 'a', 1), pipe(process, 'a', 14)].flat(), [])
  await process.commit()
  await process.restart()
  deepEqual(pipe(process, 'c', 15), ['a@0 2 @9', 'b@0 1 @3'])
  await process.commit()
  await process.restart()
  deepEqual(pipe(process, 'a', 2), [])
  deepEqual(pipe(process, 'c', 40), ['a@10 1 @14', 'c@10 1 @15'])
  await process.close()
})

test('the watermark fires, stream time refuses: with two inputs a window that is closed to records waits for the slower one (G2, G4)', async () => {
  const task = build(app('a').task('t', ({ read }) => read(input).merge(read(input2)).window({ tumbling: '10 ms', emit: 'final' }).count('c').write(out, { key }))).tasks[0]
  if (task?.kind !== 'native') throw new Error('no task')
  const [sub] = task.subTopologies
  if (sub === undefined) throw new Error('no sub-topology')
  const sent: string[] = []
  const dropped: string[] = []
  const state = new ShardState(await new MemoryStores().open('s'), { clock: realClock, stores: ['c'] })
  const run = compileSubTopology(sub, {
    partition: 0, state, rows: NO_ROWS, now: () => 0, globalTable: () => { throw new Error('none') },
    output: {
      send: () => { throw new Error('not used') },
      append: (_, time, of, ofStart, ofEnd, value, start, end) => void sent.push(`${of.toString('utf8', ofStart, ofEnd)} ${start < 0 ? null : int64.deserialize(value, start, end)} @${time}`),
    },
    counters: { dropped: (operator, reason) => void dropped.push(`${operator} ${reason}`) },
  }, [])
  const [first, second] = sub.sources.map(node => run.sources.get(node.id))
  first?.process('a', 1, 5, NO_ORIGIN)
  equal(run.watermark, -1)
  first?.process('a', 1, 50, NO_ORIGIN)
  second?.process('b', 1, 3, NO_ORIGIN)
  equal(run.watermark, 3)
  deepEqual([sent, dropped], [[], ['c late']])
  second?.process('b', 1, 51, NO_ORIGIN)
  equal(run.watermark, 50)
  deepEqual(sent, ['a@0 1 @5'])
  second?.process('b', 1, 70, NO_ORIGIN)
  deepEqual(sent, ['a@0 1 @5'])
  run.setIdle('in', true)
  run.advance()
  equal(run.watermark, 70)
  deepEqual(sent, ['a@0 1 @5', 'a@50 1 @50', 'b@50 1 @51'])
  await state.close()
})
