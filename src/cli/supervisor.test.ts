import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../base/logger.ts'
import { guarded } from './orphan-guard.ts'
import { Supervisor } from './supervisor.ts'

const script = (code: string): string[] => ['-e', code]
const until = async (holds: () => boolean): Promise<void> => {
  const deadline = Date.now() + 30_000
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

const GUARDED = guarded(process.execPath, [], process.env['PATH']).command === 'setpriv'

test('a program that speaks no IPC ends with a supervisor that was killed', { skip: GUARDED ? false : 'needs Linux and util-linux (setpriv --pdeathsig)' }, async () => {
  const loader = `
    import { Supervisor } from ${JSON.stringify(new URL('./supervisor.js', import.meta.url).href)}
    import { silentLogger } from ${JSON.stringify(new URL('../base/logger.js', import.meta.url).href)}
    const supervisor = new Supervisor(silentLogger)
    await supervisor.start({ name: 'engine', kind: 'engine', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'], ipc: false })
    console.log(supervisor.list()[0].pid)
  `
  const parent = spawn(process.execPath, ['--input-type=module', '-e', loader], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = Number(await new Promise<string>(resolve => parent.stdout.once('data', data => resolve(String(data)))))
  assert.ok(isAlive(pid), 'it runs')
  parent.kill('SIGKILL')
  await until(() => !isAlive(pid))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // An orphan that nobody has waited for yet is dead too.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const QUICK = { backoffMsMin: 5, backoffMsMax: 40, steadyMs: 60_000 }

test('a child that ends again and again is failed: said once, with its reason, and tried on at the longest backoff', async () => {
  const supervisor = new Supervisor(silentLogger, QUICK)
  const events: string[] = []
  supervisor.onEvent(text => events.push(text))
  const code = "process.on('disconnect', () => process.exit(0)); process.send({ ready: 1 }, () => { console.error('✖ TOPIC_MISMATCH  clicks has 3 partitions'); console.error('more'); process.exit(4) })"
  await supervisor.start({ name: 'bad', kind: 'tasks', command: process.execPath, args: script(code), ipc: true })
  await until(() => supervisor.list()[0]?.state === 'failed')
  const failed = supervisor.list()[0]
  assert.deepEqual([failed?.restarts, failed?.lastExit], [5, 'exit code 4'])
  await until(() => (supervisor.list()[0]?.restarts ?? 0) >= 7)
  assert.equal(supervisor.list()[0]?.state, 'failed', 'while it is tried again, too')
  const loud = events.filter(text => text.includes('FAILED'))
  assert.deepEqual(loud, ['bad FAILED: it ended 5 times in a row soon after its start (exit code 4): ✖ TOPIC_MISMATCH  clicks has 3 partitions. It is tried again each 0.04 s.'])
  assert.equal(events.at(-1), loud[0], 'and nothing more for each try')
  assert.deepEqual(await supervisor.stop(), [])
  assert.equal(supervisor.list()[0]?.state, 'stopped')
})

test('kills do not make a child failed, and one that runs again for long has recovered', async () => {
  const supervisor = new Supervisor(silentLogger, { ...QUICK, steadyMs: 4_000 })
  const events: string[] = []
  supervisor.onEvent(text => events.push(text))
  const running = "process.on('SIGTERM', () => process.exit(0)); process.send({ ready: 1 }); setInterval(() => {}, 1000)"
  await supervisor.start({ name: 'killed', kind: 'tasks', command: process.execPath, args: script(running), ipc: true })
  for (let kill = 1; kill <= 6; kill++) {
    await until(() => supervisor.list()[0]?.state === 'running')
    supervisor.kill('killed')
    await until(() => supervisor.list()[0]?.restarts === kill)
  }
  assert.notEqual(supervisor.list()[0]?.state, 'failed')
  await supervisor.stop()

  const flag = join(mkdtempSync(join(tmpdir(), 'millrace-supervisor-')), 'mended')
  const mended = `if (!require('fs').existsSync(${JSON.stringify(flag)})) process.send({ ready: 1 }, () => process.exit(1)); else { ${running} }`
  await supervisor.start({ name: 'mended', kind: 'tasks', command: process.execPath, args: script(mended), ipc: true })
  const state = (): string | undefined => supervisor.list().find(child => child.name === 'mended')?.state
  await until(() => state() === 'failed')
  writeFileSync(flag, '')
  await until(() => state() === 'running')
  assert.ok(events.some(text => /mended has recovered/.test(text)), events.join('\n'))
  assert.deepEqual(await supervisor.stop(), [])
  rmSync(dirname(flag), { recursive: true })
})
