/**
 * `npm run bench`: Millrace and its rivals, the same jobs over the same input on Apache Kafka, in interleaved rounds.
 *
 *   npm run bench -- [--quick | --headline] [--latency] [--name NAME] [--cases id,id] [--contenders name,name] [--engines Flink,…] [--rounds 5] [--records N] [--minutes M] [--smoke] [--resume FILE.json] [--list]
 *
 * M1. Rounds are interleaved: every contender of a case has its first round before any has its second (ABAB).
 * M2. Each round is written as it ends. `--resume` goes on with what is missing: rounds that failed run again, once.
 * M3. `--minutes`: no round begins after they have passed. The cases most asked for come first, and rounds are interleaved, so an ended run is a comparison of what it has.
 * M5. A headline run goes through all its cases in each round, so that one ended early compares the same in each.
 * M6. Before the first round the first contender does its job once: a broker's code is compiled by its first rounds, which would be those of whoever comes first.
 * M4. A round that fails is written down and the run goes on; so does a case that cannot be set up.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type BenchBroker, startBroker } from './broker.ts'
import { type Case, FULL, HEADLINE, QUICK, shortened } from './case.ts'
import { contenders, type Contender } from './contenders.ts'
import { writeDocument } from './document.ts'
import { latencyRound, PLANS } from './latency.ts'
import { BENCH_DIST, SCRATCH } from './places.ts'
import { commandOf, kafkaClasspath, readerCommand } from './programs.ts'
import { newResults, pathOf, latencyRoundsOf, readResults, type Results, roundsOf, writeText } from './results.ts'
import { expect, prepare, recordsDue, type Round, runRound } from './round.ts'
import { pageOf } from './tables.ts'

const { values } = parseArgs({ options: {
  quick: { type: 'boolean', default: false }, headline: { type: 'boolean', default: false }, latency: { type: 'boolean', default: false }, rates: { type: 'string' }, smoke: { type: 'boolean', default: false }, list: { type: 'boolean', default: false }, name: { type: 'string' }, cases: { type: 'string' },
  contenders: { type: 'string' }, engines: { type: 'string' }, rounds: { type: 'string' }, records: { type: 'string' }, minutes: { type: 'string' }, resume: { type: 'string' }, patience: { type: 'string', default: '60' },
} })
/** Above this the machine does something else too. */
const QUIET_LOAD_MAX = 1

const cases = chosen(values.headline ? HEADLINE : values.quick ? QUICK : FULL, values.cases, one => one.id)
  .map((one): Case => values.records === undefined ? one : shortened(one, Number(values.records)))
const running = chosen(contenders(BENCH_DIST), values.contenders, one => one.name)
  .filter(one => values.engines === undefined || values.engines.split(',').includes(one.engine))
  .filter(({ headline }) => !values.headline || headline !== undefined).map(one => ({ ...one, share: values.headline ? one.headline ?? one.share : one.share }))
  .filter(one => !values.quick || values.contenders !== undefined || cases.some(({ job }) => one.quick.includes(job)))
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))

if (values.list) {
  for (const one of cases) console.log(`${one.id}: ${contendersOf(one).map(({ name }) => name).join(' ')}`)
} else await main()

function chosen<T>(all: readonly T[], names: string | undefined, nameOf: (one: T) => string): readonly T[] {
  if (names === undefined) return all
  return names.split(',').map(name => {
    const found = all.find(one => nameOf(one) === name)
    if (found === undefined) throw new Error(`There is no '${name}'; there are ${all.map(nameOf).join(', ')}`)
    return found
  })
}

function contendersOf(one: Case): readonly Contender[] {
  return running.filter(({ jobs, quick }) => (values.quick && values.contenders === undefined ? quick : jobs).includes(one.job))
}

async function main(): Promise<void> {
  const startedMs = Date.now()
  const load = loadavg()[0] ?? 0
  const kind = values.smoke ? 'smoke' : values.headline ? 'headline' : values.quick ? 'quick' : 'full'
  const results = values.resume === undefined ? newResults(values.name ?? (values.latency ? `${kind}-latency` : kind), kind, rounds) : readResults(values.resume)
  if (load > QUIET_LOAD_MAX && kind !== 'smoke') console.log(`The load is ${load.toFixed(1)}: this machine does other work, and figures of this run are not to be shown (--smoke says so in the results).`)
  rmSync(SCRATCH, { recursive: true, force: true })
  mkdirSync(SCRATCH, { recursive: true })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  process.on('exit', () => rmSync(SCRATCH, { recursive: true, force: true }))
  // What is missing is said before an hour is spent.
  readerCommand()
  for (const contender of running) commandOf(contender)
  const broker = await startBroker(join(SCRATCH, 'kafka'), kafkaClasspath())
  try {
    await warmUp(broker)
    if (values.latency) await runLatency(results, broker, startedMs)
    // M5.
    else for (const [one, rounds] of values.headline ? Array.from({ length: results.roundsWanted }, (_, index) => cases.map(one => [one, [index]] as const)).flat() : cases.map(one => [one, Array.from({ length: results.roundsWanted }, (_, index) => index)] as const)) {
      try {
        await runCase(results, one, broker, startedMs, rounds)
      } catch (error) {
        process.exitCode = 1
        console.error(`${one.id} cannot be run:`, error)
      }
    }
  } finally {
    await broker.stop()
  }
  if (results.kind === 'full' || results.kind === 'headline') writeDocument()
  console.log(`${((Date.now() - startedMs) / 1_000).toFixed(0)} s; ${pathOf(results, 'md')}`)
  if (results.cases.some(({ contenders }) => contenders.some(({ rounds }) => rounds.some(({ kind }) => kind === 'failed')))) process.exitCode = 1
}

/** M6. */
async function warmUp(broker: BenchBroker): Promise<void> {
  const [one] = values.latency ? FULL : cases
  const [contender] = one === undefined ? [] : contendersOf(one)
  if (one === undefined || contender === undefined) return
  await prepare(broker.bootstrap, one, contender.share)
  const setup = { broker, runId: 'warm-up', patienceMs: Number(values.patience) * 1_000 }
  await expect(setup, one, contender.share)
  console.log(`${one.id.padEnd(24)} ${contender.name.padEnd(24)} warm-up  ${textOf(await runRound(setup, one, contender, 0))}`)
}

/** Every contender of a rate has its first round before any has its second. */
async function runLatency(results: Results, broker: BenchBroker, startedMs: number): Promise<void> {
  const [one] = FULL
  if (one === undefined) return
  const wanted = contendersOf(one).filter(({ share }) => share === 1 || values.contenders !== undefined || values.engines !== undefined)
  for (const plan of PLANS.filter(({ perSecond }) => values.rates === undefined || values.rates.split(',').includes(String(perSecond)))) {
    for (let index = 0; index < results.roundsWanted; index++) {
      for (const contender of wanted) {
        const done = latencyRoundsOf(results, plan, contender)
        if (done.some(round => round.index === index && round.kind === 'measured')) continue
        if (values.minutes !== undefined && Date.now() - startedMs > Number(values.minutes) * 60_000) return
        const name = `l${Math.floor(startedMs / 1_000).toString(36)}-${plan.perSecond}-${plan.commitMs}-${contender.name}-${index}`
        const round = await latencyRound({ broker, one, contender, plan, name, index })
        done.push(round)
        console.log(`${String(plan.perSecond).padStart(7)}/s, commit ${plan.commitMs} ms  ${contender.name.padEnd(24)} round ${index + 1}  ${round.kind === 'failed' ? `does not count: ${round.why}` : `p50 ${round.p50} p90 ${round.p90} p99 ${round.p99} max ${round.max} ms${round.keptUp ? '' : ', fell behind'}, load ${round.load.toFixed(1)}`}`)
        save(results)
      }
    }
  }
}

function save(results: Results): void {
  writeText(pathOf(results, 'json'), `${JSON.stringify(results, undefined, 1)}\n`)
  writeText(pathOf(results, 'md'), pageOf(results))
}

async function runCase(results: Results, one: Case, broker: BenchBroker, startedMs: number, rounds: readonly number[]): Promise<void> {
  const wanted = contendersOf(one)
  const setup = { broker, runId: Math.floor(startedMs / 1_000).toString(36), patienceMs: Number(values.patience) * 1_000 }
  // Broker threads that are there keep to it, and those they start.
  execFileSync('taskset', ['-acp', one.cores === 'apart' ? '0' : `0-${Number(results.machine['cores']) - 1}`, String(broker.pid)], { stdio: 'ignore' })
  const isLate = (): boolean => values.minutes !== undefined && Date.now() - startedMs > Number(values.minutes) * 60_000
  const shares = new Set<number>()
  for (const index of rounds) {
    for (const contender of wanted) {
      const done = roundsOf(results, one, contender)
      const before = done.findIndex(round => round.index === index)
      if (before !== -1 && (done[before]?.kind === 'measured' || values.resume === undefined)) continue
      if (isLate()) return
      if (!shares.has(contender.share)) {
        await prepare(broker.bootstrap, one, contender.share)
        const { records } = await expect(setup, one, contender.share)
        const due = recordsDue(one, contender.share)
        if (records !== due) throw new Error(`the input has ${records} records, not ${due}`)
        shares.add(contender.share)
      }
      const round = await runRound(setup, one, contender, index)
      if (before === -1) done.push(round)
      else done[before] = round
      console.log(`${one.id.padEnd(24)} ${contender.name.padEnd(24)} round ${index + 1}  ${textOf(round)}`)
      save(results)
    }
  }
}

function textOf(round: Round): string {
  if (round.kind === 'failed') return `does not count: ${round.why}`
  if (round.windowRecords === 0) return `equal; no window: every row came after the closing events, ${(round.peakBytes / 2 ** 20).toFixed(0)} MiB, load ${round.load.toFixed(1)}`
  return `${round.windowTooShort ? 'window too short, ' : ''}${(round.recordsPerSecond / 1_000).toFixed(0)}k/s over ${(round.windowMs / 1_000).toFixed(1)} s, CPU µs ${round.jobUsPerRecord.toFixed(2)} + ${round.brokerUsPerRecord.toFixed(2)}, ${(round.peakBytes / 2 ** 20).toFixed(0)} MiB, load ${round.load.toFixed(1)}`
}
