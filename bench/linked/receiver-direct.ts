/**
 * Direct and Receiver on one screen: what the two ways of Spark Streaming lose and double when their drivers are killed, and how fast they are.
 *
 *   npm run receiver-direct -- [--kills 2] [--per-second 200] [--rate-records 1000000] [--bootstrap HOST:PORT] [--json]
 *
 * `examples/linked/dstreams.ts` runs three jobs over the same clicks. Each is killed (SIGKILL) as soon as results of a batch are seen in Kafka, while that batch
 * stands still before it is checked off: the same point of the work in each. The counts are of ids, from offset 0, with read_committed.
 * `--rate-records 0` leaves the rates out. Without `--bootstrap` it all goes through a Millrace broker of its own; needs Java, and `millrace engines install spark`.
 *
 * R1. Same input, same kills. The last record of each partition is sent after the last kill: when these are out, all that will come has come.
 * R2. A rate is that of the middle eight tenths of what lies in the topic before the job starts; nothing is killed, nothing stands still.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { partitionOf } from '../../src/wire/partitioner.ts'
import { readAll } from '../../test/real/runtime/books.ts'
import { endOf, nextBatch } from '../../test/support/growth.ts'
import { freePorts } from '../../test/support/kafka.ts'
import { startMillrace, startTestBroker } from '../../test/support/millrace.ts'
import { ENGINES, ROOT } from '../../test/support/need.ts'
import { NumberedClicks } from '../../test/support/numbered-clicks.ts'
import { until, Watched } from '../../test/support/watched.ts'

export const WAYS = ['direct', 'logged', 'unlogged'] as const
export type Way = typeof WAYS[number]

export interface Count {
  readonly way: Way
  readonly in: number
  readonly out: number
  readonly lost: number
  readonly doubled: number
  /** Shoppers whose last count is not the number of their clicks in the input. */
  readonly countsWrong: number
  /** By SIGKILL; all of them between the results and what checks them off. */
  readonly kills: number
}

const ENTRY = join(ROOT, 'dist', 'examples', 'linked', 'dstreams.js')
const PARTITIONS = 4
const KEYS = 31
/** A batch stands still so long between its results and what checks them off. */
const HOLD_MS = 700
/** Batches that a driver must have written before it is killed. */
const BATCHES_BEFORE_KILL = 2

const WORDS: Readonly<Record<Way, string>> = {
  direct: 'Direct, offsets in the transaction of the results', logged: 'Receiver, with its write-ahead log', unlogged: 'Receiver, without its log',
}

/** Three drivers over the same clicks, each killed `kills` times. */
export async function countAfterKills(options: { readonly bootstrap: string; readonly kills: number; readonly perSecond: number }): Promise<readonly Count[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-dstreams-'))
  const watched = await Watched.start(ENTRY, options.bootstrap, directory, { LINKED_HOLD_MS: String(HOLD_MS) })
  const cluster = await Cluster.connect(realEnv, { bootstrap: options.bootstrap, clientId: 'receiver-direct' })
  const clicks = new NumberedClicks(cluster, { topic: 'dstreams.clicks', perSecond: options.perSecond, keys: KEYS })
  try {
    await clicks.start()
    await Promise.all(WAYS.map(way => killed(cluster, watched, way, options.kills)))
    await clicks.stop()
    await sendLast(cluster)
    const counts: Count[] = []
    for (const way of WAYS) {
      await until(`the last click of each partition has come out of '${way}'`, async () => (await idsOf(cluster, `dstreams.${way}`)).last === PARTITIONS, watched.log, 90)
      const [before, after] = [await idsOf(cluster, 'dstreams.clicks'), await idsOf(cluster, `dstreams.${way}`)]
      const lost = [...before.ids.keys()].filter(id => !after.ids.has(id)).length
      const countsWrong = [...before.perKey].filter(([key, clicks]) => after.counts.get(key) !== clicks).length
      counts.push({ way, in: before.ids.size, out: after.rows, lost, doubled: after.rows - after.ids.size, countsWrong, kills: options.kills })
    }
    await watched.stop()
    return counts
  } catch (error) {
    console.error(watched.log(), ...WAYS.map(way => logOf(directory, way)))
    throw error
  } finally {
    await clicks.stop()
    await cluster.close()
    await watched.end()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The last words of a driver. */
function logOf(directory: string, way: Way): string {
  const path = join(directory, 'jobs', way, `${way}.log`)
  return existsSync(path) ? `\n== ${way}\n${readFileSync(path, 'utf8').split('\n').filter(line => !line.includes(' INFO JobScheduler')).slice(-25).join('\n')}` : ''
}

async function killed(cluster: Cluster, watched: Watched, way: Way, kills: number): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    for (let batch = 0; batch < BATCHES_BEFORE_KILL; batch++) await nextBatch(cluster, `dstreams.${way}`, HOLD_MS / 3, watched.log)
    await watched.kill(way)
  }
}

/** R1. */
async function sendLast(cluster: Cluster): Promise<void> {
  const producer = new Producer(cluster, {})
  await producer.init()
  const names = Array.from({ length: KEYS }, (_, index) => Buffer.from(`shopper-${index}`))
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const key = names.find(name => partitionOf(name, PARTITIONS) === partition)
    if (key === undefined) throw new Error(`no key goes to partition ${partition}`)
    producer.send('dstreams.clicks', partition, Date.now(), key, Buffer.from(JSON.stringify({ id: `last-${partition}`, seq: -1 })))
  }
  await producer.close()
}

async function idsOf(cluster: Cluster, topic: string): Promise<{ readonly ids: ReadonlyMap<string, number>; readonly rows: number; readonly last: number; readonly perKey: ReadonlyMap<string, number>; readonly counts: ReadonlyMap<string, number> }> {
  const ids = new Map<string, number>()
  const [perKey, counts] = [new Map<string, number>(), new Map<string, number>()]
  const last = new Set<string>()
  let rows = 0
  await readAll(cluster, topic, (_partition, _offset, key, value) => {
    const { id, count = 0 } = JSON.parse(value) as { id: string; count?: number } // Written by the app.
    perKey.set(key, (perKey.get(key) ?? 0) + 1)
    counts.set(key, Math.max(counts.get(key) ?? 0, count))
    if (id.startsWith('last-')) return void last.add(id)
    rows++
    ids.set(id, (ids.get(id) ?? 0) + 1)
  })
  return { ids, rows, last: last.size, perKey, counts }
}

// ---------------------------------------------------------------- rates

/** R2. Records per second of each way, in turn. Needs the topics that `countAfterKills` has made. */
export async function rates(options: { readonly bootstrap: string; readonly records: number }): Promise<Readonly<Record<Way, number>>> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: options.bootstrap, clientId: 'receiver-direct' })
  try {
    await fill(cluster, options.records)
    const result: Record<Way, number> = { direct: 0, logged: 0, unlogged: 0 }
    for (const way of WAYS) result[way] = await rateOf(cluster, way, options)
    return result
  } finally {
    await cluster.close()
  }
}

async function fill(cluster: Cluster, records: number): Promise<void> {
  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  for (let index = 0; index < records; index++) {
    if (producer.full) await producer.drained()
    producer.send('dstreams.clicks', index % PARTITIONS, Date.now(), Buffer.from(`shopper-${index % KEYS}`), Buffer.from(`{"id":"r${index}","seq":${index}}`))
  }
  await producer.flush()
  await producer.close()
}

async function rateOf(cluster: Cluster, way: Way, { bootstrap, records }: { readonly bootstrap: string; readonly records: number }): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-dstreams-'))
  const [port] = await freePorts(1)
  const before = await endOf(cluster, `dstreams.${way}`, 'read_committed')
  const app = startMillrace(['start', ENTRY, '--task', way, '--bootstrap', bootstrap, '--data', directory, '--status-port', String(port), '--json'], { env: { MILLRACE_ENGINES: ENGINES, LINKED_HOLD_MS: '0' } })
  const marks: { readonly at: number; readonly rows: number }[] = []
  try {
    for (const deadline = performance.now() + 300_000; (marks.at(-1)?.rows ?? 0) < records * 0.9;) {
      const rows = await endOf(cluster, `dstreams.${way}`, 'read_committed') - before
      if (rows >= records * 0.1 && rows !== marks.at(-1)?.rows) marks.push({ at: performance.now(), rows })
      if (performance.now() > deadline) throw new Error(`'${way}' has written ${rows} of ${records} rows in five minutes\n${app.stderr().slice(-3000)}`)
      await sleep(50)
    }
  } finally {
    await app.kill('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  }
  const [first, last] = [marks[0], marks.at(-1)]
  if (first === undefined || last === undefined || first === last) throw new Error(`'${way}' wrote everything at once: give it more than ${records} records`)
  return (last.rows - first.rows) / (last.at - first.at) * 1000
}

// ---------------------------------------------------------------- the screen

export function screen(counts: readonly Count[], perSecond: Readonly<Record<Way, number>> | undefined): string {
  const number = (value: number | undefined): string => value === undefined ? '-' : Math.round(value).toLocaleString('en-US')
  const rows = [['', 'in', 'out', 'lost', 'doubled', 'counts wrong', 'kills', 'records/s'], ...counts.map(({ way, in: taken, out, lost, doubled, countsWrong, kills }) => [WORDS[way], number(taken), number(out), number(lost), number(doubled), number(countsWrong), number(kills), number(perSecond?.[way])])]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0))) ?? []
  return rows.map(row => row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '2' }, 'per-second': { type: 'string', default: '200' }, 'rate-records': { type: 'string', default: '1000000' }, bootstrap: { type: 'string' }, json: { type: 'boolean', default: false } } })
  const [kills, perSecond, records] = [values.kills, values['per-second'], values['rate-records']].map(Number)
  if (kills === undefined || perSecond === undefined || records === undefined || ![kills, perSecond, records].every(each => Number.isInteger(each) && each >= 0) || perSecond < 20) {
    console.error('✖ USAGE  --kills, --per-second (20 or more) and --rate-records take whole numbers')
    process.exitCode = 2
    return
  }
  const broker = values.bootstrap === undefined ? await startTestBroker() : undefined
  const bootstrap = values.bootstrap ?? broker?.bootstrap ?? ''
  try {
    const counts = await countAfterKills({ bootstrap, kills, perSecond })
    const fast = records === 0 ? undefined : await rates({ bootstrap, records })
    if (values.json) return console.log(JSON.stringify({ counts, recordsPerSecond: fast ?? null }))
    console.log(`${screen(counts, fast)}\n\n${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown CPU'}, load ${loadavg().map(load => load.toFixed(1)).join(' ')}, Node ${process.versions.node}, ${values.bootstrap ?? 'Millrace\'s broker'}`)
  } finally {
    await broker?.stop()
    broker?.remove()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
