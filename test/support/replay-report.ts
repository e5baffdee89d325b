/** The shape of the report of `millrace demo recommender --events … --report json`: what issue and reference promise, checked where it runs. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { millrace } from './millrace.ts'

export const MODELS = ['cooc', 'vmis', 'sequentialRules', 'recentlyViewed', 'popularity']
const PARTS = ['wholeStream', 'lastDay', 'frozenLastDay']

export type Report = Readonly<Record<string, unknown>>

export function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-report-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs the command; `more` are more of its options. */
export async function reportOf(path: string, format: string, more: readonly string[] = []): Promise<{ report: Report; stderr: string }> {
  const { exitCode, stdout, stderr } = await millrace(['demo', 'recommender', '--events', path, '--format', format, '--report', 'json', ...more])
  assert.equal(exitCode, 0, stderr)
  assert.equal(stdout.trimEnd().split('\n').length, 1, 'one object, on one line')
  const report: unknown = JSON.parse(stdout)
  return { report: objectOf(report), stderr }
}

export function objectOf(value: unknown): Report {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `an object: ${JSON.stringify(value)}`)
  return Object.fromEntries(Object.entries(value))
}

function numbersOf(value: unknown, names: readonly string[]): number[] {
  const fields = objectOf(value)
  assert.deepEqual(Object.keys(fields).sort(), [...names].sort())
  return names.map(name => {
    const number = fields[name]
    assert.ok(typeof number === 'number' && Number.isFinite(number) && number >= 0, `${name}: ${String(number)}`)
    return number
  })
}

/** Everything that issue and reference promise of the shape; gives n of each part. */
export function assertShape(report: Report, expected: readonly string[]): number[] {
  assert.deepEqual(Object.keys(report).sort(), ['events', 'skipped', ...PARTS, 'latency', 'throughput', 'settings'].sort())
  const [p50 = 0, p90 = 0, p99 = 0, count = 0] = numbersOf(report['latency'], ['p50', 'p90', 'p99', 'n'])
  assert.ok(p50 > 0 && p50 <= p90 && p90 <= p99 && count > 0)
  assert.ok((numbersOf(report['throughput'], ['eventsPerSecond', 'n'])[0] ?? 0) > 0)
  return PARTS.map(part => {
    const models = objectOf(report[part])
    assert.deepEqual(Object.keys(models).sort(), [...expected].sort())
    const counts = expected.map(model => {
      const [hr20 = 0, mrr20 = 0, novelHr20 = 0, n = 0] = numbersOf(models[model], ['hr20', 'mrr20', 'novelHr20', 'n'])
      assert.ok(hr20 <= 1 && mrr20 <= hr20 && novelHr20 <= 1, `${part}.${model}`)
      return n
    })
    assert.equal(new Set(counts).size, 1, `every model of ${part} answers the same clicks`)
    return counts[0] ?? 0
  })
}
