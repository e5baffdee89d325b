/**
 * How well the time to catch up is predicted, in real time, on the embedded broker: what `millrace lag` says, beside what happens. Nothing is asserted.
 *
 *   node dist/bench/micro/catch-up.js [--cost-us 200] [--usual 500] [--still 15] [--burst 3]
 *
 * A task takes `--cost-us` of processor time for each record, so it drains about 1,000,000 / cost a second; `--usual` records a second arrive. It stands still for
 * `--still` seconds (its process is killed); later five times its drain rate comes in for `--burst` seconds. Broker and task are processes of their own.
 * Not measured: state of any size, several processes, a broker that is the bottleneck.
 */
import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { app, int64, run, text, topic } from 'millrace'
import { Admin, Cluster, Producer, realEnv } from 'millrace/client'

const { values } = parseArgs({ options: { 'cost-us': { type: 'string', default: '200' }, usual: { type: 'string', default: '500' }, still: { type: 'string', default: '15' }, burst: { type: 'string', default: '3' }, task: { type: 'string' }, state: { type: 'string' } } })
const costMs = Number(values['cost-us']) / 1_000
const [usual, still, burst] = [Number(values.usual), Number(values.still), Number(values.burst)]
const PARTITIONS = 4
const TICK_MS = 20
const millrace = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const events = topic('events', { key: text, value: int64, partitions: PARTITIONS })
const counts = topic('counts', { key: text, value: int64, partitions: PARTITIONS })

if (values.task === undefined) await measure()
else await runTask(values.task, values.state ?? '')

async function runTask(bootstrap: string, state: string): Promise<void> {
  const work = (): void => { for (const until = performance.now() + costMs; performance.now() < until;) continue }
  const described = app('bench').task('count', ({ read }) => read(events).peek(work).count('events').write(counts))
  const running = await run(described, { bootstrap, dataDirectory: state })
  process.send?.('ready')
  process.on('disconnect', () => void running.close().finally(() => process.exit(0)))
}

interface Said { readonly verdict: string, readonly seconds: number | null, readonly arrivalPerSecond: number | null, readonly drainPerSecond: number | null, readonly cause: { readonly kind: string } | null, readonly records: number }

async function lag(bootstrap: string): Promise<Said> {
  const { stdout } = await promisify(execFile)(process.execPath, [millrace, 'lag', 'bench.count', '--json', '--bootstrap', bootstrap])
  const { groups } = JSON.parse(stdout) as { readonly groups: readonly Said[] } // As `millrace lag --json` prints it.
  const [said] = groups
  if (said === undefined) throw new Error('the group has committed nothing')
  return said
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'catch-up-'))
  const port = 19_000 + process.pid % 1_000
  const bootstrap = `localhost:${port}`
  const broker = spawn(process.execPath, [millrace, 'broker', 'start', '--port', String(port), '--data', join(folder, 'broker')], { stdio: 'ignore' })
  // Ended early, it leaves no process and no folder; the task ends when it is disconnected.
  process.on('exit', () => {
    broker.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(1))
  const cluster = await connected(bootstrap)
  await new Admin(cluster).createTopics([events, counts].map(({ name }) => ({ name, partitions: PARTITIONS })))
  const producer = new Producer(cluster)
  await producer.init()
  await cluster.partitions(events.name)
  let perSecond = usual
  let sent = 0
  let due = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    due += (now - last) / 1_000 * perSecond
    last = now
    for (; due >= 1; due--) producer.send(events.name, sent % PARTITIONS, Date.now(), Buffer.from(`k${sent++ % 100}`), events.value.serialize(1))
  }, TICK_MS)
  const shown = (what: string, said: Said): void => console.log(`${what.padEnd(44)} lag ${String(said.records).padStart(7)}  arrive/s ${Math.round(said.arrivalPerSecond ?? 0)}  drain/s ${Math.round(said.drainPerSecond ?? 0)}  ${said.verdict} ${said.seconds === null ? '' : `${said.seconds.toFixed(1)} s`}  cause ${said.cause?.kind ?? '-'}`)
  let task = await started(bootstrap, folder)
  console.log(`load ${loadavg().map(each => each.toFixed(1)).join(' ')}, cost ${costMs} ms a record, ${usual} records/s`)
  await sleep(12_000)
  shown('keeps up', await lag(bootstrap))
  task.kill('SIGKILL')
  await sleep(still * 1_000)
  await follow(`stood still for ${still} s`, async () => { task = await started(bootstrap, folder) })
  perSecond = 5 * ((await lag(bootstrap)).drainPerSecond ?? usual)
  await sleep(burst * 1_000)
  shown('in the burst', await lag(bootstrap))
  perSecond = usual
  await sleep(10_000)
  await follow(`after ${burst} s of five times its drain rate`, () => Promise.resolve())
  clearInterval(timer)

  async function follow(what: string, start: () => Promise<void>): Promise<void> {
    const said = await lag(bootstrap)
    shown(what, said)
    const from = performance.now()
    await start()
    for (;;) {
      const now = await lag(bootstrap)
      if (now.verdict === 'caughtUp') break
    }
    console.log(`  took ${((performance.now() - from) / 1_000).toFixed(1)} s; predicted ${said.seconds?.toFixed(1) ?? 'n/a'} s; load ${loadavg()[0]?.toFixed(1)}`)
  }

  await producer.close()
  await cluster.close()
  task.disconnect()
  await new Promise(resolve => task.once('exit', resolve))
  broker.kill('SIGTERM')
  await new Promise(resolve => broker.once('exit', resolve))
}

async function connected(bootstrap: string): Promise<Cluster> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await Cluster.connect(realEnv, { bootstrap, clientId: 'catch-up' })
    } catch (error) {
      if (attempt === 20) throw error
      await sleep(250)
    }
  }
}

function started(bootstrap: string, folder: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.url), ['--task', bootstrap, '--state', join(folder, 'state'), '--cost-us', String(costMs * 1_000)])
  return new Promise(resolve => child.once('message', () => resolve(child)))
}
