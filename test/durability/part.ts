/**
 * One part of the durability programme as a process: `part.js NAME COUNT SEED SECONDS`. Prints its account as one line of JSON at the end;
 * exit code 1 where anything was lost, doubled, out of order or broken.
 */
import { loadCompression } from '../../src/wire/compression.ts'
import { damageFiles } from './every-file.ts'
import { fullDisk } from './full-disk.ts'
import { killsAtCalls, powerCuts, powerCutsImpossible, randomKills } from './real.ts'
import { baseline, mutate, simulatedCuts } from './simulated.ts'
import type { Outcome } from './simulated.ts'

/** Every call that changes a file or makes it durable. */
const CALLS = ['pwrite64', 'fdatasync', 'fsync', 'rename', 'ftruncate', 'unlink', 'mkdir']
const CUTS_OF_A_MACHINE = 20
const MUTATIONS_OF_A_DIRECTORY = 500

export interface Account {
  readonly part: string
  readonly count: number
  readonly seconds: number
  readonly wrong: readonly string[]
  /** Figures by name, for the report. */
  readonly figures: Readonly<Record<string, number>>
  /** Why it was not run. */
  readonly skipped?: string | undefined
}

const [part = '', count = '0', seedText = '1', seconds = '600'] = process.argv.slice(2)
const options = { seed: Number(seedText), deaths: Number(count), secondsMax: Number(seconds), say: (line: string): void => void process.stderr.write(`${line}\n`) }
const began = performance.now()
const elapsed = (): number => (performance.now() - began) / 1000
const PARTS: Readonly<Record<string, () => Promise<Omit<Account, 'part' | 'seconds'>>>> = { kills, calls, power, simulated, mutations, files, full }

await loadCompression()
const run = PARTS[part]
if (run === undefined) throw new Error(`a part is one of ${Object.keys(PARTS).join(', ')}`)
const account: Account = { part, ...await run(), seconds: Math.round(elapsed()) }
process.stdout.write(`${JSON.stringify(account)}\n`, () => process.exit(account.wrong.length > 0 ? 1 : 0))

async function kills(): Promise<Omit<Account, 'part' | 'seconds'>> {
  const { deaths, records, transactions, wrong } = await randomKills(options)
  return { count: deaths, wrong, figures: { records, transactions } }
}

async function calls(): Promise<Omit<Account, 'part' | 'seconds'>> {
  const { deaths, records, transactions, wrong, byCall, complete } = await killsAtCalls({ ...options, calls: CALLS })
  return { count: deaths, wrong, figures: { ...byCall, records, transactions, complete: complete ? 1 : 0 } }
}

async function power(): Promise<Omit<Account, 'part' | 'seconds'>> {
  const skipped = powerCutsImpossible()
  if (skipped !== undefined) return { count: 0, wrong: [], figures: {}, skipped }
  const { deaths, records, transactions, wrong } = await powerCuts(options)
  return { count: deaths, wrong, figures: { records, transactions } }
}

async function simulated(): Promise<Omit<Account, 'part' | 'seconds'>> {
  let powerCutCount = 0
  let killCount = 0
  let records = 0
  let transactions = 0
  const wrong: string[] = []
  for (let machine = 0; powerCutCount < options.deaths && elapsed() < options.secondsMax && wrong.length === 0; machine++) {
    const cuts = await simulatedCuts(options.seed * 10_000 + machine, Math.min(CUTS_OF_A_MACHINE, options.deaths))
    powerCutCount += cuts.powerCuts
    killCount += cuts.kills
    records += cuts.records
    transactions += cuts.transactions
    wrong.push(...cuts.wrong)
  }
  return { count: powerCutCount, wrong, figures: { kills: killCount, records, transactions } }
}

async function mutations(): Promise<Omit<Account, 'part' | 'seconds'>> {
  const figures: Record<Outcome, number> = { unharmed: 0, refused: 0, reported: 0, 'found by the reader': 0, silent: 0, broken: 0 }
  const wrong: string[] = []
  let done = 0
  let base = await baseline(options.seed, true)
  for (; done < options.deaths && elapsed() < options.secondsMax; done++) {
    const round = Math.floor(done / MUTATIONS_OF_A_DIRECTORY)
    if (done > 0 && done % MUTATIONS_OF_A_DIRECTORY === 0) base = await baseline(options.seed + round, round % 2 === 0)
    const seed = options.seed * 1_000_000 + done
    const { outcome, what, why } = await mutate(base, seed)
    figures[outcome] += 1
    if (outcome === 'silent' || outcome === 'broken' || outcome === 'reported') wrong.push(`${outcome}: directory ${options.seed + round}, mutation ${seed}: ${what}: ${why.slice(0, 600)}`)
    if (done % 1000 === 999) options.say(`mutations: ${done + 1} ${JSON.stringify(figures)}`)
    if (wrong.length > 20) break
  }
  return { count: done, wrong, figures }
}

async function files(): Promise<Omit<Account, 'part' | 'seconds'>> {
  const { count: done, outcomes, examples } = await damageFiles({ count: options.deaths, seed: options.seed, secondsMax: options.secondsMax })
  return { count: done, wrong: examples, figures: outcomes }
}

async function full(): Promise<Omit<Account, 'part' | 'seconds'>> {
  const skipped = powerCutsImpossible()
  return skipped === undefined ? fullDisk() : { count: 0, wrong: [], figures: {}, skipped }
}
