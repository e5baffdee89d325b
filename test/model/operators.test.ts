/**
 * Stateful operators against naive recomputation: random records out of order, with commits, failed commits that are run again, restarts from the store
 * and a budget of live objects so small that rows come and go. Each model is written from the rule, without windows stores, buckets or heaps.
 *
 * A failure prints its seed; `MILLRACE_SEED` repeats it.
 */
import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, optional, text, topic, type App } from 'millrace'
import { InProcess } from '../support/in-process.ts'
import { seededRandom, type SeededRandom } from '../support/seeded-random.ts'

interface Input {
  readonly key: string
  readonly value: number
  readonly time: number
}

/** Shown rows: `key value @time`. */
type Model = (inputs: readonly Input[]) => string[]

const SIZE = 20
const GRACE = 7
const GAP = 8
const input = topic('in', { key: text, value: int64 })
const out = topic('out', { key: text, value: optional(text) })
const sum = { zero: () => 0, add: (state: number, value: number) => state + value }
const windowKey = (_: unknown, { key, window }: { readonly key: string; readonly window: { readonly start: number; readonly end: number } }): string => `${key}@${window.start}-${window.end}`

function randomInputs(random: SeededRandom, count: number, backMax: number): Input[] {
  let now = 100
  return Array.from({ length: count }, (_, index) => {
    now += random.below(12) === 0 ? random.below(50) : random.below(3)
    const back = random.below(4) === 0 ? random.below(backMax + 1) : 0
    return { key: `k${random.below(6)}`, value: index, time: Math.max(0, now - back) }
  })
}

/** Runs `description` over the inputs in commits of random length, some of which fail and are run again. */
async function run(description: App, inputs: readonly Input[], random: SeededRandom): Promise<string[]> {
  const process = await InProcess.start(description, { liveBytesMax: 3_000, storeLagMaxMs: 60_000 })
  for (let at = 0; at < inputs.length;) {
    const batch = inputs.slice(at, at + 1 + random.below(25))
    const before = process.output.length
    for (const { key, value, time } of batch) process.pipe({ topic: 'in', key: Buffer.from(key), value: int64.serialize(value), time })
    if (random.below(5) === 0) {
      await process.rollback()
      process.output.length = before
      continue
    }
    await process.commit({ written: random.below(2) === 0 })
    if (random.below(8) === 0) await process.restart()
    at += batch.length
  }
  await process.close()
  return process.output.map(row => `${row.key?.toString() ?? '-'} ${row.value?.toString() ?? '-'} @${row.time}`)
}

function check(name: string, describe: () => App, model: Model, backMax = 45): void {
  test(`${name} agrees with naive recomputation`, async () => {
    for (let round = 0; round < 6; round++) {
      const random = seededRandom()
      const inputs = randomInputs(random, 300, backMax)
      deepEqual(await run(describe(), inputs, random), model(inputs), `${random.seedText}`)
    }
  })
}

const byOrder = (left: { readonly at: number; readonly key: string }, right: { readonly at: number; readonly key: string }): number => left.at - right.at || (left.key < right.key ? -1 : 1)

check('tumbling windows, each update', () => app('model').task('t', ({ read }) => read(input).window({ tumbling: `${SIZE} ms`, grace: `${GRACE} ms` }).aggregate(sum).map(String).write(out, { key: windowKey })), inputs => {
  const rows: string[] = []
  inputs.forEach((record, index) => {
    const soFar = inputs.slice(0, index + 1)
    const start = Math.floor(record.time / SIZE) * SIZE
    const now = (until: number): number => Math.max(...inputs.slice(0, until + 1).map(one => one.time))
    if (start + SIZE <= now(index) - GRACE) return
    const members = soFar.filter((one, at) => one.key === record.key && Math.floor(one.time / SIZE) * SIZE === start && start + SIZE > now(at) - GRACE)
    rows.push(`${record.key}@${start}-${start + SIZE} ${members.reduce((total, one) => total + one.value, 0)} @${Math.max(...members.map(one => one.time))}`)
  })
  return rows
})

check('hopping windows, final results', () => app('model').task('t', ({ read }) => read(input).window({ hopping: `${SIZE} ms`, every: '5 ms', grace: `${GRACE} ms`, emit: 'final' }).aggregate(sum).map(String).write(out, { key: windowKey })), inputs => {
  const rows: string[] = []
  const open = new Map<string, { key: string; at: number; total: number; time: number }>()
  let now = -1
  for (const { key, value, time } of inputs) {
    now = Math.max(now, time)
    for (let start = Math.ceil((time - SIZE + 1) / 5) * 5; start <= time; start += 5) {
      if (start < 0 || start + SIZE <= now - GRACE) continue
      const id = `${start}/${key}`
      const row = open.get(id)
      open.set(id, { key, at: start, total: (row?.total ?? 0) + value, time: Math.max(row?.time ?? -1, time) })
    }
    for (const [id, row] of [...open].filter(([, row]) => row.at + SIZE <= now - GRACE).sort(([, left], [, right]) => byOrder(left, right))) {
      rows.push(`${row.key}@${row.at}-${row.at + SIZE} ${row.total} @${row.time}`)
      open.delete(id)
    }
  }
  return rows
})

interface NaiveSession {
  key: string
  start: number
  end: number
  total: number
}

function sessions(inputs: readonly Input[], isFinal: boolean): string[] {
  const rows: string[] = []
  let open: NaiveSession[] = []
  let now = -1
  const show = ({ key, start, end }: NaiveSession, value: string): void => void rows.push(`${key}@${start}-${end} ${value} @${end}`)
  for (const { key, value, time } of inputs) {
    now = Math.max(now, time)
    const closed = (end: number): boolean => end < now - GRACE - GAP
    const touched = open.filter(one => one.key === key && one.end >= time - GAP && one.start <= time + GAP && !closed(one.end)).sort((left, right) => left.end - right.end)
    const merged = { key, start: Math.min(time, ...touched.map(one => one.start)), end: Math.max(time, ...touched.map(one => one.end)), total: value + touched.reduce((total, one) => total + one.total, 0) }
    if (!closed(merged.end)) {
      open = open.filter(one => !touched.includes(one))
      if (!isFinal && (merged.start !== time || merged.end !== time)) for (const one of touched) show(one, '-')
      open.push(merged)
      if (!isFinal) show(merged, String(merged.total))
    }
    if (!isFinal) continue
    for (const one of open.filter(session => closed(session.end)).sort((left, right) => left.end - right.end || (left.key < right.key ? -1 : 1))) {
      show(one, String(one.total))
      open = open.filter(session => session !== one)
    }
  }
  return rows
}

const sessionSum = { ...sum, merge: (left: number, right: number) => left + right }
check('sessions, each update', () => app('model').task('t', ({ read }) => read(input).window({ session: `${GAP} ms`, grace: `${GRACE} ms` }).aggregate(sessionSum)
  .map(total => total === undefined ? undefined : String(total)).write(out, { key: windowKey })), inputs => sessions(inputs, false))
check('sessions, final results', () => app('model').task('t', ({ read }) => read(input).window({ session: `${GAP} ms`, grace: `${GRACE} ms`, emit: 'final' }).aggregate(sessionSum)
  .map(total => String(total)).write(out, { key: windowKey })), inputs => sessions(inputs, true))

check('distinct', () => app('model').task('t', ({ read }) => read(input).distinct({ by: value => value % 3, within: '15 ms' }).map(String).write(out)), inputs => {
  const passed: Input[] = []
  return inputs.flatMap(record => {
    if (passed.some(one => one.key === record.key && one.value % 3 === record.value % 3 && Math.abs(one.time - record.time) < 15)) return []
    passed.push(record)
    return [`${record.key} ${record.value} @${record.time}`]
  })
  // Older records than stream time − 15 ms may pass twice (D2): src/runtime/operators/distinct.test.ts.
}, 14)

check('timers', () => app('model').task('t', ({ read }) => read(input).process('timers', {
  state: int64, emits: text,
  onRecord(value, { state, timers, time }) {
    state.set(value)
    if (value % 4 === 0) timers.cancel(`n${value % 2}`)
    else timers.set(time + value % 37, `n${value % 2}`)
  },
  onTimer(timer, { state, timers, emit }) {
    emit(`${timer.name} ${state.get() ?? 'none'}`)
    if (timer.time % 5 === 0) timers.set(timer.time + 3, 'again')
  },
}).write(out)), inputs => {
  const rows: string[] = []
  const state = new Map<string, number>()
  let timers: { key: string; name: string; at: number }[] = []
  let now = -1
  const set = (key: string, name: string, at: number): void => {
    timers = [...timers.filter(one => one.key !== key || one.name !== name), { key, name, at }]
  }
  for (const { key, value, time } of inputs) {
    now = Math.max(now, time)
    state.set(key, value)
    if (value % 4 === 0) timers = timers.filter(one => one.key !== key || one.name !== `n${value % 2}`)
    else set(key, `n${value % 2}`, time + value % 37)
    for (;;) {
      const [due] = timers.filter(one => one.at <= now).sort((left, right) => byOrder(left, right) || 0)
      if (due === undefined) break
      const together = timers.filter(one => one.key === due.key && one.at === due.at).sort((left, right) => left.name < right.name ? -1 : 1)
      timers = timers.filter(one => !together.includes(one))
      for (const one of together) {
        rows.push(`${one.key} ${one.name} ${state.get(one.key) ?? 'none'} @${one.at}`)
        if (one.at % 5 === 0) set(one.key, 'again', one.at + 3)
      }
    }
  }
  return rows
})
