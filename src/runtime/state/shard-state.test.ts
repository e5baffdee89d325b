import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import { realClock } from '../../env/real/clock.ts'
import { realDisk } from '../../env/real/disk.ts'
import { json } from '../../serde/json.ts'
import { int64 } from '../../serde/number.ts'
import { text } from '../../serde/text.ts'
import { KeyedStore } from './keyed-store.ts'
import { storePrefix } from './layout.ts'
import { lmdbStores } from './lmdb-store.ts'
import { MemoryStores } from './memory-store.ts'
import { ShardState } from './shard-state.ts'
import { position } from './store-contract.ts'
import type { StoreProvider } from './store.ts'
import { WindowStore } from './window-store.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-state-'))
after(() => rmSync(root, { recursive: true, force: true }))
const names = ['rows', 'windows']

async function open(provider: StoreProvider, directory: string, liveBytesMax?: number, storeLagMaxMs = 0): Promise<ShardState> {
  return new ShardState(await provider.open(directory), { clock: realClock, stores: names, liveBytesMax, storeLagMaxMs })
}

const rowsOf = (state: ShardState): KeyedStore => KeyedStore.of(state, 'rows', text, int64)
const windowsOf = (state: ShardState): WindowStore => WindowStore.of(state, 'windows', text, int64)

test('a row is serialized once per commit, for changelog and store alike', async () => {
  const state = await open(new MemoryStores(), 's')
  const rows = rowsOf(state)
  const entry = rows.entry('a')
  rows.set(entry, 1, 10)
  rows.set(entry, 2, 20)
  rows.set(rows.entry('b'), 3, 30)
  const frozen = state.freeze()
  equal(frozen.count, 2)
  const changelog: [string, string, Buffer | null][] = []
  frozen.changes((store, key, value) => changelog.push([store, key.toString(), value]))
  deepEqual(changelog.map(([store, key]) => [store, key]), [['rows', 'a'], ['rows', 'b']])
  // A change after the freeze belongs to the next commit, and does not show in this one.
  rows.set(entry, 99, 40)
  state.committed(frozen, position(1))
  await state.written()
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(storePrefix('rows'))
  ok(state.store.get(Buffer.concat([prefix, Buffer.from('a')]))?.equals(changelog[0]?.[2] ?? Buffer.alloc(0)))
  equal(rows.get('a'), 99)
  equal(state.freeze().count, 1)
  await state.close()
})

test('rollback: rows are as of the last commit, written or not', async () => {
  const state = await open(new MemoryStores(), 's', undefined, 60_000)
  rowsOf(state).set(rowsOf(state).entry('a'), 1, 10)
  state.committed(state.freeze(), position(1))
  rowsOf(state).set(rowsOf(state).entry('a'), 2, 20)
  state.freeze()
  rowsOf(state).set(rowsOf(state).entry('a'), 3, 30)
  await state.rollback()
  equal(rowsOf(state).get('a'), 1)
  equal(rowsOf(state).entry('a').time, 10)
  deepEqual(state.position(), position(1))
  await state.close()
})

test('commits are coalesced: the store is written once within the lag, with the last position', async () => {
  const stores = new MemoryStores()
  const state = await open(stores, 's', undefined, 60_000)
  const rows = rowsOf(state)
  for (let round = 1; round <= 5; round++) {
    rows.set(rows.entry('a'), round, round)
    state.committed(state.freeze(), position(round))
  }
  equal(state.store.position(), undefined)
  ok(state.unwrittenBytes > 0)
  await state.written()
  deepEqual(state.store.position(), position(5))
  equal(state.store.entryCount(), 1)
  await state.close()
})

test('a failed write shows: in written(), and in the next commit', async () => {
  const stores = new MemoryStores()
  const state = await open(stores, 's', undefined, 0)
  const rows = rowsOf(state)
  const entry = rows.entry('a')
  rows.set(entry, 1, 1)
  state.committed(state.freeze(), position(1))
  stores.crash()
  await rejects(state.written(), /killed/)
  rows.set(entry, 2, 2)
  const frozen = state.freeze()
  throws(() => state.committed(frozen, position(2)), /killed/)
})

test('what is not yet in the store is never evicted, what is comes back from it', async () => {
  const stores = new MemoryStores()
  const state = await open(stores, 's', 1, 60_000)
  const rows = rowsOf(state)
  for (let index = 0; index < 100; index++) rows.set(rows.entry(`k${index}`), index, index)
  state.trim()
  for (let index = 0; index < 100; index++) equal(rows.get(`k${index}`), index)
  state.committed(state.freeze(), position(1))
  const before = state.liveBytes
  state.trim()
  equal(state.liveBytes, before)
  await state.written()
  for (let round = 0; round < 3; round++) state.trim()
  ok(state.liveBytes < before / 10, `${state.liveBytes} of ${before} bytes are still live`)
  for (let index = 0; index < 100; index++) equal(rows.get(`k${index}`), index)
  await state.close()
})

test('over budget with everything held: it is not tried again at each record, and the write is not put off', async () => {
  const state = await open(new MemoryStores(), 's', 1_000, 60_000)
  const rows = rowsOf(state)
  let trims = 0
  for (let index = 0; index < 2_000; index++) {
    rows.set(rows.entry(`k${index}`), index, index)
    if (!state.overBudget) continue
    trims++
    state.trim()
  }
  ok(trims > 5 && trims < 100, `${trims} trims`)
  state.committed(state.freeze(), position(1))
  // Far below the lag: the budget alone makes it write.
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
  deepEqual(state.store.position(), position(1))
  ok(state.overBudget)
  for (let round = 0; round < 3; round++) state.trim()
  await state.close()
})

test('keys that are one on the wire are one row, whatever they are in memory', async () => {
  const state = await open(new MemoryStores(), 's')
  const rows = KeyedStore.of(state, 'rows', json(), int64)
  rows.set(rows.entry({ a: 1 }), 5, 1)
  equal(rows.get({ a: 1 }), 5)
  equal(rows.get({ a: 2 }), undefined)
  await state.close()
})

test('expired windows are gone from memory at once, from the store with the commit, and leave no changelog records', async () => {
  const stores = new MemoryStores()
  const state = await open(stores, 's')
  const windows = windowsOf(state)
  for (const start of [0, 10, 20]) for (const key of ['a', 'b']) windows.set(windows.entry(start, key), start, start)
  state.committed(state.freeze(), position(1))
  await state.written()
  windows.set(windows.entry(10, 'a'), 11, 11)
  windows.set(windows.entry(20, 'a'), 21, 21)
  windows.expire(20)
  throws(() => windows.entry(10, 'a'), /expired/)
  deepEqual(windows.rows(0, 100).map(row => [row.start, row.key, row.value]), [[20, 'a', 21], [20, 'b', 20]])
  const frozen = state.freeze()
  equal(frozen.count, 1)
  state.committed(frozen, position(2))
  await state.written()
  equal(state.store.entryCount(), 2)
  await state.close()
})

test('an expiry covers rows of earlier commits that are not written yet, and is taken back by a rollback', async () => {
  const state = await open(new MemoryStores(), 's', undefined, 60_000)
  windowsOf(state).set(windowsOf(state).entry(0, 'a'), 1, 1)
  state.committed(state.freeze(), position(1))
  windowsOf(state).expire(10)
  await state.rollback()
  equal(windowsOf(state).entry(0, 'a').value, 1)
  windowsOf(state).set(windowsOf(state).entry(0, 'a'), 2, 2)
  state.committed(state.freeze(), position(2))
  windowsOf(state).expire(10)
  state.committed(state.freeze(), position(3))
  await state.written()
  equal(state.store.entryCount(), 0)
  await state.close()
})

test('two stores whose names share a prefix are refused when the shard is opened', () => {
  // FNV-1a collides on these two, as anyone may compute.
  equal(storePrefix('costarring'), storePrefix('liquid'))
  throws(() => new ShardState(new FakeStore(), { clock: realClock, stores: ['costarring', 'liquid'] }), /rename/)
})

class FakeStore {
  get(): undefined { return undefined }
  range(): [] { return [] }
  commit(): Promise<{ rangesEmpty: boolean }> { return Promise.resolve({ rangesEmpty: true }) }
  position(): undefined { return undefined }
  entryCount(): number { return 0 }
  close(): Promise<void> { return Promise.resolve() }
}

interface Model {
  rows: Map<string, number>
  windows: Map<string, number>
  expiredBelow: number
}

const copy = (model: Model): Model => ({ rows: new Map(model.rows), windows: new Map(model.windows), expiredBelow: model.expiredBelow })

/** Random work against a map: changes, expiry, commits, failed commits, evictions, crashes with restore from the changelog. */
async function randomWork(provider: StoreProvider, directory: string, crash: (() => void) | undefined): Promise<void> {
  const random = seededRandom()
  const say = (what: string): string => `${what} (${random.seedText})`
  let state = await open(provider, directory, 4_000, 2)
  let model: Model = { rows: new Map(), windows: new Map(), expiredBelow: 0 }
  let committed = copy(model)
  const changelog: { store: string; record: { readonly key: Buffer; readonly value: Buffer | null }; commit: number }[] = []
  let commits = 0
  const check = (): void => {
    const rows = rowsOf(state)
    for (let probe = 0; probe < 10; probe++) {
      const key = `k${random.below(60)}`
      equal(rows.get(key), model.rows.get(key), say(key))
    }
    deepEqual(windowsOf(state).rows(0, 1_000_000).map(row => [`${row.start}/${String(row.key)}`, row.value]), [...model.windows].sort(windowOrder), say('windows'))
  }
  for (let step = 0; step < 800; step++) {
    const what = random.below(100)
    const key = `k${random.below(60)}`
    if (what < 40) {
      const rows = rowsOf(state)
      const value = random.below(5) === 0 ? undefined : step
      rows.set(rows.entry(key), value, step)
      if (value === undefined) model.rows.delete(key)
      else model.rows.set(key, value)
    } else if (what < 70) {
      const start = model.expiredBelow + random.below(5) * 10
      windowsOf(state).set(windowsOf(state).entry(start, key), step, step)
      model.windows.set(`${start}/${key}`, step)
    } else if (what < 74) {
      model.expiredBelow += 10
      windowsOf(state).expire(model.expiredBelow)
      for (const at of model.windows.keys()) if (Number(at.split('/')[0]) < model.expiredBelow) model.windows.delete(at)
    } else if (what < 86) {
      const frozen = state.freeze()
      if (random.below(4) === 0) {
        await state.rollback()
        model = copy(committed)
      } else {
        commits++
        frozen.changes((store, changed, value) => changelog.push({ store, record: { key: Buffer.from(changed), value: value && Buffer.from(value) }, commit: commits }))
        state.committed(frozen, position(commits))
        committed = copy(model)
      }
      windowsOf(state).expire(model.expiredBelow)
    } else if (what < 88 && crash !== undefined) {
      crash()
      state = await open(provider, directory, 4_000, 2)
      const from = state.position()?.changelogs['counts']?.offsetNext ?? 0
      ok(from <= commits, say('the store is not ahead of the changelog'))
      for (const store of names) {
        const records = changelog.filter(change => change.store === store && change.commit > from).map(change => change.record)
        await state.restore(store, records.map(({ key }) => key), records.map(({ value }) => value ?? undefined), position(commits))
      }
      model = copy(committed)
      windowsOf(state).expire(model.expiredBelow)
    } else if (what < 94) {
      state.trim()
      await new Promise(resolve => setImmediate(resolve))
    } else check()
  }
  await state.close()
  state = await open(provider, directory)
  windowsOf(state).expire(committed.expiredBelow)
  model = committed
  check()
  deepEqual(rowsOf(state).rows().map(row => [row.key, row.value]), [...model.rows].sort(([left], [right]) => left < right ? -1 : 1), say('rows'))
  await state.close()
}

function windowOrder([left]: readonly [string, number], [right]: readonly [string, number]): number {
  const [leftStart = '', leftKey = ''] = left.split('/')
  const [rightStart = '', rightKey = ''] = right.split('/')
  return Number(leftStart) - Number(rightStart) || (leftKey < rightKey ? -1 : 1)
}

test('random changes, commits, rollbacks, evictions and crashes agree with a map, in memory', async () => {
  for (let round = 0; round < 10; round++) {
    const stores = new MemoryStores({ defer: callback => void setImmediate(callback) })
    await randomWork(stores, 's', () => stores.crash('', () => round % 2 === 0))
  }
})

test('random changes, commits, rollbacks and evictions agree with a map, on LMDB', async () => {
  for (let round = 0; round < 3; round++) await randomWork(lmdbStores(realDisk, 'boot'), join(root, `random-${round}`), undefined)
})
