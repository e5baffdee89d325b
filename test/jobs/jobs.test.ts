/** Tasks on another engine, stopped, started and rescaled by `millrace job` in an app that runs, while their neighbours go on. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { UNKNOWN_STATUS } from '../../src/engines/engine.ts'
import { type Live, startStatusServer } from '../../src/http/server.ts'
import type { TaskStatus } from '../../src/http/status.ts'
import { millrace, startMillrace, startTestBroker, type TestBroker } from '../support/millrace.ts'
import { ROOT } from '../support/need.ts'
import type { Ran, Started } from '../support/processes.ts'
import { until } from '../support/watched.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-jobs-'))
let broker: TestBroker
let app: Started
let url = ''

before(async () => {
  broker = await startTestBroker()
  app = startMillrace(['start', join(ROOT, 'dist', 'test', 'jobs', 'app.js'), '--bootstrap', broker.bootstrap, '--data', directory, '--status-port', '0', '--json'])
  const [, found = ''] = await app.waitFor(/"status":"([^"]+)"/)
  url = found
})
after(async () => {
  await app.kill('SIGTERM')
  await broker.stop()
  broker.remove()
  rmSync(directory, { recursive: true, force: true })
})

const log = (): string => app.stderr().slice(-4000)
const job = (...args: string[]): Promise<Ran> => millrace(['job', ...args, '--status', url])
const on = (...args: string[]): Promise<Ran> => millrace([...args, '--bootstrap', broker.bootstrap])

async function live(): Promise<Live> {
  // The server's own format.
  return await (await fetch(`${url}api/status`)).json() as Live
}

async function task(name: string): Promise<TaskStatus> {
  const found = (await live()).status.tasks.find(each => each.task === name)
  assert.ok(found !== undefined, name)
  return found
}

async function pidOf(name: string): Promise<number | null | undefined> {
  return (await live()).processes.find(each => each.name === name)?.pid
}

async function write(...lines: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await millrace(['topic', 'produce', 'jobs.lines', '-K', '\\t', '--bootstrap', broker.bootstrap], { input: lines.map(line => `${line}\t${line}\n`).join('') })
  assert.equal(exitCode, 0, stderr)
}

async function has(topic: string, ...lines: readonly string[]): Promise<boolean> {
  const { stdout } = await on('topic', 'tail', topic, '-o', 'earliest', '-e', '-f', '%v\\n')
  return lines.every(line => stdout.split('\n').includes(line))
}

test('a task on another engine is listed with what Kafka and its supervisor tell of it, and what nobody tells is a dash', async () => {
  await write('a', 'b', 'c', 'd')
  await until('all is copied', async () => await has('jobs.out', 'a', 'b', 'c', 'd') && has('jobs.echoes', 'a', 'b', 'c', 'd'), log)
  await until('rates and lag are known', async () => {
    const copy = await task('copy')
    return copy.inPerSecond !== null && copy.outPerSecond !== null && copy.lagRecords === 0
  }, log)
  const copy = await task('copy')
  assert.deepEqual([copy.engine, copy.group, copy.state, copy.processes, copy.ratesOf, copy.in, copy.errors], ['process', 'copiers', 'running', 1, 'offsets', null, null])
  await write('more')
  await until('its latency is known', async () => (await task('copy')).latency !== null && (await task('pass')).latency !== null, log)
  assert.match((await job('describe', 'copy')).stdout, /^latency +[<≈] [\d.]+ · [<≈] [\d.]+ s$/m)
  const listed = await job('ls')
  assert.equal(listed.exitCode, 0, listed.stderr)
  assert.match(listed.stdout, /^copy +process +running +1 +0 +(?:≈ )?[\d.]+ +(?:≈ )?[\d.]+ +0 +—$/m)
  assert.match(listed.stdout, /^pass +millrace +running +1 /m)
  assert.deepEqual((await live()).outside.map(({ name }) => name), [], "a task's own group is no outside client")
  assert.match((await on('lag', 'copiers')).stdout, /jobs\.lines/)
})

test('two more instances come and go; the first, and the neighbour, are the processes they were', async () => {
  const pids = [await pidOf('copy'), await pidOf('echo')]
  const scaled = await job('scale', 'copy', '3')
  assert.match(scaled.stdout, /^copy is running, 3 instances \(/, scaled.stderr)
  const described = await job('describe', 'copy')
  for (const name of ['copy', 'copy-2', 'copy-3']) assert.match(described.stdout, new RegExp(`^${name} +running +\\d+ +0 `, 'm'))
  await write('e', 'f', 'g', 'h')
  await until('three share the work', () => has('jobs.out', 'e', 'f', 'g', 'h'), log)
  const back = await job('scale', 'copy', '1', '--json')
  const document: unknown = JSON.parse(back.stdout)
  assert.ok(typeof document === 'object' && document !== null && 'job' in document && typeof document.job === 'object' && document.job !== null && 'instances' in document.job)
  assert.equal(document.job.instances, 1)
  assert.deepEqual([await pidOf('copy'), await pidOf('echo'), await pidOf('copy-2'), await pidOf('copy-3')], [...pids, undefined, undefined])
})

test('a stopped one lags while its neighbours go on, and catches up when it is started', async () => {
  const [echo, pass] = [await pidOf('echo'), await pidOf('tasks-1')]
  assert.match((await job('stop', 'copy')).stdout, /^copy is stopped/)
  assert.equal(await pidOf('copy'), undefined)
  await write('i', 'j', 'k', 'l')
  await until('the neighbour copies', () => has('jobs.echoes', 'i', 'j', 'k', 'l'), log)
  await until('the lag is seen', async () => (await task('copy')).lagRecords === 4, log)
  assert.equal((await task('copy')).state, 'stopped')
  assert.equal(await has('jobs.out', 'i'), false)
  assert.match((await on('lag', 'copiers')).stdout, /LAG 4 records/)
  assert.match((await job('scale', 'copy', '2')).stdout, /^copy is stopped, 2 instances from its next start on/)
  assert.match((await job('start', 'copy')).stdout, /^copy is running, 2 instances/)
  await until('it has caught up', () => has('jobs.out', 'i', 'j', 'k', 'l'), log)
  assert.match((await job('restart', 'copy')).stdout, /^copy is running/)
  assert.deepEqual([await pidOf('echo'), await pidOf('tasks-1')], [echo, pass])
  const metrics = await (await fetch(`${url}metrics`)).text()
  assert.match(metrics, /^millrace_job_instances\{app="jobs",task="copy",engine="process"\} 2$/m)
  const said = (await live()).events.map(event => event.kind)
  for (const kind of ['job_scaled', 'job_stopped', 'job_started'] as const) assert.ok(said.includes(kind), said.join(' '))
})

test('what cannot be done is refused with the reason: 2 for what was asked wrongly, 3 where nobody answers', async () => {
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['job', 'stop', 'pass', '--status', url], 2, /'pass' is no job of another engine.*Tasks on other engines: copy, echo/],
    [['job', 'stop', 'nobody', '--status', url], 2, /App 'jobs' has no task 'nobody'/],
    [['job', 'describe', 'nobody', '--status', url], 2, /It has: copy, echo, pass/],
    [['job', 'scale', 'copy', '0', '--status', url], 2, /from 1 to 128, not '0'/],
    [['job', 'ls', '--status', 'http://127.0.0.1:1'], 3, /No app answers at http:\/\/127\.0\.0\.1:1 .*--status URL/],
    [['job', 'ls', '--status', 'here'], 2, /--status takes the address of a status page/],
  ]
  for (const [args, exitCode, message] of cases) {
    const ran = await millrace(args)
    assert.deepEqual([ran.exitCode, ran.stdout], [exitCode, ''], args.join(' '))
    assert.match(ran.stderr, message)
  }
})

test('lag includes a task whose engine commits no offsets, where the app is named that knows it', async () => {
  const known = await live()
  const tasks = known.status.tasks.map(each => each.task === 'copy' ? { ...each, task: 'trend', engine: 'spark', group: 'jobs.trend', latency: { p50Ms: 2100, p99Ms: 5040, withinMs: 1000 }, job: { ...UNKNOWN_STATUS, lagRecords: 17, storm: { completeLatencyMs: 12.34, capacity: 0.071, acked: 4200, failed: 20 } } } : each)
  const server = await startStatusServer({ host: '127.0.0.1', port: 0, graph: { nodes: [], edges: [], columns: 0, rows: 0 }, live: () => ({ ...known, status: { ...known.status, tasks } }) })
  try {
    const ran = await on('lag', '--status', `http://127.0.0.1:${server.port}`)
    assert.match(ran.stdout, /^jobs\.trend +\(told by spark\) +- +- +- +17 +n\/a$/m, ran.stderr)
    assert.match(ran.stdout, /^copiers +jobs\.lines /m)
    assert.match(ran.stdout, /^jobs\.trend +≈ 2\.1 · ≈ 5\.0 s$/m)
    assert.match(ran.stdout, /^trend, by Storm's own metrics: tuple tree 12\.3 ms, capacity 7 %, 4200 acked, 20 failed$/m)
    assert.match((await on('lag', 'jobs.trend', '--status', `http://127.0.0.1:${server.port}`)).stdout, /LAG 17 records ≈ n\/a/)
  } finally {
    await server.close()
  }
})

test('--task runs one node alone, of whichever engine', async () => {
  const alone = startMillrace(['start', join(ROOT, 'dist', 'test', 'jobs', 'app.js'), '--task', 'echo', '--bootstrap', broker.bootstrap, '--data', `${directory}-alone`, '--status-port', '0', '--json'])
  try {
    const [, at = ''] = await alone.waitFor(/"status":"([^"]+)"/)
    const { processes, status } = await (await fetch(`${at}api/status`)).json() as Live // The server's own format.
    assert.deepEqual(processes.map(each => each.name), ['echo'])
    assert.equal(status.tasks.find(each => each.task === 'echo')?.job?.state, 'running')
    assert.equal(status.tasks.find(each => each.task === 'copy')?.job ?? null, null, 'the others are not its own')
  } finally {
    await alone.kill('SIGTERM')
    rmSync(`${directory}-alone`, { recursive: true, force: true })
  }
})

test('Ctrl-C ends the whole in order', async () => {
  assert.equal((await app.kill('SIGINT')).exitCode, 0, log())
})
