/**
 * A store of many keys: filled, killed, restored. Prints what was restored, how long it took, and the memory that it took.
 *
 *   node dist/test/real/runtime/big-state.js --bootstrap localhost:19092 --keys 2000000
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { app, int64, text, topic } from 'millrace'
import { createLogger } from '../../../src/base/logger.ts'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { Producer } from '../../../src/client/producer.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { run } from '../../../src/runtime/app.ts'
import type { TaskSnapshot } from '../../../src/runtime/snapshot.ts'
import { startProcess } from '../../support/processes.ts'
import type { Started } from '../../support/processes.ts'

const PARTITIONS = 4
const prefix = process.env['BIG_PREFIX'] ?? 'big'
const input = topic(`${prefix}.input`, { key: text, value: int64, partitions: PARTITIONS })

const described = app(prefix).task('sum', ({ read }) => {
  read(input).aggregate('per-key', { zero: () => 0, add: (sum, value) => sum + value, state: int64 }).filter(sum => sum < 0).write(topic(`${prefix}.none`, { key: text, value: int64, partitions: 1 }))
})

export default described

async function runApp(): Promise<void> {
  const running = await run(described, {
    bootstrap: process.env['BIG_BOOTSTRAP'] ?? '', dataDirectory: process.env['BIG_DATA'] ?? '', metrics: false,
    logger: createLogger({ level: 'warn', write: line => console.log(line), now: Date.now }),
  })
  process.once('SIGTERM', () => { void running.close().then(() => process.exit(0)) })
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const tell = async (): Promise<void> => {
    const [task] = (await running.status()).tasks
    console.log(`status ${JSON.stringify({ ...task, loopDelayMsMax: Math.round(delay.max / 1e6) })}`)
  }
  setInterval(() => void tell(), 250)
  throw await running.failed
}

function lastStatus(app: Started): TaskSnapshot | undefined {
  const line = app.stdout().trimEnd().split('\n').findLast(one => one.startsWith('status {') && one.endsWith('}'))
  return line === undefined ? undefined : JSON.parse(line.slice(7)) as TaskSnapshot // Written by runApp.
}

async function until(app: Started, what: string, holds: (status: TaskSnapshot) => boolean): Promise<TaskSnapshot> {
  const deadline = Date.now() + 600_000
  for (;;) {
    const status = lastStatus(app)
    if (status !== undefined && holds(status)) return status
    if (app.child.exitCode !== null || Date.now() > deadline) throw new Error(`${what}: ${JSON.stringify(status)}\n${app.stdout().slice(-2000)}\n${app.stderr().slice(-4000)}`)
    await realEnv.clock.sleep(50)
  }
}

const residentMb = (pid: number): number => Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { bootstrap: { type: 'string', default: 'localhost:19092' }, keys: { type: 'string', default: '2000000' } } })
  const keys = Number(values.keys)
  const bigPrefix = `big${process.pid}`
  const data = mkdtempSync(join(tmpdir(), 'millrace-big-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: values.bootstrap, clientId: 'big' })
  const admin = new Admin(cluster)
  await admin.createTopics([{ name: `${bigPrefix}.input`, partitions: PARTITIONS }])
  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  const send = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      if (producer.full) await producer.drained()
      producer.send(`${bigPrefix}.input`, index % PARTITIONS, Date.now(), Buffer.from(`key-${String(index).padStart(12, '0')}`), Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]))
    }
    await producer.flush()
  }
  const start = (): Started => startProcess(process.execPath, ['--enable-source-maps', '--max-old-space-size=512', fileURLToPath(import.meta.url)], {
    env: { BIG_ROLE: 'app', BIG_PREFIX: bigPrefix, BIG_BOOTSTRAP: values.bootstrap, BIG_DATA: data },
  })
  let one = start()
  try {
    const fillStart = Date.now()
    await send(keys)
    await until(one, 'filling', status => status.in >= keys && status.lag === 0)
    console.log(`filled: ${keys} keys in ${Date.now() - fillStart} ms, RSS ${residentMb(one.pid)} MB`)
    await realEnv.clock.sleep(2_000)
    // Changes under way while it dies: what a restore may replay is what the store lags behind, at most a second or two.
    const changing = send(Math.floor(keys / 20))
    await realEnv.clock.sleep(500)
    await one.kill('SIGKILL')
    await changing
    const restartAt = Date.now()
    one = start()
    const restored = await until(one, 'restoring', status => status.state === 'running' && status.restored !== null)
    console.log(`restored after SIGKILL: ${JSON.stringify(restored.restored)}, running again after ${Date.now() - restartAt} ms, RSS ${residentMb(one.pid)} MB`)
    await until(one, 'catching up', status => status.lag === 0)
    await one.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
    const rebuildAt = Date.now()
    one = start()
    const rebuilt = await until(one, 'rebuilding', status => status.state === 'running' && status.restored !== null)
    console.log(`rebuilt from the changelog, no disk: ${JSON.stringify(rebuilt.restored)}, longest turn of the event loop ${(rebuilt as TaskSnapshot & { loopDelayMsMax?: number }).loopDelayMsMax} ms, running after ${Date.now() - rebuildAt} ms, RSS ${residentMb(one.pid)} MB`)
    for (const line of one.stdout().split('\n')) if (line !== '' && !line.startsWith('status ')) console.log(`  it said: ${line}`)
  } finally {
    await one.kill('SIGKILL')
    await producer.close()
    await admin.deleteTopics((await admin.listTopics()).filter(name => name.startsWith(`${bigPrefix}.`)))
    await cluster.close()
    rmSync(data, { recursive: true, force: true })
  }
}

if (process.argv[1]?.endsWith('big-state.js') === true) await (process.env['BIG_ROLE'] === 'app' ? runApp() : main())
