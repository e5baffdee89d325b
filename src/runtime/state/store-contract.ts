/**
 * What every store must do, as tests: run on `MemoryStore` and on `LmdbStore` alike. Cites S1–S6 of `store.ts`.
 *
 * Not named `.test.ts`, as it is no test by itself: `memory-store.test.ts` and `lmdb-store.test.ts` call it.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { RANGE_DELETES_MAX, type StateStore, type StoreChanges, type StorePosition, type StoreProvider } from './store.ts'

export interface StoreHarness {
  readonly provider: StoreProvider
  /** A directory of its own for each call. */
  directory(): string
}

export function position(offsetNext: number, more: Partial<StorePosition> = {}): StorePosition {
  return { changelogs: { counts: { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', offsetNext, leaderEpoch: 3 } }, committedAtMs: 1_700_000_000_000, bootId: 'boot-1', cleanClose: false, clocks: '', ...more }
}

export function changes(rows: Readonly<Record<string, string | undefined>>, deleteRanges: readonly (readonly [string, string])[] = []): StoreChanges {
  return {
    deleteRanges: deleteRanges.map(([from, to]) => [Buffer.from(from), Buffer.from(to)] as const),
    keys: Object.keys(rows).map(key => Buffer.from(key)),
    values: Object.values(rows).map(value => value === undefined ? undefined : Buffer.from(value)),
  }
}

function rows(store: StateStore, from: string, to: string, limit?: number): [string, string][] {
  return [...store.range(Buffer.from(from), Buffer.from(to), { limit })].map(({ key, value }) => [key.toString(), value.toString()])
}

function text(store: StateStore, key: string): string | undefined {
  return store.get(Buffer.from(key))?.toString()
}

export function storeContract(name: string, harness: StoreHarness): void {
  const withStore = async (run: (store: StateStore, directory: string) => Promise<void>): Promise<void> => {
    const directory = harness.directory()
    const store = await harness.provider.open(directory)
    try {
      await run(store, directory)
    } finally {
      await store.close().catch(() => undefined)
    }
  }

  test(`${name}: a new store has no position and no rows`, () => withStore(async store => {
    equal(store.position(), undefined)
    equal(store.entryCount(), 0)
    equal(text(store, 'a'), undefined)
    deepEqual(rows(store, '\x00', '~'), [])
  }))

  test(`${name}: a commit shows whole once it resolves, not before (S1, S2)`, () => withStore(async store => {
    const committed = store.commit(changes({ a: '1', b: '' }), position(5))
    equal(text(store, 'a'), undefined)
    equal(store.position(), undefined)
    deepEqual(await committed, { rangesEmpty: true })
    equal(text(store, 'a'), '1')
    equal(text(store, 'b'), '')
    deepEqual(store.position(), position(5))
    equal(store.entryCount(), 2)
    await store.commit(changes({ a: '2', b: undefined, gone: undefined }), position(6))
    equal(text(store, 'a'), '2')
    equal(text(store, 'b'), undefined)
    deepEqual(store.position(), position(6))
  }))

  test(`${name}: a range is [from, to), in the order of unsigned bytes, up to its limit (S5)`, () => withStore(async store => {
    const keys = [Buffer.from([1]), Buffer.from([1, 0]), Buffer.from([1, 0xff]), Buffer.from([2]), Buffer.from([0x7f]), Buffer.from([0x80]), Buffer.from([0xff, 0xff])]
    await store.commit({ deleteRanges: [], keys: [...keys].reverse(), values: keys.map(key => Buffer.from(key.toString('hex'))).reverse() }, position(1))
    const found = [...store.range(Buffer.from([1]), Buffer.from([0xff, 0xff]))]
    deepEqual(found.map(entry => entry.key.toString('hex')), keys.slice(0, -1).map(key => key.toString('hex')))
    deepEqual(found.map(entry => entry.value.toString()), keys.slice(0, -1).map(key => key.toString('hex')))
    deepEqual([...store.range(Buffer.from([1]), Buffer.from([3]), { limit: 2 })].map(entry => entry.key.toString('hex')), ['01', '0100'])
    deepEqual([...store.range(Buffer.from([3]), Buffer.from([3]))], [])
  }))

  test(`${name}: what a range gave stays as it is while the store goes on (S6)`, () => withStore(async store => {
    await store.commit(changes({ a: 'one', b: 'two' }), position(1))
    const kept = [...store.range(Buffer.from('a'), Buffer.from('z'))]
    await store.commit(changes({ a: 'xxx', b: 'yyy', c: 'zzz' }), position(2))
    for (let index = 0; index < 50; index++) store.get(Buffer.from('c'))
    deepEqual(kept.map(({ key, value }) => [key.toString(), value.toString()]), [['a', 'one'], ['b', 'two']])
  }))

  test(`${name}: ranges are deleted before rows are put, and only within their bounds`, () => withStore(async store => {
    await store.commit(changes({ a1: '1', a2: '2', b1: '3', b2: '4', c1: '5' }), position(1))
    deepEqual(await store.commit(changes({ b2: 'new' }, [['a', 'a2'], ['b', 'c']]), position(2)), { rangesEmpty: true })
    deepEqual(rows(store, 'a', 'z'), [['a2', '2'], ['b2', 'new'], ['c1', '5']])
  }))

  test(`${name}: a large range goes in parts, and the answer says so`, () => withStore(async store => {
    const count = RANGE_DELETES_MAX + 10
    const keys = Array.from({ length: count }, (_, index) => Buffer.from(`k${String(index).padStart(6, '0')}`))
    await store.commit({ deleteRanges: [], keys, values: keys }, position(1))
    const everything = [[Buffer.from('k'), Buffer.from('l')]] as const
    deepEqual(await store.commit({ deleteRanges: everything, keys: [], values: [] }, position(2)), { rangesEmpty: false })
    equal(rows(store, 'k', 'l').length, 10)
    equal(rows(store, 'k', 'l')[0]?.[0], `k${String(RANGE_DELETES_MAX).padStart(6, '0')}`)
    deepEqual(await store.commit({ deleteRanges: everything, keys: [], values: [] }, position(3)), { rangesEmpty: true })
    equal(store.entryCount(), 0)
  }))

  test(`${name}: keys beyond what the disk format takes keep their rows, their order and their bounds (S5)`, () => withStore(async store => {
    const long = 'k'.repeat(1_024)
    const names = ['k', long.slice(0, 1_023), long, `${long}a`, `${long}b`, `${long}${'c'.repeat(5_000)}`, `${long}d`, `${long.slice(0, 1_023)}z`, 'l', 'x'.repeat(100_000)]
    await store.commit(changes(Object.fromEntries(names.map((key, index) => [key, String(index)]))), position(1))
    for (const [index, key] of names.entries()) equal(text(store, key), String(index))
    equal(text(store, `${long}e`), undefined)
    deepEqual(rows(store, 'k', '~').map(([key]) => key), names)
    deepEqual(rows(store, `${long}b`, `${long}d`).map(([, value]) => value), ['4', '5'])
    deepEqual(rows(store, long, `${long}a`).map(([, value]) => value), ['2'])
    await store.commit(changes({}, [[`${long}a`, `${long}c`]]), position(2))
    deepEqual(rows(store, 'k', 'l').map(([, value]) => value), ['0', '1', '2', '5', '6', '7'])
  }))

  test(`${name}: values of many sizes come back as they were (S4)`, () => withStore(async store => {
    const sizes = [0, 1, 7, 100, 4_095, 4_096, 10_000, 1_000_000]
    const values = sizes.map(size => Buffer.alloc(size, size % 251))
    await store.commit({ deleteRanges: [], keys: sizes.map(size => Buffer.from(`s${size}`)), values }, position(1))
    for (const [index, size] of sizes.entries()) ok(store.get(Buffer.from(`s${size}`))?.equals(values[index] ?? Buffer.alloc(0)), `a value of ${size} bytes`)
  }))

  test(`${name}: a clean close is seen by the next open, and is over with the next commit`, async () => {
    const directory = harness.directory()
    const first = await harness.provider.open(directory)
    await first.commit(changes({ a: '1' }), position(9))
    await first.close()
    const second = await harness.provider.open(directory)
    deepEqual(second.position(), position(9, { cleanClose: true }))
    equal(text(second, 'a'), '1')
    await second.commit(changes({ a: '2' }), position(10, { cleanClose: true }))
    deepEqual(second.position(), position(10))
    await second.close()
    harness.provider.remove(directory)
    const third = await harness.provider.open(directory)
    equal(third.position(), undefined)
    equal(text(third, 'a'), undefined)
    await third.close()
  })

  test(`${name}: close waits for the commit under way`, async () => {
    const directory = harness.directory()
    const store = await harness.provider.open(directory)
    const committed = store.commit(changes({ a: '1' }), position(1))
    await Promise.all([store.close(), committed])
    const again = await harness.provider.open(directory)
    equal(text(again, 'a'), '1')
    await again.close()
  })

  test(`${name}: two commits at once are refused`, () => withStore(async store => {
    const committed = store.commit(changes({ a: '1' }), position(1))
    await rejects(async () => store.commit(changes({ a: '2' }), position(2)), /under way/)
    await committed
    equal(text(store, 'a'), '1')
  }))
}
