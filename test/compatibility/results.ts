/**
 * Results of test runs, as `scripts/test.ts --results=FILE` writes them, and what is kept of them for docs/COMPATIBILITY.md.
 *
 * C1. A file's results come from one run, whole: a later run of the file replaces all of them, and a test that it did not report is missing, not green.
 * C2. A run of an older date replaces nothing.
 */
export type Outcome = 'passed' | 'failed' | 'skipped'

export interface TestResult {
  /** From the repository's root, with `.ts`. */
  readonly file: string
  /** Null where the file failed as a whole: before its tests, between or after them. */
  readonly name: string | null
  readonly outcome: Outcome
  readonly ms: number
}

export interface Run {
  readonly format: 1
  /** Short. */
  readonly commit: string
  /** The checkout was not that of the commit. */
  readonly changed: boolean
  /** ISO 8601, of the run's start. */
  readonly date: string
  readonly node: string
  /** All files that were to run, whatever became of them. */
  readonly files: readonly string[]
  readonly tests: readonly TestResult[]
}

export interface FileResults extends Omit<Run, 'format' | 'files' | 'tests'> {
  readonly tests: readonly Omit<TestResult, 'file'>[]
}

/** By file. */
export type Recorded = Readonly<Record<string, FileResults>>

/** What is recorded when `run`, of the files that `wanted` names alone, has been added; in order of file names. What was recorded before stays. */
export function withRun(recorded: Recorded, run: Run, wanted: ReadonlySet<string>): Recorded {
  const { commit, changed, date, node } = run
  const files = new Map(Object.entries(recorded))
  for (const file of run.files) {
    const before = files.get(file)
    if (!wanted.has(file) || (before !== undefined && before.date > date)) continue
    files.set(file, { commit, changed, date, node, tests: run.tests.filter(test => test.file === file).map(({ name, outcome, ms }) => ({ name, outcome, ms })) })
  }
  return Object.fromEntries([...files].sort(([one], [other]) => one < other ? -1 : 1))
}

/** What became of one test: the worst that was reported by its name. */
export function outcomeOf(recorded: Recorded, file: string, name: string): Outcome | 'missing' | 'not run' {
  const results = recorded[file]
  if (results === undefined) return 'not run'
  if (results.tests.some(test => test.name === null && test.outcome === 'failed')) return 'failed'
  const found = results.tests.filter(test => test.name === name).map(test => test.outcome)
  return (['failed', 'skipped', 'passed'] as const).find(outcome => found.includes(outcome)) ?? 'missing'
}
