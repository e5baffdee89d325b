/**
 * One round: one contender does a case's job over its input, from a cold start, and is judged.
 *
 * D1. The clock is the broker's: the time at which committed output rows were appended (LogAppendTime), read afterwards by the one independent reader. The window
 *     begins with the row that accounts for the end of the warm-up's share of the input, and ends with the last row; start-up, warm-up and the wait for the last
 *     commit are outside of it. Where final rows wait for closing events, which come when all is read, the window ends when the job last wrote anything before
 *     them, repartition topics and changelogs included: later than its last row, never earlier.
 * D2. A round counts only if the gate holds: every input record is accounted for, none twice, and the results are those of the plain computation.
 * D3. While it runs nobody reads the output: its end is found by asking the broker for the last stable offsets, five times a second.
 * D5. What those before it have written is on the disk before it begins (`sync`): it is not written back at its cost.
 * D4. Of a window in which rows came at fewer than `MOMENTS_MIN` moments, or shorter than `WINDOW_MS_MIN`, throughput is not said (`windowTooShort`).
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Admin, Cluster, realEnv } from 'millrace/client'
import type { BenchBroker } from './broker.ts'
import { type Case, type JobName, queryOf, recordsOf } from './case.ts'
import { type Child, startChild } from './child.ts'
import type { Contender } from './contenders.ts'
import { closeInput, inputName, makeInput, makeTable, tableName } from './input.ts'
import { closeNexmark, makeNexmark, nexmarkName, TOPICS } from './nexmark.ts'
import { SCRATCH } from './places.ts'
import { commandOf, readerCommand } from './programs.ts'
import { Sampler } from './usage.ts'

const POLL_MS = 200
const MOMENTS_MIN = 5
const WINDOW_MS_MIN = 500

export interface Verdict {
  readonly records: number
  readonly rows: number
  readonly bytes: number
  readonly finalRows: number
  readonly sum: number
  readonly facts: string
  readonly expected: string
  readonly equal: boolean
  readonly fell: number
  readonly firstMs: number
  readonly lastMs: number
  readonly progress: readonly (readonly [number, number])[]
}

export type Round = {
  readonly index: number
  readonly at: string
  /** Of the machine, one minute, before it started. */
  readonly load: number
  readonly inputRecords: number
} & (
  | { readonly kind: 'measured', readonly equal: true, readonly windowTooShort: boolean, readonly recordsPerSecond: number, readonly windowMs: number, readonly windowRecords: number,
      readonly jobUsPerRecord: number, readonly brokerUsPerRecord: number, readonly peakBytes: number, readonly logBytesPerRecord: number, readonly rowsPerRecord: number,
      readonly startToFirstRowMs: number,
      /** What its own folder took at the end: state, checkpoints. Results of before this was measured have none. */
      readonly diskBytes?: number }
  | { readonly kind: 'failed', readonly why: string })

export interface Setup {
  readonly broker: BenchBroker
  readonly runId: string
  /** Longest wait for new output. */
  readonly patienceMs: number
}

/** Of these, a final row waits for closing events behind a change of key, so they may only come once all is read. */
const CLOSED_LATER: readonly JobName[] = ['count', 'q7', 'q8', 'q11']

/** Kafka Streams looks for sessions that are over when a record comes, but once a second of wall time at most: closing events right behind the others would be passed over. */
function isClosedLater(one: Case, contender: Contender): boolean {
  return one.job === 'sessions' ? contender.engine === 'Kafka Streams' : contender.emission === 'final' && CLOSED_LATER.includes(one.job)
}

/** The topic of a case's input; of a query, what its three topics begin with. */
function preloaded(one: Case, share: number): string {
  return queryOf(one) === undefined ? inputName(one, share) : nexmarkName(one, share)
}

/** Makes a case's input, with its table where it has one; `open` without its closing events. */
export async function prepare(bootstrap: string, one: Case, share: number, open?: string): Promise<void> {
  if (queryOf(one) !== undefined) return makeNexmark(bootstrap, one, share, open)
  if (one.job === 'join') await makeTable(bootstrap, one)
  await makeInput(bootstrap, one, share, open)
}

/** How many records the reader must find in it. */
export function recordsDue(one: Case, share: number): number {
  return recordsOf(one, share) + one.partitions ** 2 * (queryOf(one) === undefined ? 1 : TOPICS.length)
}

/** The expected result of a job over an input, computed once by the reader and kept in a file. */
export async function expect(setup: Setup, one: Case, share: number): Promise<Verdict> {
  return read('expect', setup, one, preloaded(one, share), share)
}

function expectedFile(one: Case, share: number): string {
  return join(SCRATCH, `expected-${one.job}-${preloaded(one, share)}`)
}

async function read(mode: 'expect' | 'verify', { broker }: Setup, one: Case, topic: string, share: number): Promise<Verdict> {
  const { command, args, cwd } = readerCommand()
  const { stdout } = await promisify(execFile)(command, [...args, mode, broker.bootstrap, one.job, topic, expectedFile(one, share), ...one.job === 'join' ? [tableName(one)] : []], { cwd, maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout) as Verdict // As Reader.java prints it.
}

export async function runRound(setup: Setup, one: Case, contender: Contender, index: number): Promise<Round> {
  const head = { index, at: new Date().toISOString(), load: loadavg()[0] ?? 0, inputRecords: recordsOf(one, contender.share) }
  const name = `b${setup.runId}-${one.id}-${contender.name}-${index}`
  const isOpen = isClosedLater(one, contender)
  const cluster = await Cluster.connect(realEnv, { bootstrap: setup.broker.bootstrap, clientId: 'bench' })
  const admin = new Admin(cluster)
  try {
    const input = isOpen ? `${name}.in` : preloaded(one, contender.share)
    if (isOpen) await prepare(setup.broker.bootstrap, one, contender.share, input)
    return { ...head, ...await measured({ setup, one, contender, admin, name, input, isOpen, close: () => queryOf(one) === undefined ? closeInput(cluster, input, one) : closeNexmark(cluster, input, one) }) }
  } catch (error) {
    return { ...head, kind: 'failed', why: (error instanceof Error ? error.message : String(error)).slice(0, 4_000) }
  } finally {
    const left = (await admin.listTopics()).filter(topic => topic.startsWith(name))
    if (left.length > 0) await admin.deleteTopics(left)
    await cluster.close()
  }
}

type Measured = Omit<Extract<Round, { kind: 'measured' }>, 'index' | 'at' | 'load' | 'inputRecords'> | Omit<Extract<Round, { kind: 'failed' }>, 'index' | 'at' | 'load' | 'inputRecords'>

interface Job {
  readonly setup: Setup
  readonly one: Case
  readonly contender: Contender
  readonly admin: Admin
  readonly name: string
  readonly input: string
  /** The input lacks its closing events until `close`. */
  readonly isOpen: boolean
  close(): Promise<void>
}

async function measured(job: Job): Promise<Measured> {
  const { setup: { broker }, one, contender, admin, name } = job
  const directory = join(SCRATCH, name)
  const output = `${name}.out`
  mkdirSync(directory, { recursive: true })
  await admin.createTopics([{ name: output, partitions: one.partitions, replicas: 1, configs: { 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '-1' } }])
  const { command, args, cwd } = commandOf(contender)
  const pinned = one.cores === 'apart' ? { command: 'taskset', args: ['-c', '1', command, ...args] } : { command, args }
  execFileSync('sync')
  const startedMs = Date.now()
  const child = startChild(pinned.command, pinned.args, { cwd, log: join(directory, 'said.log'), env: environmentOf({ broker, one, contender, name, input: job.input, output, directory }) })
  const sampler = new Sampler(child.pid, broker.pid)
  try {
    const { verdict, endMs } = await untilDone(job, output, child)
    sampler.stop()
    if (!verdict.equal) return { kind: 'failed', why: `the gate: expected (rows, sum, hash) ${verdict.expected}, got ${verdict.facts}; ${verdict.rows} rows written, ${verdict.fell} counts fell` }
    const inputRecords = recordsOf(one, contender.share)
    const logBytes = broker.logBytes(topic => topic.startsWith(name) && !topic.startsWith(job.input))
    return { kind: 'measured', equal: true, ...figuresOf(verdict, sampler, { warmUpShare: one.warmUpShare, inputRecords, endMs }), peakBytes: sampler.peakBytes, startToFirstRowMs: verdict.firstMs - startedMs,
      diskBytes: bytesBelow(directory), logBytesPerRecord: logBytes / inputRecords, rowsPerRecord: verdict.rows / inputRecords }
  } finally {
    sampler.stop()
    await child.end(10_000)
    rmSync(directory, { recursive: true, force: true })
  }
}

export function environmentOf({ broker, one, contender, ...at }: { readonly broker: BenchBroker, readonly one: Case, readonly contender: Contender, readonly name: string, readonly input: string, readonly output: string, readonly directory: string }): Record<string, string> {
  return {
    BENCH_BOOTSTRAP: broker.bootstrap, BENCH_JOB: one.job, BENCH_INPUT: at.input, BENCH_OUTPUT: at.output, BENCH_TABLE: tableName(one), BENCH_NAME: at.name, BENCH_DIRECTORY: at.directory,
    BENCH_PARTITIONS: String(one.partitions), BENCH_THREADS: String(one.threads), BENCH_COMMIT_MS: String(one.commitMs), BENCH_COMPRESSION: one.compression, BENCH_GUARANTEE: one.guarantee,
    BENCH_GRACE_MS: String(one.finalGraceMs), BENCH_STATE: contender.state, BENCH_EMISSION: contender.emission, SPARK_LOCAL_IP: '127.0.0.1',
  }
}

/** D3: reads once what the job writes has been still for a while; again, if there is not everything yet. `endMs`: of an open input, when the job last wrote before it was closed. */
async function untilDone(job: Job, output: string, child: Child): Promise<{ readonly verdict: Verdict, readonly endMs: number | undefined }> {
  const { setup, one, contender } = job
  const stillMs = 2_000 + 2 * one.commitMs
  let [last, changedMs, sum, endMs]: [string, number, number, number | undefined] = ['', Date.now(), -1, undefined]
  for (;;) {
    if (!child.isAlive()) throw new Error(`it ended:\n${child.lastWords()}`)
    const { text, isStable } = await stateOf(job, output)
    if (text !== last) changedMs = Date.now()
    last = text
    const still = Date.now() - changedMs
    if (isStable && still > stillMs) {
      if (job.isOpen && endMs === undefined) {
        endMs = changedMs
        await job.close()
        changedMs = Date.now()
        continue
      }
      const verdict = await read('verify', setup, one, output, contender.share)
      if (verdict.equal || verdict.sum > sumOf(verdict.expected) || still > setup.patienceMs) return { verdict, endMs }
      if (verdict.sum !== sum) changedMs = Date.now()
      sum = verdict.sum
      await sleep(stillMs)
    }
    if (still > setup.patienceMs) throw new Error(`nothing was written for ${Math.round(still / 1_000)} s:\n${child.lastWords()}`)
    await sleep(POLL_MS)
  }
}

/** How far the output is; of an open input, how far everything is that the job writes: where its grace is longer than the input, all rows come after the closing events. */
async function stateOf({ one, admin, name, input, isOpen }: Job, output: string): Promise<{ readonly text: string, readonly isStable: boolean }> {
  const partitions = Array.from({ length: one.partitions }, (_, partition) => ({ topic: output, partition }))
  const others = isOpen ? (await admin.listTopics()).filter(topic => topic.startsWith(name) && topic !== output && !topic.startsWith(input)) : []
  const described = others.length === 0 ? [] : await admin.describeTopics(others)
  const more = described.flatMap(({ name: topic, partitions: of }) => of.map((_, partition) => ({ topic, partition })))
  const [stable, high] = await Promise.all([admin.listOffsets(partitions, 'latest', { isolation: 'read_committed' }), admin.listOffsets([...partitions, ...more], 'latest')])
  return {
    text: `${stable.map(({ offset }) => offset).join()} ${high.map(({ offset }) => offset).join()}`,
    isStable: stable.every(({ topic, partition, offset }) => high.some(other => other.topic === topic && other.partition === partition && other.offset === offset)) && (isOpen ? high : stable).some(({ offset }) => offset > 0),
  }
}

/** Blocks that the files take: state files may have holes. What goes while it is looked at counts nothing. */
function bytesBelow(directory: string): number {
  return readdirSync(directory, { recursive: true }).reduce((sum, name) => sum + (statSync(join(directory, String(name)), { throwIfNoEntry: false })?.blocks ?? 0) * 512, 0)
}

/** The second of the facts: rows, sum, hash. */
function sumOf(facts: string): number {
  return Number(facts.split(' ')[1])
}

/** D1 and D4, from the reader's progress and the samples. */
export function figuresOf(verdict: Pick<Verdict, 'progress' | 'sum' | 'lastMs'>, sampler: Pick<Sampler, 'between'>, of: { readonly warmUpShare: number, readonly inputRecords: number, readonly endMs?: number | undefined }) {
  const { sum } = verdict
  const progress = of.endMs === undefined ? verdict.progress : verdict.progress.filter(([atMs]) => atMs <= (of.endMs ?? 0))
  const lastMs = of.endMs ?? verdict.lastMs
  const [fromMs, before] = progress.find(([, soFar]) => soFar >= of.warmUpShare * sum) ?? [lastMs, sum]
  const windowMs = lastMs - fromMs
  // `rekey` keeps a share of the events, which is the same all over the input: what was kept stands for what was read.
  const windowRecords = Math.round(((progress.at(-1)?.[1] ?? before) - before) / sum * of.inputRecords)
  const { jobUs, brokerUs } = sampler.between(fromMs, lastMs)
  return {
    windowMs, windowRecords, windowTooShort: windowMs < WINDOW_MS_MIN || progress.filter(([atMs]) => atMs > fromMs).length < MOMENTS_MIN,
    recordsPerSecond: Math.round(windowRecords / windowMs * 1_000), jobUsPerRecord: jobUs / windowRecords, brokerUsPerRecord: brokerUs / windowRecords,
  }
}
