/**
 * `node dist/test/durability/mutations-run.js [--count 20000] [--seed 1]`: damages data directories, one mutation each, and counts the outcomes.
 * Prints one line of JSON; ends with 1 where a loss was silent.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { realEnv } from '../../src/env/real/env.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { contentsOf, makeCorpora } from './corpus.ts'
import { filesOf, judge, OUTCOMES, overlayOf, randomMutation } from './mutations.ts'
import type { Outcome } from './mutations.ts'

export interface MutationsRun {
  readonly seed: number
  readonly count: number
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** By suffix of the file, how often each outcome. */
  readonly byFile: Readonly<Record<string, Readonly<Partial<Record<Outcome, number>>>>>
  readonly examples: readonly string[]
}

export async function mutationsRun(options: { readonly count: number; readonly seed: number; readonly careless?: boolean; readonly log?: (line: string) => void }): Promise<MutationsRun> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-mutations-'))
  const random = seededRandom(options.seed)
  const outcomes = Object.fromEntries(OUTCOMES.map(outcome => [outcome, 0])) as Record<Outcome, number> // One for each.
  const byFile: Record<string, Partial<Record<Outcome, number>>> = {}
  const examples: string[] = []
  try {
    const corpora = await makeCorpora(directory)
    const prepared = await Promise.all(corpora.map(async corpus => ({
      corpus, files: filesOf(realEnv.disk, corpus.directory),
      expected: await contentsOf({ ...realEnv, disk: overlayOf() }, corpus.directory),
    })))
    for (let done = 0; done < options.count; done++) {
      const one = prepared[done % prepared.length]
      if (one === undefined) break
      const mutation = randomMutation(one.corpus, one.files, random)
      const { outcome, why } = await judge(mutation, one.expected, options.careless)
      outcomes[outcome]++
      const kind = mutation.file.replace(/^.*\/\d+/, '*').replace(/^.*\//, '')
      const counts = byFile[kind] ??= {}
      counts[outcome] = (counts[outcome] ?? 0) + 1
      if (outcome === 'silent' && examples.length < 40) {
        examples.push(`${mutation.corpus.name} ${mutation.file}: ${mutation.what}: ${why}`)
        options.log?.(examples.at(-1) ?? '')
      }
      if (done % 500 === 499) options.log?.(`${done + 1} of ${options.count}: ${JSON.stringify(outcomes)}`)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return { seed: options.seed, count: options.count, outcomes, byFile, examples }
}

if (process.argv[1]?.endsWith('mutations-run.js') === true) {
  const { values } = parseArgs({ options: { count: { type: 'string', default: '20000' }, seed: { type: 'string' } } })
  const run = await mutationsRun({ count: Number(values.count), seed: values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed), log: line => console.error(line) })
  console.log(JSON.stringify(run))
  process.exit(run.outcomes.silent === 0 ? 0 : 1)
}
