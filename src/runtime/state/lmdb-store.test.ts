import { equal, rejects, throws } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MillraceError } from '../../base/errors.ts'
import { realDisk } from '../../env/real/disk.ts'
import { LmdbStore, lmdbStores } from './lmdb-store.ts'
import { changes, position, storeContract } from './store-contract.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-lmdb-'))
const provider = lmdbStores(realDisk, 'boot-1')
let next = 0
const directory = (): string => join(root, `shard-${next++}`)
storeContract('LMDB store', { provider, directory })
after(() => rmSync(root, { recursive: true, force: true }))

test('a SIGKILL between commits loses nothing that had resolved, and leaves no clean mark (S3)', async () => {
  const path = directory()
  const module = new URL('./lmdb-store.js', import.meta.url).href
  const disk = new URL('../../env/real/disk.js', import.meta.url).href
  const script = `
    import { LmdbStore } from ${JSON.stringify(module)}
    import { realDisk } from ${JSON.stringify(disk)}
    const store = await LmdbStore.open(${JSON.stringify(path)}, realDisk, 'boot-1')
    for (let round = 1; ; round++) {
      const keys = Array.from({ length: 200 }, (_, index) => Buffer.from('k' + index))
      await store.commit({ deleteRanges: [], keys, values: keys.map(() => Buffer.from(String(round))) }, { ...${JSON.stringify(position(0))}, clocks: String(round) })
      if (round === 20) process.kill(process.pid, 'SIGKILL')
    }`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  equal(child.signal, 'SIGKILL', child.stderr)
  const store = await LmdbStore.open(path, realDisk, 'boot-1')
  equal(store.position()?.cleanClose, false)
  equal(store.position()?.clocks, '20')
  for (let index = 0; index < 200; index++) equal(store.get(Buffer.from(`k${index}`))?.toString(), '20')
  await store.close()
})

test('a flipped bit in a value is found, not returned (S4)', async () => {
  const path = directory()
  const store = await LmdbStore.open(path, realDisk, 'boot-1')
  await store.commit(changes({ key: 'a value that is easy to find' }), position(1))
  await store.close()
  const file = join(path, 'data.mdb')
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf('easy to find'); at !== -1; at = bytes.indexOf('easy to find', at + 1)) bytes[at] = 0x58
  writeFileSync(file, bytes)
  const damaged = await LmdbStore.open(path, realDisk, 'boot-1')
  throws(() => damaged.get(Buffer.from('key')), (error: unknown) => error instanceof MillraceError && error.code === 'STORE_CORRUPT')
  throws(() => [...damaged.range(Buffer.from('a'), Buffer.from('z'))], (error: unknown) => error instanceof MillraceError && error.code === 'STORE_CORRUPT')
  await damaged.close()
})

test('after an unclean end in another boot of the machine it is not even opened, after a clean one it is (M1)', async () => {
  const path = directory()
  const child = `
    import { LmdbStore } from ${JSON.stringify(new URL('./lmdb-store.js', import.meta.url).href)}
    import { realDisk } from ${JSON.stringify(new URL('../../env/real/disk.js', import.meta.url).href)}
    const store = await LmdbStore.open(${JSON.stringify(path)}, realDisk, 'boot-1')
    await store.commit({ deleteRanges: [], keys: [Buffer.from('a')], values: [Buffer.from('1')] }, ${JSON.stringify(position(1))})
    process.kill(process.pid, 'SIGKILL')`
  equal(spawnSync(process.execPath, ['--input-type=module', '-e', child]).signal, 'SIGKILL')
  await rejects(LmdbStore.open(path, realDisk, 'boot-2'), (error: unknown) => error instanceof MillraceError && error.code === 'STORE_CORRUPT' && error.message.includes('went down'))
  const sameBoot = await LmdbStore.open(path, realDisk, 'boot-1')
  equal(sameBoot.position()?.cleanClose, false)
  await sameBoot.close()
  const nextBoot = await LmdbStore.open(path, realDisk, 'boot-2')
  equal(nextBoot.position()?.cleanClose, true)
  equal(nextBoot.get(Buffer.from('a'))?.toString(), '1')
  await nextBoot.close()
})

test('a directory whose file is no LMDB file is refused with a reason', async () => {
  const path = directory()
  realDisk.makeDirectory(path)
  writeFileSync(join(path, 'data.mdb'), Buffer.alloc(100_000, 7))
  await rejects(LmdbStore.open(path, realDisk, 'boot-1'), (error: unknown) => error instanceof MillraceError && error.code === 'STORE_CORRUPT' && error.message.includes(path))
})
