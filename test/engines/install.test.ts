/** Installing engines from a repository on loopback that cuts, lies, stalls and refuses. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { MillraceError } from '../../src/base/errors.ts'
import { type InstallEvents, installDistributions, type InstallResult, type InstallWorld, planInstall } from '../../src/engines/install/install.ts'
import { type JarLock, jarFile, type Manifest } from '../../src/engines/install/manifest.ts'
import { EngineStore } from '../../src/engines/install/store.ts'
import type { Disk } from '../../src/env/env.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { contentOf, jarOf, manifestOf, type MavenServer, startMavenServer } from '../support/maven-server.ts'

const big = jarOf('big', 300_000)
const small = jarOf('small', 1000)
const other = jarOf('other', 2000)
const engine = manifestOf('engine', [big, small])
const sibling = manifestOf('sibling', [other, small])

let directory: string
let server: MavenServer
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-engines-'))
  server = await startMavenServer([big, small, other])
})
afterEach(async () => {
  await server.close()
  rmSync(directory, { recursive: true, force: true })
})

interface Options { readonly signal?: AbortSignal, readonly disk?: Disk, readonly idleMs?: number, readonly events?: Partial<InstallEvents>, readonly wheels?: InstallWorld['installWheels'], readonly repository?: string }

const storeOf = (manifests: readonly Manifest[] = [engine, sibling]): EngineStore => new EngineStore({ directory, disk: realEnv.disk, manifests })

function install(manifests: readonly Manifest[], options: Options = {}): Promise<InstallResult[]> {
  const silent: InstallEvents = { planned: () => undefined, progress: () => undefined, retry: () => undefined, waiting: () => undefined, wheels: () => undefined, done: () => undefined }
  return installDistributions({
    store: new EngineStore({ directory, disk: options.disk ?? realEnv.disk, manifests }), manifests, repository: options.repository ?? server.url, signal: options.signal ?? new AbortController().signal,
    world: { ...realEnv, disk: options.disk ?? realEnv.disk, fetch, idleMs: options.idleMs ?? 10_000, attemptsMax: 3, retryPauseMs: 1, installWheels: options.wheels ?? (() => Promise.reject(new Error('no wheels here'))) },
    events: { ...silent, ...options.events },
  })
}

const failing = async (code: string, pattern: RegExp, work: Promise<unknown>): Promise<void> => {
  await assert.rejects(work, error => {
    assert.ok(error instanceof MillraceError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, pattern)
    return true
  })
}
const held = (jar: JarLock): Buffer => readFileSync(storeOf().pathOf(jar))
const part = (jar: JarLock): string => `${storeOf().pathOf(jar)}.part`
const isWhole = (jar: JarLock): void => assert.ok(held(jar).equals(contentOf(jar.artifact, jar.bytes)), jarFile(jar))

test('all jars come, checked, and the engine is there only then', async () => {
  await failing('ENGINE_MISSING', /^engine@1\.0\.0 is not installed\. Run: millrace engines install engine@1\.0 \(1 MB\)$/, storeOf().classpathOf('engine'))
  const seen: number[] = []
  const [result] = await install([engine], { events: { progress: progress => { seen.push(progress.doneBytes); assert.equal(storeOf().isInstalled(engine), false) } } })
  assert.equal(result?.fetchedBytes, 301_000)
  assert.equal(seen.at(-1), 301_000)
  assert.deepEqual(await storeOf().classpathOf('engine@1.0'), [storeOf().pathOf(big), storeOf().pathOf(small)])
  assert.deepEqual(storeOf().installed().map(each => each.manifest.name), ['engine'])
  isWhole(big)
  isWhole(small)
  const again = server.requests.length
  assert.equal((await install([engine]))[0]?.fetchedBytes, 0)
  assert.equal(server.requests.length, again, 'nothing is asked for twice')
})

test('a cut connection goes on at the byte where it was cut', async () => {
  server.script(big, { kind: 'cut', after: 100_000 }, { kind: 'cut', after: 50_000 })
  const reasons: string[] = []
  await install([engine], { events: { retry: (file, reason) => void reasons.push(`${file} ${reason}`) } })
  isWhole(big)
  const asked = server.requests.filter(request => request.startsWith('big'))
  assert.deepEqual(asked, ['big-1.0.0.jar', 'big-1.0.0.jar from 100000', 'big-1.0.0.jar from 150000'])
  assert.equal(reasons.length, 2)
  assert.match(reasons[0] ?? '', /^big-1\.0\.0\.jar .*cut/)
})

test('progress resets the count of tries: only tries without a byte end it', async () => {
  server.script(big, ...Array.from({ length: 9 }, () => ({ kind: 'cut' as const, after: 20_000 })))
  await install([engine])
  isWhole(big)
})

test('an install that was given up goes on in another process, from the part', async () => {
  server.script(big, { kind: 'cut', after: 200_000 }, { kind: 'status', status: 503 }, { kind: 'status', status: 503 }, { kind: 'status', status: 503 })
  await failing('DOWNLOAD_FAILED', /Cannot fetch big-1\.0\.0\.jar from http.*answered 503; gave up after 4 tries.*kept; the same command goes on/, install([engine]))
  assert.equal(readFileSync(part(big)).length, 200_000)
  assert.equal(storeOf().isInstalled(engine), false)
  const plan = planInstall(storeOf(), engine, realEnv.disk)
  assert.ok(plan.hereBytes >= 200_000 && plan.hereBytes < plan.bytes)
  const [result] = await install([engine])
  assert.ok((result?.fetchedBytes ?? 0) <= 101_000, 'what was here is not counted as fetched')
  isWhole(big)
  assert.ok(!existsSync(part(big)))
})

test('a server without ranges is asked from the first byte', async () => {
  server.script(big, { kind: 'cut', after: 100_000 }, { kind: 'no-range' })
  await install([engine])
  isWhole(big)
})

test('a wrong checksum names the file and keeps nothing of it', async () => {
  server.script(big, { kind: 'wrong' })
  await failing('DOWNLOAD_DAMAGED', /big-1\.0\.0\.jar from http.*SHA-256 is not the locked [0-9a-f]{16}…\. Nothing of it was kept\. Run the command again/, install([engine]))
  assert.ok(!existsSync(part(big)) && !existsSync(storeOf().pathOf(big)))
  assert.equal(storeOf().isInstalled(engine), false)
})

test('a part of other content is thrown away, and the file fetched once more', async () => {
  mkdirSync(dirname(part(big)), { recursive: true })
  writeFileSync(part(big), Buffer.alloc(5000, 1))
  await install([engine])
  isWhole(big)
  assert.deepEqual(server.requests.filter(request => request.startsWith('big')), ['big-1.0.0.jar from 5000', 'big-1.0.0.jar'])
})

test('a whole part that was never named is checked, and a longer one emptied', async () => {
  mkdirSync(dirname(part(small)), { recursive: true })
  mkdirSync(dirname(part(big)), { recursive: true })
  writeFileSync(part(small), contentOf('small', 1000))
  writeFileSync(part(big), Buffer.alloc(400_000))
  await install([engine])
  isWhole(big)
  assert.deepEqual(server.requests, ['big-1.0.0.jar'])
})

test('another size than locked is refused, announced or not', async () => {
  for (const announced of [true, false]) {
    server.script(big, { kind: 'longer', announced })
    await failing('DOWNLOAD_DAMAGED', announced ? /has 300001 bytes there, and 300000 are locked/ : /more than the locked 300000 bytes/, install([engine]))
    assert.ok(!existsSync(part(big)))
  }
})

test('a file that the repository does not have fails at once, with what to set', async () => {
  const gone = jarOf('gone', 10)
  await failing('DOWNLOAD_FAILED', /gone-1\.0\.0\.jar.*does not have it \(404\).*MILLRACE_MAVEN=/, install([manifestOf('engine', [gone])]))
  assert.equal(server.requests.length, 1)
})

test('no network is told by its cause', async () => {
  const closed = await startMavenServer([])
  await closed.close()
  await failing('DOWNLOAD_FAILED', /the connection was refused \(ECONNREFUSED\); gave up after 3 tries/, install([engine], { repository: closed.url }))
})

test('silence is a cut: what came is kept and asked on from', async () => {
  server.script(big, { kind: 'silent', after: 60_000 })
  const reasons: string[] = []
  await install([engine], { idleMs: 200, events: { retry: (_, reason) => void reasons.push(reason) } })
  isWhole(big)
  assert.ok(reasons.includes('no data for 0.2 s'), reasons.join())
  assert.ok(server.requests.includes('big-1.0.0.jar from 60000'), server.requests.join())
})

test('an interrupt keeps the part, marks nothing, and the same command goes on', async () => {
  const controller = new AbortController()
  server.script(big, { kind: 'silent', after: 120_000 })
  const interrupted = install([engine], { signal: controller.signal, events: { progress: progress => { if (progress.doneBytes >= 120_000) controller.abort(new Error('Ctrl-C')) } } })
  await assert.rejects(interrupted, /Ctrl-C/)
  assert.equal(storeOf().isInstalled(engine), false)
  assert.equal(readFileSync(part(big)).length, 120_000)
  await install([engine])
  assert.ok(server.requests.includes('big-1.0.0.jar from 120000'))
  isWhole(big)
})

test('interrupted between files: what is whole stays, what is missing is fetched', async () => {
  const controller = new AbortController()
  server.onRequest = path => { if (path.includes('/big/')) controller.abort(new Error('Ctrl-C')) }
  await install([sibling])
  await assert.rejects(install([engine], { signal: controller.signal }), /Ctrl-C/)
  server.onRequest = () => undefined
  assert.deepEqual(storeOf().installed().map(each => each.manifest.name), ['sibling'])
  server.requests.length = 0
  await install([engine])
  assert.deepEqual(server.requests, ['big-1.0.0.jar'])
})

test('a shared jar is fetched once, and four files at most at a time', async () => {
  const jars = Array.from({ length: 12 }, (_, index) => jarOf(`jar-${index}`, 5000 + index))
  const many = await startMavenServer([...jars, big])
  many.together = 4
  try {
    const results = await install([manifestOf('a', jars), manifestOf('b', [...jars.slice(3), big])], { repository: many.url })
    assert.equal(many.requests.length, 13)
    assert.equal(new Set(many.requests).size, 13)
    assert.equal(many.parallelMax(), 4)
    assert.equal(results[1]?.fetchedBytes, 300_000)
  } finally {
    await many.close()
  }
})

test('sizes of all are told before the first byte', async () => {
  const told: string[] = []
  await install([engine, sibling], { events: { planned: plan => { assert.equal(server.requests.length, 0); told.push(`${plan.manifest.name} ${plan.bytes} ${plan.hereBytes}`) } } })
  assert.deepEqual(told, ['engine 301000 0', 'sibling 3000 0'])
})

test('two installs of one folder take turns', async () => {
  let waits = 0
  const [first, second] = await Promise.all([install([engine]), install([engine], { events: { waiting: () => { waits++ } } })])
  assert.equal((first?.[0]?.fetchedBytes ?? 0) + (second?.[0]?.fetchedBytes ?? 0), 301_000)
  assert.equal(server.requests.length, 2)
  assert.ok(waits <= 1)
})

test('a deleted or shortened jar is damage that the same command mends', async () => {
  await install([engine])
  writeFileSync(storeOf().pathOf(big), 'short')
  await failing('ENGINE_MISSING', /is damaged: 1 of its 2 jars are missing or cut off.*big-1\.0\.0\.jar\. Run: millrace engines install/, storeOf().classpathOf('engine'))
  await install([engine])
  isWhole(big)
})

test('a mark of another content does not count', async () => {
  await install([engine])
  const changed = manifestOf('engine', [big, small, other])
  assert.equal(storeOf([changed]).isInstalled(changed), false)
  writeFileSync(storeOf().markPath(engine), '{"format":1,')
  assert.equal(storeOf().isInstalled(engine), false)
})

test('a full disk is said before anything is fetched, and where it fills up on the way', async () => {
  await failing('DISK_FULL', /engine@1\.0\.0 needs 1 MB more, and the disk of .* has 1 MB free.*MILLRACE_ENGINES/, install([engine], { disk: { ...realEnv.disk, freeBytes: () => 300_000 } }))
  assert.equal(server.requests.length, 0)
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  const filling: Disk = { ...realEnv.disk, open(path, mode) {
    const file = realEnv.disk.open(path, mode)
    if (!path.endsWith('big-1.0.0.jar.part')) return file
    return { path, size: () => file.size(), read: (...args) => file.read(...args), truncate: size => file.truncate(size), datasync: () => file.datasync(), close: () => file.close(), write(data, position) {
      if (position + data.length > 150_000) throw full
      file.write(data, position)
    } }
  } }
  await failing('DISK_FULL', /No space left while writing .*big-1\.0\.0\.jar\.part.*kept/, install([engine], { disk: filling }))
  assert.ok(readFileSync(part(big)).length > 0)
  await install([engine])
  isWhole(big)
})

test('Python packages are placed whole or not at all', async () => {
  const python = { ...manifestOf('python', []), wheels: [{ name: 'pkg', version: '1', bytes: 10, sha256: 'a'.repeat(64) }] }
  await assert.rejects(install([python], { wheels: async (_, target) => { writeFileSync(join(target, 'half'), ''); throw new Error('pip failed') } }), /pip failed/)
  const store = storeOf([python])
  assert.deepEqual(readdirSync(store.directoryOf(python)), [])
  await install([python], { wheels: async (wheels, target) => writeFileSync(join(target, `${wheels[0]?.name}.py`), '') })
  assert.deepEqual(readdirSync(store.pythonPath(python)), ['pkg.py'])
  assert.equal(store.installation('python').pythonPath, store.pythonPath(python))
  rmSync(store.pythonPath(python), { recursive: true })
  assert.throws(() => store.installation('python'), /python@1\.0\.0 is damaged: .*python is missing\. Run: millrace engines install/)
  await install([python], { wheels: async (_, target) => writeFileSync(join(target, 'pkg.py'), '') })
  assert.ok(store.isInstalled(python))
})
