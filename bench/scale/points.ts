/**
 * Does a record cost the same with more partitions and with more keys? Processor time per record of one thread that keeps a sum per key, exactly once.
 *
 *   node dist/bench/scale/points.js [--partitions 1,2,4,8,16] [--keys 1000,10000,100000,1000000,10000000] [--records 1000000] [--rounds 3] [--heap-mib 256] [--write]
 *
 * P1. Every key is written once before the measured records, so the state is complete when the clock starts; the measured ones choose their key at random, evenly: the
 *     worst case for a cache, which finds nothing again that it has just had.
 * P2. The job's heap is `--heap-mib`; state of ten million keys is several times larger.
 * P3. Partitions vary with 100,000 keys, keys with 4 partitions. Points are interleaved, round by round; told are medians and ranges.
 * P4. A round counts only if the values that were added come to the number of records written: nothing left out, nothing twice.
 *
 * The broker is the embedded one (`os`) in a process of its own. With `--write` a page under bench/results.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { app, int64, text, topic } from 'millrace'
import { Admin, Cluster, Producer, realEnv } from 'millrace/client'
import { run } from '../../src/runtime/app.ts'
import { startBroker } from '../../test/support/broker.ts'
import { ROOT } from '../../test/support/need.ts'
import { startProcess } from '../../test/support/processes.ts'
import type { Started } from '../../test/support/processes.ts'
import { randomOf } from '../jobs/events.ts'

const SAMPLE_MS = 50
const PARTITIONS_USUAL = 4
const KEYS_USUAL = 100_000
const STUCK_MS = 180_000

interface Point { readonly partitions: number; readonly keys: number }
interface Sight { readonly in: number; readonly cpuMs: number; readonly residentMib: number; readonly sum: number }
interface Round { readonly usPerRecord: number; readonly perSecond: number; readonly residentMib: number; readonly load: number }

/** The child's settings, from the parent. */
const job = { name: process.env['POINTS_APP'] ?? 'points', input: process.env['POINTS_INPUT'] ?? 'points.input', partitions: Number(process.env['POINTS_PARTITIONS'] ?? 1) }
/** Of every key, kept beside the state: that is what P4 compares. */
let total = 0

function described(): ReturnType<typeof app> {
  const input = topic(job.input, { key: text, value: int64, partitions: job.partitions })
  return app(job.name).task('sum', ({ read }) => {
    read(input).aggregate('per-key', { zero: () => 0, add: (sum, value) => {
      total += value
      return sum + value
    }, state: int64 }).filter(sum => sum < 0).write(topic(`${job.name}.none`, { key: text, value: int64, partitions: 1 }))
  })
}

async function child(): Promise<void> {
  const running = await run(described(), { bootstrap: process.env['POINTS_BOOTSTRAP'] ?? '', dataDirectory: process.env['POINTS_DATA'] ?? '', metrics: false, threads: 0 })
  const tell = async (): Promise<void> => {
    const [task] = (await running.status()).tasks
    const { user, system } = process.cpuUsage()
    console.log(`sight ${JSON.stringify({ in: task?.in ?? 0, cpuMs: (user + system) / 1e3, residentMib: Math.round(process.memoryUsage.rss() / 2 ** 20), sum: total } satisfies Sight)}`)
  }
  setInterval(() => void tell(), SAMPLE_MS)
  throw await running.failed
}

function sightOf(one: Started): Sight | undefined {
  const line = one.stdout().trimEnd().split('\n').findLast(each => each.startsWith('sight {') && each.endsWith('}'))
  return line === undefined ? undefined : JSON.parse(line.slice(6)) as Sight // Written by `child`.
}

/** P1. */
async function fill(cluster: Cluster, input: string, { partitions, keys }: Point, records: number): Promise<void> {
  await new Admin(cluster).createTopics([{ name: input, partitions, configs: { 'retention.ms': '-1' } }])
  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  const random = randomOf(keys + partitions)
  const value = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])
  for (let index = 0; index < keys + records; index++) {
    if (producer.full) await producer.drained()
    const key = index < keys ? index : Math.floor(random() * keys)
    producer.send(input, key % partitions, Date.now(), Buffer.from(`key-${key}`), value)
  }
  await producer.flush()
  await producer.close()
}

async function seen(one: Started, count: number): Promise<Sight> {
  let [last, movedAt] = [-1, Date.now()]
  for (;;) {
    const sight = sightOf(one)
    if (sight !== undefined && sight.in >= count) return sight
    if (sight !== undefined && sight.in !== last) [last, movedAt] = [sight.in, Date.now()]
    if (one.child.exitCode !== null || Date.now() - movedAt > STUCK_MS) throw new Error(`the job stands at ${last} of ${count} records\n${one.stdout().slice(-1000)}${one.stderr().slice(-2000)}`)
    await realEnv.clock.sleep(SAMPLE_MS)
  }
}

async function round(bootstrap: string, { partitions, keys }: Point, options: { readonly input: string; readonly records: number; readonly heapMib: number; readonly name: string }): Promise<Round> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-points-'))
  const env = { POINTS_ROLE: 'child', POINTS_APP: options.name, POINTS_INPUT: options.input, POINTS_PARTITIONS: String(partitions), POINTS_BOOTSTRAP: bootstrap, POINTS_DATA: data }
  const one = startProcess(process.execPath, [`--max-old-space-size=${options.heapMib}`, fileURLToPath(import.meta.url)], { env })
  try {
    const first = await seen(one, keys)
    const from = performance.now()
    const last = await seen(one, keys + options.records)
    if (last.sum !== keys + options.records) throw new Error(`the sums come to ${last.sum}, ${keys + options.records} records were written`)
    const records = last.in - first.in
    return { usPerRecord: (last.cpuMs - first.cpuMs) * 1e3 / records, perSecond: Math.round(records / (performance.now() - from) * 1e3), residentMib: last.residentMib, load: loadavg()[0] ?? 0 }
  } finally {
    await one.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
const median = (values: readonly number[]): number => sorted(values)[Math.floor(values.length / 2)] ?? Number.NaN
const grouped = (count: number): string => Math.round(count).toLocaleString('en')
const numbers = (list: string): number[] => list.split(',').filter(each => each !== '').map(Number)

function page(head: string, points: readonly Point[], rounds: ReadonlyMap<Point, readonly Round[]>): string {
  const row = (point: Point): string => {
    const all = rounds.get(point) ?? []
    const cost = sorted(all.map(each => each.usPerRecord))
    return `| ${grouped(point.partitions)} | ${grouped(point.keys)} | ${median(cost).toFixed(2)} (${cost[0]?.toFixed(2)}–${cost.at(-1)?.toFixed(2)}) | ${grouped(median(all.map(each => each.perSecond)))} | ${median(all.map(each => each.residentMib))} | ${Math.max(...all.map(each => each.load)).toFixed(1)} |`
  }
  return [head, '', '| partitions of the one thread | keys | processor time per record, µs: median (range) | records/s | resident, MiB | load |', '|---:|---:|---:|---:|---:|---:|', ...points.map(row), ''].join('\n')
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: {
    partitions: { type: 'string', default: '1,2,4,8,16' }, keys: { type: 'string', default: '1000,10000,100000,1000000,10000000' }, records: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' }, 'heap-mib': { type: 'string', default: '256' }, write: { type: 'boolean', default: false },
  } })
  const [records, heapMib, at] = [Number(values.records), Number(values['heap-mib']), new Date()]
  const points: Point[] = [...numbers(values.partitions).map(partitions => ({ partitions, keys: KEYS_USUAL })), ...numbers(values.keys).filter(keys => keys !== KEYS_USUAL).map(keys => ({ partitions: PARTITIONS_USUAL, keys }))]
  const broker = await startBroker({ durability: 'os' })
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'points' })
  const rounds = new Map<Point, Round[]>(points.map(point => [point, []]))
  try {
    for (const point of points) await fill(cluster, `points-${point.partitions}-${point.keys}`, point, records)
    for (let index = 0; index < Number(values.rounds); index++) {
      for (const point of points) {
        const one = await round(broker.bootstrap, point, { input: `points-${point.partitions}-${point.keys}`, records, heapMib, name: `points-${index}-${point.partitions}-${point.keys}` })
        rounds.get(point)?.push(one)
        console.error(`round ${index + 1}: ${point.partitions} partitions, ${grouped(point.keys)} keys: ${one.usPerRecord.toFixed(2)} µs, ${grouped(one.perSecond)} records/s, ${one.residentMib} MiB, load ${one.load.toFixed(1)}`)
      }
    }
  } finally {
    await cluster.close()
    await broker.remove()
  }
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim()
  const text = page(`# What a record costs with more partitions and with more keys\n\n\`node dist/bench/scale/points.js --partitions ${values.partitions} --keys ${values.keys} --records ${records} --rounds ${values.rounds} --heap-mib ${heapMib}\`, ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit}.\nNode ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model.trim() ?? '?'}. One thread keeps a sum per key, exactly once, changelog on the embedded broker (\`os\`); all keys are in its state before the clock starts, and each of ${grouped(records)} measured records has one of them at random. Heap at most ${heapMib} MiB.`, points, rounds)
  console.log(text)
  if (values.write) writeFileSync(join(ROOT, 'bench', 'results', `${at.toISOString().slice(0, 10)}-points.md`), text)
}

await (process.env['POINTS_ROLE'] === 'child' ? child() : main())
