/**
 * One round: one contender does a case's job over its input, from a cold start, and is judged.
 *
 * D1. The clock is the broker's: the time at which committed output rows were appended (LogAppendTime), read afterwards by the one independent reader. The window
 *     begins with the row that accounts for the end of the warm-up's share of the input, and ends with the last row; start-up, warm-up and the wait for the last
 *     commit are outside of it.
 * D2. A round counts only if the gate holds: every input record is accounted for, none twice, and the results are those of the plain computation.
 * D3. While it runs nobody reads the output: its end is found by asking the broker for the last stable offsets, five times a second.
 * D4. Of a window in which rows came at fewer than `MOMENTS_MIN` moments, or shorter than `WINDOW_MS_MIN`, throughput is not said (`windowTooShort`).
 */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Admin, Cluster, realEnv } from 'millrace/client'
import type { BenchBroker } from './broker.ts'
import { type Case, recordsOf } from './case.ts'
import { type Child, startChild } from './child.ts'
import type { Contender } from './contenders.ts'
import { inputName } from './input.ts'
import { SCRATCH } from './places.ts'
import { commandOf, readerCommand } from './programs.ts'
import { Sampler } from './usage.ts'

const POLL_MS = 200
const MOMENTS_MIN = 5
const WINDOW_MS_MIN = 1_000

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
      readonly startToFirstRowMs: number }
  | { readonly kind: 'failed', readonly why: string })

export interface Setup {
  readonly broker: BenchBroker
  readonly runId: string
  /** Longest wait for new output. */
  readonly patienceMs: number
}

/** The expected result of a job over an input, computed once by the reader and kept in a file. */
export async function expect(setup: Setup, one: Case, share: number): Promise<Verdict> {
  return read('expect', setup, one, inputName(one, share), share)
}

function expectedFile(one: Case, share: number): string {
  return join(SCRATCH, `expected-${one.job}-${inputName(one, share)}`)
}

async function read(mode: 'expect' | 'verify', { broker }: Setup, one: Case, topic: string, share: number): Promise<Verdict> {
  const { command, args, cwd } = readerCommand()
  const { stdout } = await promisify(execFile)(command, [...args, mode, broker.bootstrap, one.job, topic, expectedFile(one, share)], { cwd, maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout) as Verdict // As Reader.java prints it.
}

export async function runRound(setup: Setup, one: Case, contender: Contender, index: number): Promise<Round> {
  const head = { index, at: new Date().toISOString(), load: loadavg()[0] ?? 0, inputRecords: recordsOf(one, contender.share) }
  const name = `b${setup.runId}-${one.id}-${contender.name}-${index}`
  const cluster = await Cluster.connect(realEnv, { bootstrap: setup.broker.bootstrap, clientId: 'bench' })
  const admin = new Admin(cluster)
  try {
    return { ...head, ...await measured(setup, one, contender, { name, admin }) }
  } catch (error) {
    return { ...head, kind: 'failed', why: (error instanceof Error ? error.message : String(error)).slice(0, 4_000) }
  } finally {
    const left = (await admin.listTopics()).filter(topic => topic.startsWith(name))
    if (left.length > 0) await admin.deleteTopics(left)
    await cluster.close()
  }
}

type Measured = Omit<Extract<Round, { kind: 'measured' }>, 'index' | 'at' | 'load' | 'inputRecords'> | Omit<Extract<Round, { kind: 'failed' }>, 'index' | 'at' | 'load' | 'inputRecords'>

async function measured(setup: Setup, one: Case, contender: Contender, { name, admin }: { readonly name: string, readonly admin: Admin }): Promise<Measured> {
  const { broker } = setup
  const directory = join(SCRATCH, name)
  const output = `${name}.out`
  mkdirSync(directory, { recursive: true })
  await admin.createTopics([{ name: output, partitions: one.partitions, replicas: 1, configs: { 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '-1' } }])
  const { command, args, cwd } = commandOf(contender)
  const pinned = one.cores === 'apart' ? { command: 'taskset', args: ['-c', '1', command, ...args] } : { command, args }
  const startedMs = Date.now()
  const child = startChild(pinned.command, pinned.args, { cwd, log: join(directory, 'said.log'), env: environmentOf(one, contender, { name, output, directory, bootstrap: broker.bootstrap }) })
  const sampler = new Sampler(child.pid, broker.pid)
  try {
    const verdict = await untilDone({ setup, one, contender, admin, output, child })
    sampler.stop()
    if (!verdict.equal) return { kind: 'failed', why: `the gate: expected (rows, sum, hash) ${verdict.expected}, got ${verdict.facts}; ${verdict.rows} rows written, ${verdict.fell} counts fell` }
    const logBytes = broker.logBytes(topic => topic.startsWith(name))
    return { kind: 'measured', equal: true, ...figuresOf(verdict, sampler, { warmUpShare: one.warmUpShare, inputRecords: recordsOf(one, contender.share) }), peakBytes: sampler.peakBytes, startToFirstRowMs: verdict.firstMs - startedMs,
      logBytesPerRecord: logBytes / recordsOf(one, contender.share), rowsPerRecord: verdict.rows / recordsOf(one, contender.share) }
  } finally {
    sampler.stop()
    await child.end(10_000)
    rmSync(directory, { recursive: true, force: true })
  }
}

function environmentOf(one: Case, contender: Contender, at: { readonly name: string, readonly output: string, readonly directory: string, readonly bootstrap: string }): Record<string, string> {
  return {
    BENCH_BOOTSTRAP: at.bootstrap, BENCH_JOB: one.job, BENCH_INPUT: inputName(one, contender.share), BENCH_OUTPUT: at.output, BENCH_NAME: at.name, BENCH_DIRECTORY: at.directory,
    BENCH_PARTITIONS: String(one.partitions), BENCH_THREADS: String(one.threads), BENCH_COMMIT_MS: String(one.commitMs), BENCH_COMPRESSION: one.compression, BENCH_GUARANTEE: one.guarantee,
    BENCH_STATE: contender.state, SPARK_LOCAL_IP: '127.0.0.1',
  }
}

interface Running { readonly setup: Setup, readonly one: Case, readonly contender: Contender, readonly admin: Admin, readonly output: string, readonly child: Child }

/** D3: reads once the output has been still for a while; again, if there is not everything yet. */
async function untilDone({ setup, one, contender, admin, output, child }: Running): Promise<Verdict> {
  const partitions = Array.from({ length: one.partitions }, (_, partition) => ({ topic: output, partition }))
  const stillMs = 2_500 + 2 * one.commitMs
  let last = ''
  let changedMs = Date.now()
  let sum = -1
  for (;;) {
    if (!child.isAlive()) throw new Error(`it ended:\n${child.lastWords()}`)
    const [stable, high] = await Promise.all([admin.listOffsets(partitions, 'latest', { isolation: 'read_committed' }), admin.listOffsets(partitions, 'latest')])
    const now = `${stable.map(({ offset }) => offset).join()} ${high.map(({ offset }) => offset).join()}`
    if (now !== last) changedMs = Date.now()
    last = now
    const isStable = stable.every(({ offset }, index) => offset === high[index]?.offset) && stable.some(({ offset }) => offset > 0)
    const still = Date.now() - changedMs
    if (isStable && still > stillMs) {
      const verdict = await read('verify', setup, one, output, contender.share)
      if (verdict.equal || verdict.sum > sumOf(verdict.expected) || still > setup.patienceMs) return verdict
      if (verdict.sum !== sum) changedMs = Date.now()
      sum = verdict.sum
      await sleep(stillMs)
    }
    if (still > setup.patienceMs) throw new Error(`nothing was written for ${Math.round(still / 1_000)} s:\n${child.lastWords()}`)
    await sleep(POLL_MS)
  }
}

/** The second of the facts: rows, sum, hash. */
function sumOf(facts: string): number {
  return Number(facts.split(' ')[1])
}

/** D1 and D4, from the reader's progress and the samples. */
export function figuresOf(verdict: Pick<Verdict, 'progress' | 'sum' | 'lastMs'>, sampler: Pick<Sampler, 'between'>, of: { readonly warmUpShare: number, readonly inputRecords: number }) {
  const { progress, sum, lastMs } = verdict
  const [fromMs, before] = progress.find(([, soFar]) => soFar >= of.warmUpShare * sum) ?? [lastMs, sum]
  const windowMs = lastMs - fromMs
  // `rekey` keeps a share of the events, which is the same all over the input: what was kept stands for what was read.
  const windowRecords = Math.round((sum - before) / sum * of.inputRecords)
  const { jobUs, brokerUs } = sampler.between(fromMs, lastMs)
  return {
    windowMs, windowRecords, windowTooShort: windowMs < WINDOW_MS_MIN || progress.filter(([atMs]) => atMs > fromMs).length < MOMENTS_MIN,
    recordsPerSecond: Math.round(windowRecords / windowMs * 1_000), jobUsPerRecord: jobUs / windowRecords, brokerUsPerRecord: brokerUs / windowRecords,
  }
}
