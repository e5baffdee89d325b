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

export interface BigState {
  /** Records of the changelogs that were read after the SIGKILL, and with an empty disk. */
  readonly restored: TaskSnapshot['restored']
  readonly rebuilt: TaskSnapshot['restored']
  /** At most so many changes were made in the two seconds before the SIGKILL. */
  readonly changedInLast2s: number
}

const CHANGES_PER_S = 4_000
const SINCE_MS = 2_000

/** Fills a store, kills its process while changes go on, starts it again, and once more without its disk. */
export async function bigState(options: { readonly bootstrap: string; readonly keys: number; readonly log: (line: string) => void }): Promise<BigState> {
  const { bootstrap, keys, log } = options
  const bigPrefix = `big${process.pid}`
  const data = mkdtempSync(join(tmpdir(), 'millrace-big-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'big' })
  const admin = new Admin(cluster)
  await admin.createTopics([{ name: `${bigPrefix}.input`, partitions: PARTITIONS }])
  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  let sent = 0
  const send = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++, sent++) {
      if (producer.full) await producer.drained()
      producer.send(`${bigPrefix}.input`, sent % PARTITIONS, Date.now(), Buffer.from(`key-${String(sent % keys).padStart(12, '0')}`), Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]))
    }
    await producer.flush()
  }
  const start = (): Started => startProcess(process.execPath, ['--enable-source-maps', '--max-old-space-size=512', fileURLToPath(import.meta.url)], {
    env: { BIG_ROLE: 'app', BIG_PREFIX: bigPrefix, BIG_BOOTSTRAP: bootstrap, BIG_DATA: data },
  })
  let one = start()
  try {
    const fillStart = Date.now()
    await send(keys)
    await until(one, 'filling', status => status.in >= keys && status.lag === 0)
    log(`filled: ${keys} keys in ${Date.now() - fillStart} ms, RSS ${residentMb(one.pid)} MB`)
    // Changes go on for longer than what may be replayed; what was done two seconds before the end is known from the status line of then.
    const samples: { readonly at: number; readonly in: number }[] = []
    for (const from = Date.now(); Date.now() < from + SINCE_MS * 3;) {
      await send(CHANGES_PER_S / 10)
      samples.push({ at: Date.now(), in: lastStatus(one)?.in ?? 0 })
      await realEnv.clock.sleep(100)
    }
    await one.kill('SIGKILL')
    const killedAt = Date.now()
    const changedInLast2s = sent - (samples.findLast(sample => sample.at <= killedAt - SINCE_MS)?.in ?? 0)
    const restartAt = Date.now()
    one = start()
    const { restored } = await until(one, 'restoring', status => status.state === 'running' && status.restored !== null)
    log(`restored after SIGKILL: ${JSON.stringify(restored)} (changed in the 2 s before: at most ${changedInLast2s}), running again after ${Date.now() - restartAt} ms, RSS ${residentMb(one.pid)} MB`)
    await until(one, 'catching up', status => status.lag === 0)
    await one.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
    const rebuildAt = Date.now()
    one = start()
    const status = await until(one, 'rebuilding', each => each.state === 'running' && each.restored !== null)
    log(`rebuilt from the changelog, no disk: ${JSON.stringify(status.restored)}, longest turn of the event loop ${(status as TaskSnapshot & { loopDelayMsMax?: number }).loopDelayMsMax} ms, running after ${Date.now() - rebuildAt} ms, RSS ${residentMb(one.pid)} MB`)
    for (const line of one.stdout().split('\n')) if (line !== '' && !line.startsWith('status ')) log(`  it said: ${line}`)
    return { restored, rebuilt: status.restored, changedInLast2s }
  } finally {
    await one.kill('SIGKILL')
    await producer.close()
    await admin.deleteTopics((await admin.listTopics()).filter(name => name.startsWith(`${bigPrefix}.`)))
    await cluster.close()
    rmSync(data, { recursive: true, force: true })
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { bootstrap: { type: 'string', default: 'localhost:19092' }, keys: { type: 'string', default: '2000000' } } })
  await bigState({ bootstrap: values.bootstrap, keys: Number(values.keys), log: line => console.log(line) })
}

if (process.argv[1]?.endsWith('big-state.js') === true) await (process.env['BIG_ROLE'] === 'app' ? runApp() : main())
