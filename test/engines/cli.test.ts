/** `millrace engines` as a user runs it, against a repository on loopback. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { realDisk } from '../../src/env/real/disk.ts'
import { bytesOf, megabytes, readManifests } from '../../src/engines/install/manifest.ts'
import { ROOT } from '../support/need.ts'
import { type MavenServer, startMavenServer } from '../support/maven-server.ts'
import { millrace, startMillrace } from '../support/millrace.ts'
import type { Ran } from '../support/processes.ts'

let directory: string
let server: MavenServer
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-engines-'))
  server = await startMavenServer([])
})
after(async () => {
  await server.close()
  rmSync(directory, { recursive: true, force: true })
})

const cli = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> => millrace(['engines', ...args], { env: { MILLRACE_ENGINES: directory, MILLRACE_MAVEN: server.url, ...env } })

test('ls names every engine with its size, its state and Java', async () => {
  const ran = await cli(['ls'], { JAVA_HOME: join(directory, 'no-java') })
  assert.equal(ran.exitCode, 0, ran.stderr)
  for (const { name, version } of readManifests(realDisk)) assert.match(ran.stdout, new RegExp(`^${name} +${version.replaceAll('.', '\\.')} +\\d+ MB  not installed +17\\+ missing`, 'm'))
  assert.match(ran.stdout, /No Java found\./)
  const document: unknown = JSON.parse((await cli(['ls', '--json'])).stdout)
  assert.ok(typeof document === 'object' && document !== null && 'engines' in document && Array.isArray(document.engines) && 'directory' in document)
  assert.equal(document.directory, directory)
  assert.equal(document.engines.length, readManifests(realDisk).length)
})

test('sizes come first, a repository without the file ends with 3 and one document', async () => {
  const ran = await cli(['install', 'kafka-streams@4.1'])
  assert.equal(ran.exitCode, 3, ran.stderr)
  assert.match(ran.stdout, /kafka-streams@4\.1\.0: \d+ jars, \d+ MB\n/)
  assert.match(ran.stderr, /DOWNLOAD_FAILED {2}Cannot fetch \S+\.jar from http:\/\/127\.0\.0\.1:\d+\/\S+: the repository does not have it \(404\)/)
  const json = await cli(['install', 'kafka-streams', '--json'])
  assert.equal(json.exitCode, 3)
  assert.match(json.stdout, /^\{"error":\{"code":"DOWNLOAD_FAILED".*\}\n$/)
  const missing = await cli(['classpath', 'kafka-streams'])
  assert.equal(missing.exitCode, 2)
  assert.match(missing.stderr, /ENGINE_MISSING {2}kafka-streams@4\.1\.0 is not installed\. Run: millrace engines install kafka-streams@4\.1 \(\d+ MB\)/)
})

test('no network ends with 3 after a few tries, told each time', async () => {
  const closed = await startMavenServer([])
  await closed.close()
  const ran = await cli(['install', 'kafka-streams'], { MILLRACE_MAVEN: closed.url })
  assert.equal(ran.exitCode, 3, ran.stderr)
  assert.match(ran.stderr, /the connection was refused \(ECONNREFUSED\); trying again/)
  assert.match(ran.stderr, /gave up after 5 tries/)
})

test('Ctrl-C ends with 130 and says that the same command goes on', async () => {
  const stalled = await startMavenServer([])
  stalled.together = Infinity
  try {
    const started = startMillrace(['engines', 'install', 'kafka-streams', 'kafka'], { env: { MILLRACE_ENGINES: directory, MILLRACE_MAVEN: stalled.url } })
    await new Promise<void>(resolve => { stalled.onRequest = () => resolve() })
    const ran = await started.kill('SIGINT')
    assert.equal(ran.exitCode, 130, ran.stderr)
    assert.match(ran.stderr, /Stopped\. What was fetched is kept: the same command goes on from there\./)
  } finally {
    await stalled.close()
  }
})

test('a name that is none, none at all, and a bad repository are usage', async () => {
  const unknown = await cli(['install', 'flnk'])
  assert.equal(unknown.exitCode, 2)
  assert.match(unknown.stderr, /There is no engine 'flnk'\. There are: connect, flink/)
  const none = await cli(['install'])
  assert.equal(none.exitCode, 2)
  assert.match(none.stderr, /NAME is missing.*Usage: millrace engines install NAME … \[options\]/)
  const bad = await cli(['install', 'flink'], { MILLRACE_MAVEN: 'here' })
  assert.equal(bad.exitCode, 2)
  assert.match(bad.stderr, /MILLRACE_MAVEN is 'here'/)
})

test('the page on engines has a row for each, with its true sizes', () => {
  const page = readFileSync(join(ROOT, 'docs/reference/engines.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\S+) \| (\S+) \| (\d+ MB) \|/gm)].map(([, ...cells]) => cells)
  assert.deepEqual(rows, readManifests(realDisk).map(manifest => [manifest.name, manifest.version, manifest.jars.length === 0 ? 'none' : String(manifest.jars.length), megabytes(bytesOf(manifest))]))
})
