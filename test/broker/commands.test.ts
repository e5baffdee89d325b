/** `millrace broker start --memory` and `millrace broker status`, as a user runs them. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { millrace, startMillrace, startTestBroker } from '../support/millrace.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-commands-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('--memory says what it is and leaves nothing behind; status says the same from outside', async () => {
  const started = startMillrace(['broker', 'start', '--memory', '--port', '0'], { cwd: folder })
  try {
    const [, port = ''] = await started.waitFor(/Kafka\s+localhost:(\d+)/)
    await started.waitFor(/Durability {2}memory/)
    assert.match(started.stdout(), /MILLRACE broker.*as Apache Kafka 4\.1, ready in \d+ ms/)
    assert.match(started.stdout(), /Data\s+in memory, at most 1\.0 GiB {8}nothing on the disk/)
    assert.match(started.stdout(), /memory\s+acknowledged at once; all of it is gone when this process ends/)
    assert.equal((await millrace(['topic', 'new', 'orders', '--partitions', '3', '--bootstrap', `localhost:${port}`])).exitCode, 0)
    const status = await millrace(['broker', 'status', '--bootstrap', `localhost:${port}`])
    assert.equal(status.exitCode, 0, status.stderr)
    assert.match(status.stdout, /Data\s+in memory, gone when it ends/)
    assert.match(status.stdout, /Durability\s+memory: acknowledged at once/)
    assert.match(status.stdout, /Topics\s+\d topics, \d partitions; \d of them internal/)
    assert.match(status.stdout, /Transactions\s+none open/)
  } finally {
    await started.kill('SIGTERM')
  }
  assert.deepEqual(readdirSync(folder), [])
})

test('status: what is kept and how, as JSON; a broker that is stopped or somewhere else is told apart', async () => {
  const directory = join(folder, 'data')
  const broker = await startTestBroker({ directory, args: ['--durability', 'interval'] })
  const elsewhere = ['broker', 'status', '--bootstrap', '127.0.0.1:1', '--data', directory]
  try {
    const { stdout } = await millrace(['broker', 'status', '--json', '--bootstrap', broker.bootstrap])
    const { durability, directories, openTransactions } = JSON.parse(stdout)
    assert.deepEqual([durability, directories.map((each: { directory: string }) => each.directory), openTransactions], ['interval', [directory], []])
    const other = await millrace(elsewhere)
    assert.equal(other.exitCode, 3)
    assert.match(other.stdout, new RegExp(`${directory} is held by process ${broker.process.pid}: a broker at another address`))
  } finally {
    await broker.stop()
  }
  const stopped = await millrace(elsewhere)
  assert.equal(stopped.exitCode, 3)
  assert.match(stopped.stdout, new RegExp(`${directory} is held by nobody\n.*Start it: millrace broker start`, 's'))
})

test('--memory beside what it makes no sense with is refused, and nothing is made', async () => {
  for (const [option, value] of [['--data', join(folder, 'never')], ['--durability', 'sync']] as const) {
    const { exitCode, stderr } = await millrace(['broker', 'start', '--memory', '--port', '0', option, value])
    assert.equal(exitCode, 2)
    assert.match(stderr, new RegExp(`--memory keeps nothing: ${option} has no meaning with it`))
  }
  assert.equal(existsSync(join(folder, 'never')), false)
})
