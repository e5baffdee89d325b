import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { silentLogger } from '../base/logger.ts'
import { Supervisor } from './supervisor.ts'

const script = (code: string): string[] => ['-e', code]
const until = async (holds: () => boolean): Promise<void> => {
  const deadline = Date.now() + 10_000
  while (!holds()) {
    assert.ok(Date.now() < deadline, 'in time')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

test('a killed child is started again, says so, and is ended cleanly at the stop', async () => {
  const supervisor = new Supervisor(silentLogger)
  const events: string[] = []
  supervisor.onEvent(text => events.push(text))
  const lines: string[] = []
  const code = "process.on('SIGTERM', () => { console.log('clean'); process.exit(0) }); process.send({ ready: { port: 7 } }); setInterval(() => {}, 1000)"
  const said = await supervisor.start({ name: 'worker', kind: 'tasks', command: process.execPath, args: script(code), ipc: true, onLine: line => lines.push(line) })
  assert.deepEqual(said, { port: 7 })
  const first = supervisor.list()[0]
  assert.equal(first?.state, 'running')
  assert.ok(supervisor.kill('worker'))
  await until(() => supervisor.list()[0]?.state === 'running' && supervisor.list()[0]?.pid !== first?.pid)
  const second = supervisor.list()[0]
  assert.equal(second?.restarts, 1)
  assert.equal(second?.kills, 1)
  assert.equal(second?.lastExit, 'SIGKILL')
  assert.ok((second?.gapMs ?? 0) > 0)
  assert.ok(events.some(text => /worker is back after/.test(text)), events.join('\n'))
  assert.deepEqual(await supervisor.stop(), [])
  assert.deepEqual(lines, ['clean'])
  assert.equal(supervisor.list()[0]?.state, 'stopped')
})

test('a child that ends at its start is reported with what it wrote', async () => {
  const supervisor = new Supervisor(silentLogger)
  const start = supervisor.start({ name: 'bad', kind: 'tasks', command: process.execPath, args: script("console.error('port is taken'); process.exit(3)"), ipc: true })
  await assert.rejects(start, /bad ended at its start: exit code 3\nport is taken/)
  assert.equal(supervisor.list()[0]?.state, 'stopped')
})

test('a program that does not exist is named', async () => {
  const supervisor = new Supervisor(silentLogger)
  await assert.rejects(supervisor.start({ name: 'gone', kind: 'process', command: '/nowhere/program', args: [], ipc: false }), /gone ended at its start: could not be started: .*ENOENT/)
})
