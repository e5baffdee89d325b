/** Where the matrix of compatibility is kept, and how it is read. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/need.ts'
import { CLIENTS } from './clients.ts'
import type { Sources } from './manifest-check.ts'
import type { Recorded, Run } from './results.ts'

export const PAGE = join(ROOT, 'docs', 'COMPATIBILITY.md')
export const RESULTS = join(ROOT, 'test', 'compatibility', 'results.json')

export const sources: Sources = file => existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : undefined
// Both are as their writers' types say: scripts/compatibility.ts and scripts/test.ts.
export const readResults = (): Recorded => JSON.parse(readFileSync(RESULTS, 'utf8')) as Recorded
export const readRun = (file: string): Run => {
  const run = JSON.parse(readFileSync(file, 'utf8')) as Run
  if (run.format !== 1) throw new Error(`${file}: results of format ${String(run.format)}; this reads 1`)
  return run
}

/** The files whose results are kept. */
export const FILES: ReadonlySet<string> = new Set(Object.values(CLIENTS).flat().flatMap(row => row.kind === 'tested' ? row.tests.map(({ file }) => file) : []))
