/**
 * Measures one job of Millrace over a preloaded topic: records a second from the first committed output to the last, and processor time per record of the
 * job's process.
 *
 *   node dist/bench/jobs/run.js --job a|b [--form closures|fields] [--records 2000000] [--keys 2500] [--partitions 4] [--seed 1] [--threads 0]
 *                               [--commit-ms 100] [--rounds 1] [--bootstrap HOST:PORT | --kafka | --durability sync|os] [--input TOPIC] [--json FILE] [--profile DIR]
 *
 * Without `--bootstrap` it starts a broker in a process of its own: the embedded one, or Apache Kafka with `--kafka`. `--input` keeps the topic for the next
 * run on the same cluster, and takes it as it is where it is there; not with job b, whose windows are closed by events that come last (V4 of events.ts).
 *
 * M1. First and last are seen at the output's last stable offset, asked for every 20 ms; what was committed before the first sight is not counted as done
 *     within the time. A commit that ends the run is in the time, and waiting to be sure that it was the last is not.
 * M2. A run counts only if the output adds up: `sum = input, dropped = 0`. For job a the rows are those of the events kept; for b the counts sum up to the
 *     events. They are read after the job has ended.
 * M3. Processor time is of the whole process, all threads, between the two sights. Broker and driver are other processes.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Admin, Cluster, FetchedCursor, Fetcher, realEnv } from 'millrace/client'
import { startKafka } from '../../test/support/kafka.ts'
import { Count } from './apps.ts'
import { close, factsOf, fill } from './events.ts'
import type { Usage } from './process.ts'

const { values } = parseArgs({ options: {
  job: { type: 'string', default: 'a' }, form: { type: 'string', default: 'closures' }, records: { type: 'string', default: '2000000' }, keys: { type: 'string', default: '2500' },
  partitions: { type: 'string', default: '4' }, seed: { type: 'string', default: '1' }, threads: { type: 'string', default: '0' }, 'commit-ms': { type: 'string' }, rounds: { type: 'string', default: '1' },
  bootstrap: { type: 'string' }, kafka: { type: 'boolean', default: false }, durability: { type: 'string', default: 'os' }, input: { type: 'string' }, json: { type: 'string' }, profile: { type: 'string' },
} })
const input = { records: Number(values.records), keys: Number(values.keys), partitions: Number(values.partitions), seed: Number(values.seed) }
const WATCH_MS = 20
/** The output has not moved for this long, and the group has no lag: it is over. */
const QUIET_MS = 700
const STUCK_MS = 60_000
/** Topics that are known to exist. */
const there = new Set<string>()

export interface Result {
  readonly job: string
  readonly form: string
  readonly threads: number
  readonly records: number
  readonly recordsPerSecond: number
  readonly cpuUsPerRecord: number
  readonly residentMiB: number
  readonly seconds: number
  readonly outputs: number
  readonly load: number
}

interface Sight { readonly at: number; readonly consumed: number; readonly usage: Usage }

const folder = mkdtempSync(join(tmpdir(), 'millrace-jobs-'))
const broker = await startBroker()
const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'jobs' })
const admin = new Admin(cluster)
try {
  console.log(`node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model ?? '?'}), ${broker.kind}, ${input.partitions} partitions, job ${values.job}, ${values.form}, ${values.threads} threads`)
  for (let index = 0; index < Number(values.rounds); index++) {
    const topic = await filled(values.job === 'b' ? `jobs-${process.pid}-${index}.input` : values.input ?? `jobs-${process.pid}.input`)
    const result = await round(topic, `jobs-${process.pid}-${index}`)
    console.log(`  ${result.recordsPerSecond.toLocaleString('en')} records/s, ${result.cpuUsPerRecord.toFixed(2)} µs of processor a record, ${result.seconds.toFixed(1)} s, ${result.outputs} rows, ${result.residentMiB} MiB, load ${result.load.toFixed(1)}`)
    if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(result)}\n`)
    if (topic !== values.input && values.job !== 'b' && index === Number(values.rounds) - 1) await admin.deleteTopics([topic])
  }
} finally {
  await cluster.close()
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function filled(topic: string): Promise<string> {
  if ((await admin.listTopics()).includes(topic)) return topic
  const from = performance.now()
  const { bytes, records } = await fill(cluster, { ...input, topic })
  console.log(`filled ${topic}: ${records} events of ${(bytes / records).toFixed(1)} bytes in ${((performance.now() - from) / 1e3).toFixed(1)} s`)
  return topic
}

async function round(topic: string, name: string): Promise<Result> {
  const output = `${name}.out`
  await admin.createTopics([{ name: output, partitions: input.partitions, configs: { 'retention.ms': '-1' } }])
  const inputEnd = sum(await ends(topic))
  const job = startJob(topic, name)
  try {
    const first = await firstSight(job, name, topic, output)
    const last = await lastSight(job, { name, topic, output, inputEnd })
    await stopped(job)
    const outputs = await checked(output)
    const records = last.consumed - first.consumed
    const seconds = (last.at - first.at) / 1e3
    return {
      job: values.job, form: values.form, threads: Number(values.threads), records, seconds, outputs, recordsPerSecond: Math.round(records / seconds),
      cpuUsPerRecord: (last.usage.cpuMs - first.usage.cpuMs) * 1e3 / records, residentMiB: Math.round(last.usage.residentBytes / 2 ** 20), load: loadavg()[0] ?? 0,
    }
  } finally {
    if (job.exitCode === null) job.kill('SIGKILL')
    const own = (await admin.listTopics()).filter(each => each.startsWith(`${name}.`))
    await admin.deleteTopics(own)
  }
}

// ---------------------------------------------------------------- the job

function startJob(topic: string, name: string): ChildProcess {
  if (values.profile !== undefined) mkdirSync(values.profile, { recursive: true })
  return fork(fileURLToPath(new URL('./process.js', import.meta.url)), [], {
    execArgv: values.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval', '500', `--cpu-prof-dir=${values.profile}`],
    env: {
      ...process.env, JOB: values.job, JOB_FORM: values.form, JOB_APP: name, JOB_INPUT: topic, JOB_PARTITIONS: values.partitions, JOB_THREADS: values.threads,
      JOB_BOOTSTRAP: broker.bootstrap, JOB_DATA: join(folder, name), ...(values['commit-ms'] === undefined ? {} : { JOB_COMMIT_MS: values['commit-ms'] }),
    },
  })
}

function usageOf(job: ChildProcess): Promise<Usage> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the job has ended'))
    job.once('exit', ended)
    job.once('message', message => {
      job.off('exit', ended)
      resolve(message as Usage) // What process.ts sends.
    })
    job.send('usage')
  })
}

async function stopped(job: ChildProcess): Promise<void> {
  const ended = new Promise(resolve => job.once('exit', resolve))
  job.disconnect()
  await ended
}

// ---------------------------------------------------------------- sights

async function firstSight(job: ChildProcess, name: string, topic: string, output: string): Promise<Sight> {
  for (const since = performance.now(); sum(await ends(values.job === 'b' ? repartitionOf(name) : output)) === 0;) {
    if (job.exitCode !== null || performance.now() - since > STUCK_MS) throw new Error('the job writes nothing')
    await realEnv.clock.sleep(WATCH_MS)
  }
  const at = performance.now()
  const [usage, consumed] = await Promise.all([usageOf(job), committed(name, topic)])
  return { at, usage, consumed }
}

async function lastSight(job: ChildProcess, of: { readonly name: string; readonly topic: string; readonly output: string; readonly inputEnd: number }): Promise<Sight> {
  let end = -1
  let moved = performance.now()
  let usage = await usageOf(job)
  for (let isClosed = values.job !== 'b'; ;) {
    const now = sum(await ends(of.output))
    const consumed = await committed(of.name, of.topic)
    const isBusy = consumed < of.inputEnd || (values.job === 'b' && await committed(of.name, repartitionOf(of.name)) < sum(await ends(repartitionOf(of.name))))
    if (isBusy || now !== end) {
      end = now
      moved = performance.now()
      usage = await usageOf(job)
    } else if (!isClosed) {
      isClosed = true
      await close(cluster, { ...input, topic: of.topic })
      moved = performance.now()
    } else if (performance.now() - moved > QUIET_MS) return { at: moved, usage, consumed: Math.min(consumed, input.records) }
    if (performance.now() - moved > STUCK_MS) throw new Error(`nothing moves, ${consumed} of ${of.inputEnd} are consumed: ${JSON.stringify(usage.status)}`)
    await realEnv.clock.sleep(WATCH_MS)
  }
}

/** The topic between the two halves of job b: the first committed output of the job. */
function repartitionOf(name: string): string {
  return `${name}.job.count.repartition`
}

async function ends(topic: string): Promise<number[]> {
  if (!there.has(topic)) for (const name of await admin.listTopics({ internal: true })) there.add(name)
  if (!there.has(topic)) return []
  const partitions = Array.from({ length: input.partitions }, (_, partition) => ({ topic, partition }))
  return (await admin.listOffsets(partitions, 'latest', { isolation: 'read_committed' })).map(each => each.offset)
}

async function committed(name: string, topic: string): Promise<number> {
  const offsets = await admin.groupOffsets(`${name}.job`, Array.from({ length: input.partitions }, (_, partition) => ({ topic, partition })))
  return sum(offsets.map(each => Math.max(0, each.offset)))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

// ---------------------------------------------------------------- the check

/** Reads all of the output; throws where it does not add up (M2). Gives the number of rows. */
async function checked(output: string): Promise<number> {
  const { records, kept } = factsOf(input)
  const isEnd = await ends(output)
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', onData: () => wake() })
  let wake: () => void = () => {}
  isEnd.forEach((_, partition) => fetcher.assign(output, partition, 'earliest'))
  const cursor = new FetchedCursor()
  const at = isEnd.map(() => 0)
  let [rows, total] = [0, 0]
  while (at.some((offset, partition) => offset < (isEnd[partition] ?? 0))) {
    const fetched = fetcher.poll()
    if (fetched === undefined) {
      await new Promise<void>(resolve => { wake = resolve; setTimeout(resolve, 1_000) })
      continue
    }
    cursor.open(fetched)
    while (cursor.next()) {
      if (cursor.buffer.toString('latin1', cursor.keyStart, cursor.keyStart + 6) === 'close-') continue
      rows++
      total += values.job === 'b' ? Count.deserialize(cursor.buffer, cursor.valueStart, cursor.valueEnd).count : 1
    }
    at[fetched.partition] = fetched.offsetNext
    fetched.release()
  }
  await fetcher.close()
  const expected = values.job === 'b' ? records : kept
  if (total !== expected) throw new Error(`the output does not add up: ${total} of ${expected}`)
  return rows
}

// ---------------------------------------------------------------- the broker

async function startBroker(): Promise<{ readonly bootstrap: string; readonly kind: string; stop(): Promise<void> }> {
  if (values.bootstrap !== undefined) return { bootstrap: values.bootstrap, kind: values.bootstrap, stop: async () => {} }
  if (values.kafka) {
    const kafka = await startKafka()
    return { bootstrap: kafka.bootstrap, kind: 'Apache Kafka', stop: () => kafka.stop() }
  }
  const script = fileURLToPath(new URL('../../src/broker/main.js', import.meta.url))
  const child = spawn(process.execPath, [script, '--port', '0', '--data', join(folder, 'broker'), '--durability', values.durability], { stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    child.once('exit', code => reject(new Error(`the broker ended with ${code}`)))
  })
  const { address } = JSON.parse(line) as { address: string } // Its ready line.
  return { bootstrap: address, kind: `embedded broker (${values.durability})`, stop: () => new Promise(resolve => { child.once('exit', () => resolve()); child.kill('SIGTERM') }) }
}
