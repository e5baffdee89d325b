/** The gates of the reference on serenade-toy through the real topology: what the tests in test/real/shop share. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Quality } from '../../demo/recommender/evaluate/metrics.ts'
import { replay, type ReplayOptions, type ReplayReport } from '../../demo/recommender/replay.ts'
import { DATA } from './need.ts'

const TOY = join(DATA, 'serenade-toy')
export const withToy = { skip: existsSync(TOY) ? false : `no data at ${TOY}`, timeout: 880_000 }
/** Long slices: what is learned does not depend on them, and the gates are about the last day, which is sent event by event. */
const DAY_MS = 86_400_000

export async function reportOf(options: Partial<ReplayOptions>, say: (text: string) => void): Promise<ReplayReport> {
  const { report, text } = await replay({
    path: TOY, format: 'serenade', bootstrap: undefined, partitions: 1, signal: new AbortController().signal, sliceMs: DAY_MS, progress: () => {}, ...options,
  })
  for (const line of text.split('\n')) say(line)
  assert.equal(report.events, 116_285)
  assert.equal(report.skipped, 0)
  return report
}

export function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} should be ${expected} ± ${tolerance}`)
}

export function frozenGate(cooc: Quality | undefined): void {
  assert.equal(cooc?.n, 931)
  near(cooc.hr20, 0.684, 0.005, 'HR@20 of Cooc')
  near(cooc.mrr20, 0.344, 0.005, 'MRR@20 of Cooc')
}
