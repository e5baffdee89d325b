/**
 * Does throughput rise with processes? One CPU-bound stateful job, exactly-once, on Apache Kafka: records per second of 1 process and of 2.
 *
 *   node dist/bench/scale/processes.js [--rounds 3] [--partitions 8] [--work 20] [--seconds 12] [--bootstrap HOST:PORT]
 *
 * Rounds go 1, 2, 1, 2 …, each with a group, a state and changelogs of its own, over the same input. What counts is a window in which every process runs
 * its share of the shards: starting and rebalancing are outside. Each record costs `--work` microseconds of user code (calibrated at the start), far more
 * than its way through Kafka, which shares the cores with the job: the ratio says how the runtime shares out work, not how fast it is. On a machine that does
 * other work too, read the records per second of CPU time (of the job's processes): where two processes need no more CPU per record than one, what is
 * missing from a ratio of 2 is what others took.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { app, int64, text, topic } from 'millrace'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { run } from '../../src/runtime/app.ts'
import type { TaskSnapshot } from '../../src/runtime/snapshot.ts'
import { startKafka } from '../../test/support/kafka.ts'
import { startProcess } from '../../test/support/processes.ts'
import type { Started } from '../../test/support/processes.ts'

const KEYS = 20_000
const SAMPLE_MS = 100

/** The child's settings, from the parent. */
const job = {
  name: process.env['SCALE_APP'] ?? 'scale', input: process.env['SCALE_INPUT'] ?? 'scale.input',
  partitions: Number(process.env['SCALE_PARTITIONS'] ?? 8), turns: Number(process.env['SCALE_TURNS'] ?? 1),
}

/** User code that takes time and nothing else. */
function work(seed: number, turns: number): number {
  let hash = seed | 0
  for (let turn = 0; turn < turns; turn++) hash = Math.imul(hash ^ turn, 0x0100_0193)
  return hash >>> 0
}

function described() {
  const input = topic(job.input, { key: text, value: int64, partitions: job.partitions })
  return app(job.name).task('sum', ({ read }) => {
    read(input).aggregate('per-key', { zero: () => 0, add: (sum, value) => work(sum + value, job.turns), state: int64 })
      .filter(sum => sum < 0).write(topic(`${job.name}.none`, { key: text, value: int64, partitions: 1 }))
  })
}

/** How many turns of `work` take `us` microseconds here and now, by the best of some tries. */
function turnsOf(us: number): number {
  const turns = 200_000
  let best = Infinity
  for (let attempt = 0; attempt < 30; attempt++) {
    const from = process.hrtime.bigint()
    work(attempt, turns)
    best = Math.min(best, Number(process.hrtime.bigint() - from) / 1e3)
  }
  return Math.max(1, Math.round(turns * us / best))
}

async function child(): Promise<void> {
  const running = await run(described(), { bootstrap: process.env['SCALE_BOOTSTRAP'] ?? '', dataDirectory: process.env['SCALE_DATA'] ?? '', metrics: false })
  process.once('SIGTERM', () => { void running.close().then(() => process.exit(0)) })
  const tell = async (): Promise<void> => {
    const [task] = (await running.status()).tasks
    const { user, system } = process.cpuUsage()
    console.log(`status ${JSON.stringify({ ...task, cpuMs: (user + system) / 1e3 })}`)
  }
  setInterval(() => void tell(), SAMPLE_MS)
  throw await running.failed
}

function lastStatus(one: Started): (TaskSnapshot & { readonly cpuMs: number }) | undefined {
  const line = one.stdout().trimEnd().split('\n').findLast(each => each.startsWith('status {') && each.endsWith('}'))
  return line === undefined ? undefined : JSON.parse(line.slice(7)) as TaskSnapshot & { readonly cpuMs: number } // Written by `child`.
}

async function fill(cluster: Cluster, input: string, options: { readonly records: number; readonly partitions: number }): Promise<void> {
  await new Admin(cluster).createTopics([{ name: input, partitions: options.partitions }])
  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  const value = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])
  for (let index = 0; index < options.records; index++) {
    if (producer.full) await producer.drained()
    producer.send(input, index % options.partitions, Date.now(), Buffer.from(`key-${(index * 7919) % KEYS}`), value)
  }
  await producer.flush()
  await producer.close()
}

interface Round { readonly perSecond: number; readonly perCpuSecond: number; readonly shares: readonly number[]; readonly load: number }

/** One run of the job in `processes` processes. */
async function round(processes: number, options: { readonly bootstrap: string; readonly input: string; readonly partitions: number; readonly turns: number; readonly seconds: number; readonly name: string }): Promise<Round> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-scale-'))
  const env = { SCALE_ROLE: 'child', SCALE_APP: options.name, SCALE_INPUT: options.input, SCALE_PARTITIONS: String(options.partitions), SCALE_TURNS: String(options.turns), SCALE_BOOTSTRAP: options.bootstrap, SCALE_DATA: data }
  const started = Array.from({ length: processes }, () => startProcess(process.execPath, [fileURLToPath(import.meta.url)], { env }))
  const sample = (): { readonly at: number; readonly in: readonly number[]; readonly cpuMs: number; readonly shared: boolean } => {
    const all = started.map(lastStatus)
    const shards = all.map(status => status?.state === 'running' ? status.shards.length : 0)
    const even = Math.floor(options.partitions / processes)
    return { at: performance.now(), cpuMs: all.reduce((sum, status) => sum + (status?.cpuMs ?? 0), 0), in: all.map(status => status?.in ?? 0), shared: shards.every(count => count >= even) && shards.reduce((sum, count) => sum + count, 0) === options.partitions }
  }
  try {
    const deadline = Date.now() + 120_000
    let first = sample()
    while (!first.shared || first.in.some(count => count === 0)) {
      if (Date.now() > deadline) throw new Error(`the shards are not shared out\n${started.map(one => one.stdout().slice(-1000) + one.stderr().slice(-1000)).join('\n')}`)
      await realEnv.clock.sleep(SAMPLE_MS)
      first = sample()
    }
    await realEnv.clock.sleep(1_000)
    first = sample()
    await realEnv.clock.sleep(options.seconds * 1_000)
    const last = sample()
    if (!last.shared) throw new Error('the shards moved while it was measured')
    const lag = started.map(one => lastStatus(one)?.lag ?? 0)
    if (lag.some(records => records === 0)) throw new Error(`the input ran out (lag ${lag.join(', ')}): fewer --seconds or more --work`)
    const shares = last.in.map((count, index) => Math.round((count - (first.in[index] ?? 0)) / (last.at - first.at) * 1_000))
    const records = last.in.reduce((sum, count) => sum + count, 0) - first.in.reduce((sum, count) => sum + count, 0)
    return { perSecond: shares.reduce((sum, share) => sum + share, 0), perCpuSecond: Math.round(records / (last.cpuMs - first.cpuMs) * 1_000), shares, load: loadavg()[0] ?? 0 }
  } finally {
    for (const one of started) await one.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

async function main(): Promise<void> {
  const { values } = parseArgs({ options: {
    rounds: { type: 'string', default: '3' }, partitions: { type: 'string', default: '8' }, work: { type: 'string', default: '20' }, seconds: { type: 'string', default: '12' }, bootstrap: { type: 'string' },
  } })
  const seconds = Number(values.seconds)
  const partitions = Number(values.partitions)
  const turns = turnsOf(Number(values.work))
  const kafka = values.bootstrap === undefined ? await startKafka() : undefined
  const bootstrap = values.bootstrap ?? kafka?.bootstrap ?? ''
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'scale' })
  const prefix = `scale${process.pid}`
  const input = `${prefix}.input`
  try {
    // Enough for two processes that do nothing but their work, from start to end.
    const records = Math.ceil((seconds + 12) * 2 * 1e6 / Number(values.work))
    await fill(cluster, input, { records, partitions })
    console.log(`node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model ?? '?'}), ${partitions} partitions, ${values.work} µs of user code a record, windows of ${seconds} s`)
    const rates: Record<number, number[]> = { 1: [], 2: [] }
    const efficiency: Record<number, number[]> = { 1: [], 2: [] }
    for (let index = 0; index < Number(values.rounds); index++) {
      for (const processes of [1, 2]) {
        const { perSecond, perCpuSecond, shares, load } = await round(processes, { bootstrap, input, partitions, turns, seconds, name: `${prefix}x${index}x${processes}` })
        rates[processes]?.push(perSecond)
        efficiency[processes]?.push(perCpuSecond)
        console.log(`  ${processes} process${processes === 1 ? '  ' : 'es'} ${String(perSecond).padStart(8)} records/s  (${shares.join(' + ')}), ${perCpuSecond} per second of CPU  load ${load.toFixed(1)}`)
      }
    }
    const [one, two] = [median(rates[1] ?? []), median(rates[2] ?? [])]
    const range = (of: readonly number[]): string => `${Math.min(...of)}–${Math.max(...of)}`
    console.log(`median: 1 process ${one} (${range(rates[1] ?? [])}), 2 processes ${two} (${range(rates[2] ?? [])}), ratio ${(two / one).toFixed(2)}; per second of CPU ${median(efficiency[1] ?? [])} and ${median(efficiency[2] ?? [])}`)
  } finally {
    const admin = new Admin(cluster)
    await admin.deleteTopics((await admin.listTopics()).filter(name => name.startsWith(prefix)))
    await cluster.close()
    await kafka?.stop()
  }
}

await (process.env['SCALE_ROLE'] === 'child' ? child() : main())
