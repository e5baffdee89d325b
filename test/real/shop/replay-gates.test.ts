/**
 * The gates of the reference through the real topology, exactly once, on real data: a frozen model and a stream, on the embedded broker and on Apache Kafka,
 * and after kills. Says so where the data are not there.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Quality } from '../../../demo/recommender/evaluate/metrics.ts'
import { replay, type ReplayOptions, type ReplayReport } from '../../../demo/recommender/replay.ts'
import { seeded } from '../../../demo/recommender/shop/shoppers.ts'
import { KilledTasks } from '../../support/killed-tasks.ts'
import { startKafka } from '../../support/kafka.ts'
import { DATA, need } from '../../support/need.ts'

need('kafka')

const TOY = join(DATA, 'serenade-toy')
const withToy = { skip: existsSync(TOY) ? false : `no data at ${TOY}`, timeout: 880_000 }
/** Long slices: what is learned does not depend on them, and the gates are about the last day, which is sent event by event. */
const DAY_MS = 86_400_000

async function reportOf(options: Partial<ReplayOptions>, say: (text: string) => void): Promise<ReplayReport> {
  const { report, text } = await replay({
    path: TOY, format: 'serenade', bootstrap: undefined, partitions: 1, signal: new AbortController().signal, sliceMs: DAY_MS, progress: () => {}, ...options,
  })
  for (const line of text.split('\n')) say(line)
  assert.equal(report.events, 116_285)
  assert.equal(report.skipped, 0)
  return report
}

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} should be ${expected} ± ${tolerance}`)
}

function frozenGate(cooc: Quality | undefined): void {
  assert.equal(cooc?.n, 931)
  near(cooc.hr20, 0.684, 0.005, 'HR@20 of Cooc')
  near(cooc.mrr20, 0.344, 0.005, 'MRR@20 of Cooc')
}

test('frozen model, embedded broker', withToy, async t => {
  const report = await reportOf({ only: 'frozen' }, text => t.diagnostic(text))
  frozenGate(report.frozenLastDay?.cooc)
  near(report.frozenLastDay?.vmis.hr20 ?? 0, 0.6402, 0.002, 'HR@20 of VMIS')
  near(report.frozenLastDay?.vmis.mrr20 ?? 0, 0.326, 0.003, 'MRR@20 of VMIS')
})

test('frozen model, Apache Kafka, four partitions, the tasks killed three times', withToy, async t => {
  const kafka = await startKafka()
  t.after(() => kafka.stop())
  const folder = mkdtempSync(join(tmpdir(), 'millrace-gates-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tasks = new KilledTasks({ folder, killsMax: 3, aliveMs: [10_000, 20_000], random: seeded(3) })
  t.after(() => tasks.close())
  const report = await reportOf({ only: 'frozen', partitions: 4, bootstrap: kafka.bootstrap, runElsewhere: (app, bootstrap) => tasks.start(app, bootstrap) }, text => t.diagnostic(text))
  t.diagnostic(`${tasks.kills} kills`)
  assert.ok(tasks.kills > 0)
  frozenGate(report.frozenLastDay?.cooc)
})

test('test then learn, last day, embedded broker', withToy, async t => {
  const report = await reportOf({ only: 'prequential' }, text => t.diagnostic(text))
  const { lastDay } = report
  assert.equal(lastDay?.cooc.n, 931)
  assert.ok(lastDay.cooc.hr20 >= 0.685, `HR@20 of Cooc: ${lastDay.cooc.hr20}`)
  assert.ok(lastDay.cooc.hr20 > lastDay.vmis.hr20 && lastDay.popularity.hr20 < 0.1)
})
