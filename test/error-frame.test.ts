/** The error frame of a watched app that fails on a record: on its status page, beside the terminal's. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from './support/kafka.ts'
import { millrace, startMillrace, startTestBroker } from './support/millrace.ts'
import { ROOT } from './support/need.ts'

const ENTRY = join(ROOT, 'dist', 'test', 'errors', 'app.js')
const SOURCE = join(ROOT, 'test', 'errors', 'app.ts')
const MS_MAX = 60_000

test('a watched app that fails on a record shows the frame on its status page: line, record, what to do next', async () => {
  const broker = await startTestBroker({ args: ['--durability', 'os'] })
  const directory = mkdtempSync(join(tmpdir(), 'millrace-frame-'))
  try {
    await millrace(['topic', 'new', 'errors.orders', '--partitions', '2', '--bootstrap', broker.bootstrap])
    await millrace(['topic', 'produce', 'errors.orders', '-k', 'k', '-v', '{"id":"o-2","total":-1}', '--bootstrap', broker.bootstrap])
    const [port = 0] = await freePorts(1)
    const app = startMillrace(['start', ENTRY, '--bootstrap', broker.bootstrap, '--data', directory, '--processes', '2', '--status-port', String(port)], { env: { ERRORS_APP: 'fail' } })
    await app.waitFor(/➜ Status/, MS_MAX)
    const deadline = Date.now() + MS_MAX
    let error = ''
    while (error === '' && Date.now() < deadline) {
      await sleep(200)
      // The status server's own format.
      const { processes } = await (await fetch(`http://127.0.0.1:${port}/api/status`)).json() as { processes: { error: string | null }[] }
      error = processes.find(each => each.error !== null)?.error ?? ''
    }
    assert.equal((await app.kill('SIGTERM')).exitCode, 0)
    const line = readFileSync(SOURCE, 'utf8').split('\n').findIndex(text => text.endsWith('// breaks here')) + 1
    assert.match(error, new RegExp(`^✖ USER_CODE {2}Task "check" failed on a record {2}${SOURCE}:${line}:`))
    assert.match(error, new RegExp(`\n.*▶ ${line} │ {3}if \\(order\\.total < 0\\)`))
    assert.match(error, /\n {2}problem {2}order o-2 has a negative total\n {2}record {3}errors\.orders\/\d@0 /)
    assert.match(error, /\n {2}next {5}/)
  } finally {
    await broker.stop()
    broker.remove()
    rmSync(directory, { recursive: true, force: true })
  }
})
