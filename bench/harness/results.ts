/**
 * The results of a run: one JSON file with everything, and one page made from it. Written after each round, so that an ended run is kept and can be gone on with.
 *
 *   bench/results/<date>-<name>.json     format 1: commit, machine, settings, every round
 *   bench/results/<date>-<name>.md       the same as tables
 *
 * F1. The commit is the checkout's; `dirty` says that files differed from it.
 * F2. A smoke run is one on a machine that did other work, or too short: its figures are never shown in docs/benchmarks.md.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { BROKER_SETTINGS } from './broker.ts'
import type { Case } from './case.ts'
import type { Contender, League } from './contenders.ts'
import { RESULTS, ROOT } from './places.ts'
import type { LatencyPlan, LatencyRound } from './latency.ts'
import type { Round } from './round.ts'

export interface ContenderResults {
  readonly name: string
  readonly title: string
  readonly engine: Contender['engine']
  readonly league: League
  readonly emission: Contender['emission']
  readonly state: Contender['state']
  readonly share: number
  readonly rounds: Round[]
}

export interface CaseResults { readonly case: Case, readonly contenders: ContenderResults[] }

export interface LatencyResults { readonly plan: LatencyPlan, readonly contender: string, readonly title: string, readonly league: League, readonly rounds: LatencyRound[] }

export interface Results {
  readonly format: 1
  readonly name: string
  readonly date: string
  /** `headline`: a full run of the cases and contenders most asked for. */
  readonly kind: 'full' | 'headline' | 'quick' | 'smoke'
  readonly commit: string
  readonly dirty: boolean
  readonly machine: Readonly<Record<string, string>>
  readonly broker: Readonly<Record<string, string>>
  readonly roundsWanted: number
  readonly cases: CaseResults[]
  readonly latency: LatencyResults[]
}

export function newResults(name: string, kind: Results['kind'], roundsWanted: number): Results {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  const java = execFileSync('java', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '?'
  return {
    format: 1, name, kind, roundsWanted, date: new Date().toISOString().slice(0, 10), commit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain') !== '',
    machine: {
      processor: cpus()[0]?.model ?? '?', cores: String(availableParallelism()), memory: `${Math.round(totalmem() / 2 ** 30)} GiB`, kernel: release(), node: process.version, java,
    },
    broker: { version: 'Apache Kafka 4.1, one broker, KRaft, -Xmx1g -XX:+UseG1GC', ...BROKER_SETTINGS }, cases: [], latency: [],
  }
}

export function pathOf(results: Pick<Results, 'date' | 'name'>, ending: 'json' | 'md'): string {
  return join(RESULTS, `${results.date}-${results.name}.${ending}`)
}

export function readResults(path: string): Results {
  const results = JSON.parse(readFileSync(path, 'utf8')) as Results // As `writeText` wrote it; the format says so.
  if (results.format !== 1) throw new Error(`${path} is no results file of this version`)
  return results
}

/** In one step, so that an end in the middle leaves the one before. */
export function writeText(path: string, text: string): void {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${path}.part`, text)
  renameSync(`${path}.part`, path)
}

/** All of this format, oldest first: by date, then by name. */
export function allResults(folder = RESULTS): Results[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter(name => name.endsWith('.json')).sort().map(name => readResults(join(folder, name)))
}

/** The newest of each name that may be shown. */
export function shownResults(all: readonly Results[] = allResults()): Results[] {
  return [...new Map(all.filter(({ kind }) => kind === 'full' || kind === 'headline').map(results => [results.name, results])).values()]
}

/** Where the rounds of a contender go; made where there are none. */
export function roundsOf(results: Results, one: Case, contender: Contender): Round[] {
  let into = results.cases.find(each => each.case.id === one.id)
  if (into === undefined) results.cases.push(into = { case: one, contenders: [] })
  let rounds = into.contenders.find(each => each.name === contender.name)
  if (rounds === undefined) {
    const { name, title, engine, league, emission, state, share } = contender
    into.contenders.push(rounds = { name, title, engine, league, emission, state, share, rounds: [] })
  }
  return rounds.rounds
}

export function latencyRoundsOf(results: Results, plan: LatencyPlan, { name, title, league }: Contender): LatencyRound[] {
  let found = results.latency.find(each => each.contender === name && each.plan.perSecond === plan.perSecond && each.plan.commitMs === plan.commitMs)
  if (found === undefined) results.latency.push(found = { plan, contender: name, title, league, rounds: [] })
  return found.rounds
}
