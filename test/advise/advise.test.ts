/** `millrace advise` as a user runs it: on an app with a status page, on one that is gone, and where nothing is. The rules have cases of their own in src/planner/advice.test.ts. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { millrace, startMillrace, startTestBroker, type TestBroker } from '../support/millrace.ts'
import { ROOT } from '../support/need.ts'
import type { Started } from '../support/processes.ts'
import { until } from '../support/watched.ts'

const entry = join(ROOT, 'dist', 'test', 'advise', 'app.js')
const directory = mkdtempSync(join(tmpdir(), 'millrace-advise-'))
let broker: TestBroker
let app: Started | undefined

before(async () => {
  broker = await startTestBroker()
})
after(async () => {
  await app?.kill('SIGTERM')
  await broker.stop()
  broker.remove()
  rmSync(directory, { recursive: true, force: true })
})

interface Said { readonly advice: readonly { readonly rule: string, readonly option: { readonly name: string, readonly value: number | null, readonly to: number } | null }[], readonly gaps: readonly string[] }

async function write(count: number): Promise<void> {
  const { exitCode, stderr } = await millrace(['topic', 'produce', 'advise.lines', '-K', '\\t', '--bootstrap', broker.bootstrap], { input: Array.from({ length: count }, (_, index) => `k${index}\tline\n`).join('') })
  assert.equal(exitCode, 0, stderr)
}

test('of a running app it names the cause and the option, with what was measured', async () => {
  const started = startMillrace(['start', entry, '--bootstrap', broker.bootstrap, '--data', directory, '--status-port', '0', '--processes', '2', '--set', 'count.drainedCommit=10s', '--json'])
  app = started
  const [, url = ''] = await started.waitFor(/"status":"([^"]+)"/)
  const ask = async (): Promise<Said> => {
    const ran = await millrace(['advise', '--status', url, '--json'])
    assert.equal(ran.exitCode, 0, ran.stderr)
    return JSON.parse(ran.stdout) as Said // As the command writes it.
  }
  await until('commits are measured, and what results wait for is said', async () => {
    await write(20)
    return (await ask()).advice.some(each => each.rule === 'commit-latency')
  }, () => started.stderr().slice(-4000))
  const { advice, gaps } = await ask()
  assert.deepEqual(gaps, [])
  const option = advice.find(each => each.rule === 'commit-latency')?.option
  assert.deepEqual([option?.name, option?.value], ['count.drainedCommit', 10_000])
  assert.ok((option?.to ?? 10_000) <= 4_000)
  const { advice: onPage } = await (await fetch(`${url}api/status`)).json() as Said // As the status page gets it.
  assert.deepEqual(onPage.find(each => each.rule === 'commit-latency')?.option?.name, option?.name, 'the status page says the same')
  const shown = await millrace(['advise', '--status', url])
  assert.match(shown.stdout, /MEDIUM {2}commit-latency {3}count\n {3}Results of 'count' wait for its next commit/)
  assert.match(shown.stdout, / {3}option {4}count\.drainedCommit: 10,000 ms → [\d.,]+ ms\n {3}change {4}millrace start … --set count\.drainedCommit=\d+\n {3}costs {5}shorter: lower latency, more transactions/)
  await started.kill('SIGTERM')
  app = undefined
})

test('of an app that nobody runs, watched on its cluster, it says that', async () => {
  await write(100)
  const ran = await millrace(['advise', entry, '--bootstrap', broker.bootstrap, '--json'])
  assert.equal(ran.exitCode, 0, ran.stderr)
  const { advice } = JSON.parse(ran.stdout) as Said // As the command writes it.
  assert.deepEqual(advice.map(each => each.rule), ['stopped'])
})

test('where nothing runs, or it is not clear what is asked, it says what to do', async () => {
  const nobody = await millrace(['advise', '--status', 'http://localhost:9'])
  assert.equal(nobody.exitCode, 3)
  assert.match(nobody.stderr, /No app answers at http:\/\/localhost:9 .*name it with --status URL/)
  for (const [args, message] of [[['--bootstrap', 'localhost:9'], /name the app too: millrace advise app\.js --bootstrap/], [[entry, '--status', 'http://localhost:9600'], /not both/], [['nowhere.js'], /There is no file/]] as const) {
    const ran = await millrace(['advise', ...args])
    assert.equal(ran.exitCode, 2, ran.stdout)
    assert.match(ran.stderr, message)
  }
})
