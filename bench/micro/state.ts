/**
 * How fast state is: live rows, commits into LMDB, rows that come back from it, and aggregates on top.
 *
 *   node --expose-gc --max-old-space-size=512 dist/bench/micro/state.js [keys, default 2,000,000]
 *
 * One shard in one thread, no broker; CPU time of the whole process (LMDB's writer and the collector included), except where a commit holds up the thread.
 * Rows are counts (int64) of text keys of 11 characters. Printed are the rate, and for commits how long the thread was
 * held up. It does not measure what producing the changelog costs, nor a disk slower than the page cache: nothing is synced (`noSync`).
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { app, int64, text, topic, type App } from 'millrace'
import { realClock } from '../../src/env/real/clock.ts'
import { realDisk } from '../../src/env/real/disk.ts'
import { compileSubTopology } from '../../src/runtime/operators/compile.ts'
import { NO_ORIGIN, NO_ROWS, type Operator, type SubTopologyRun } from '../../src/runtime/operators/operator.ts'
import { KeyedStore } from '../../src/runtime/state/keyed-store.ts'
import { lmdbStores } from '../../src/runtime/state/lmdb-store.ts'
import { ShardState } from '../../src/runtime/state/shard-state.ts'
import type { StorePosition } from '../../src/runtime/state/store.ts'
import { build } from '../../src/topology/build.ts'

const keysTotal = Number(process.argv[2] ?? 2_000_000)
const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const stores = lmdbStores(realDisk, 'bench')
const position: StorePosition = { changelogs: {}, committedAtMs: 0, bootId: 'bench', cleanClose: false, clocks: '' }
console.log(`node ${process.version}, ${keysTotal} keys`)

/** CPU time of the process, LMDB's writer and the garbage collector included: what a loaded machine does to the clock does not show. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e3
}

async function open(name: string, names: readonly string[]): Promise<ShardState> {
  return new ShardState(await stores.open(join(directory, name)), { clock: realClock, stores: names, storeLagMaxMs: 0 })
}

function rate(what: string, count: number, ms: number, more = ''): void {
  console.log(`  ${what.padEnd(58)} ${(count / ms / 1e3).toFixed(2).padStart(7)} M/s ${(ms * 1e6 / count).toFixed(0).padStart(6)} ns${more}`)
}

/** Freeze, changelog and write of what changed; says how long the thread was held up. */
async function commit(state: ShardState): Promise<{ readonly count: number; readonly freezeMs: number; readonly blockedMs: number; readonly totalMs: number }> {
  const start = cpuMs()
  const frozen = state.freeze()
  let bytes = 0
  frozen.changes((_, key, value) => { bytes += key.length + (value?.length ?? 0) })
  const frozenAt = cpuMs()
  if (frozen.count > 0 && bytes === 0) throw new Error('nothing was serialized')
  let longest = 0
  let last = performance.now()
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 0)
  state.committed(frozen, position)
  await state.written()
  longest = Math.max(longest, performance.now() - last)
  clearInterval(watch)
  return { count: frozen.count, freezeMs: frozenAt - start, blockedMs: longest, totalMs: cpuMs() - start }
}

function memory(): string {
  ;(globalThis as { gc?: () => void }).gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  return `heap ${(heapUsed / 2 ** 20).toFixed(0)} MB, resident ${(rss / 2 ** 20).toFixed(0)} MB`
}

const keyOf = (index: number): string => `key${String(index).padStart(8, '0')}`
/** A fixed walk over all keys in no order. */
const scattered = (index: number): number => (index * 7_368_787) % keysTotal

async function hotRows(): Promise<void> {
  console.log('\nlive rows, 10,000 keys')
  const state = await open('hot', ['rows'])
  const rows = KeyedStore.of(state, 'rows', text, int64)
  const keys = Array.from({ length: 10_000 }, (_, index) => keyOf(index))
  for (let round = 0; round < 4; round++) {
    const start = cpuMs()
    for (let index = 0; index < 2_000_000; index++) {
      const entry = rows.entry(keys[index % 10_000] ?? '')
      rows.set(entry, (entry.value === undefined ? 0 : Number(entry.value)) + 1, index)
    }
    if (round > 1) rate('entry + set of a live row', 2_000_000, cpuMs() - start)
  }
  for (let round = 0; round < 3; round++) {
    for (const key of keys.slice(0, 5_000)) rows.set(rows.entry(key), round, round)
    const { count, freezeMs, blockedMs, totalMs } = await commit(state)
    console.log(`  commit of ${count} rows: freeze ${freezeMs.toFixed(1)} ms (${(freezeMs * 1e6 / count).toFixed(0)} ns a row), then blocked at most ${blockedMs.toFixed(1)} ms, written after ${totalMs.toFixed(1)} ms`)
  }
  await state.close()
}

async function manyRows(): Promise<void> {
  console.log(`\n${keysTotal} rows, budget of live objects 64 MiB`)
  const state = await open('many', ['rows'])
  const rows = KeyedStore.of(state, 'rows', text, int64)
  let blocked = 0
  const start = cpuMs()
  for (let index = 0; index < keysTotal; index++) {
    rows.set(rows.entry(keyOf(scattered(index))), index, index)
    if (state.overBudget) state.trim()
    if (index % 50_000 === 49_999) blocked = Math.max(blocked, (await commit(state)).blockedMs)
  }
  await commit(state)
  rate('new row (miss, set), a commit each 50,000', keysTotal, cpuMs() - start, `, blocked at most ${blocked.toFixed(0)} ms, ${memory()}`)
  for (const [what, change] of [['read of a scattered row', false], ['read and change of a scattered row, commits as above', true]] as const) {
    const from = cpuMs()
    const count = Math.min(keysTotal, 500_000)
    for (let index = 0; index < count; index++) {
      const entry = rows.entry(keyOf(scattered(index * 3 + 1)))
      if (entry.value === undefined) throw new Error(`row ${scattered(index * 3 + 1)} is gone`)
      if (change) rows.set(entry, index, index)
      if (state.overBudget) state.trim()
      if (change && index % 50_000 === 49_999) await commit(state)
    }
    rate(what, count, cpuMs() - from, `, ${memory()}`)
  }
  await state.close()
  console.log(`  data file ${(statSync(join(directory, 'many', 'data.mdb')).size / 2 ** 20).toFixed(0)} MB`)
}

const input = topic('in', { key: text, value: int64 })
const APPS: Readonly<Record<string, App>> = {
  'count per key, 10,000 keys': app('bench').task('count', ({ read }) => { read(input).count() }),
  'count per key and minute, 10,000 keys': app('bench').task('count', ({ read }) => { read(input).window({ tumbling: '1 minute', grace: '10 seconds' }).count() }),
  'the same, final results only': app('bench').task('count', ({ read }) => { read(input).window({ tumbling: '1 minute', grace: '10 seconds', emit: 'final' }).count() }),
  'sessions of 30 s per key, 10,000 keys': app('bench').task('count', ({ read }) => { read(input).window({ session: '30 seconds', grace: '10 seconds' }).count() }),
  'distinct within 10 s, 10,000 keys': app('bench').task('count', ({ read }) => { read(input).distinct({ within: '10 seconds' }) }),
}

async function aggregates(): Promise<void> {
  console.log('\noperators, from the head on, a commit each 100,000 records')
  const keys = Array.from({ length: 10_000 }, (_, index) => keyOf(index))
  for (const [what, description] of Object.entries(APPS)) {
    const task = build(description).tasks[0]
    if (task?.kind !== 'native') throw new Error('no task')
    const [sub] = task.subTopologies
    if (sub === undefined) throw new Error('no sub-topology')
    const state = await open(what, sub.stores.map(store => store.name))
    const run: SubTopologyRun = compileSubTopology(sub, {
      partition: 0, state, rows: NO_ROWS, output: { send: () => undefined, append: () => undefined }, counters: { dropped: (_, reason) => { throw new Error(`dropped: ${reason}`) } },
      now: () => 0, globalTable: () => { throw new Error('no global table') },
    }, [])
    const head: Operator | undefined = run.sources.values().next().value
    let time = 1_700_000_000_000
    let spentMs = 0
    let committedMs = 0
    const records = 2_000_000
    for (let index = 0; index < records; index++) {
      if (index % 100_000 === 0) {
        const start = cpuMs()
        run.flush()
        if (index > 0) await commit(state)
        committedMs += cpuMs() - start
      }
      const from = index % 10_000 === 0 ? cpuMs() : 0
      head?.process(keys[scattered(index) % 10_000] ?? '', index, time += 1, NO_ORIGIN)
      if (index % 10_000 === 9_999) spentMs += cpuMs() - startOf
      if (from !== 0) startOf = from
    }
    rate(what, records, spentMs, `, commits ${(committedMs / (records / 100_000)).toFixed(1)} ms each`)
    await state.close()
  }
}
let startOf = 0

try {
  await hotRows()
  await manyRows()
  await aggregates()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
