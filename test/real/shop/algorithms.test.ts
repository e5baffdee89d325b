/**
 * The gates of the reference on real data, by a replay in one process: what the algorithms are worth before any topic is involved.
 * Needs `serenade-toy` and `online-shoppers-intention` (MILLRACE_DATA, or ../shared/data beside the checkout); says so where they are not.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readStream, type EventStream } from '../../../demo/recommender/data/stream.ts'
import { replayOptions } from '../../../demo/recommender/replay-app.ts'
import { PUBLISH_MS } from '../../../demo/recommender/tasks/context.ts'
import { recommender } from '../../../demo/recommender/topology.ts'
import { evaluateIntent } from '../../../demo/recommender/evaluate/intent-replay.ts'
import { ItemNumbers } from '../../../demo/recommender/evaluate/item-numbers.ts'
import { LocalReplay } from '../../../demo/recommender/evaluate/local-replay.ts'
import { LIST_LENGTH, QualityCounter } from '../../../demo/recommender/evaluate/metrics.ts'
import { markAfter, pace, SLICE_MS } from '../../../demo/recommender/evaluate/pacing.ts'
import { scoreFrozen, scorePrequential } from '../../../demo/recommender/evaluate/scoring.ts'
import { Vmis } from '../../../demo/recommender/evaluate/vmis.ts'
import { DATA } from '../../support/need.ts'

const TOY = join(DATA, 'serenade-toy')
const SHOPPERS = join(DATA, 'online-shoppers-intention', 'online_shoppers_intention.csv')
const withToy = { skip: existsSync(TOY) ? false : `no data at ${TOY}` }
const withShoppers = { skip: existsSync(SHOPPERS) ? false : `no data at ${SHOPPERS}` }
/** These do not change a list. */
const WITHOUT = ['intent', 'learn', 'measure']
const DAY_MS = 86_400_000

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} should be ${expected} ± ${tolerance}`)
}

function readToy(): Promise<EventStream> {
  return readStream({ path: TOY, format: 'serenade', onSkipped: (file, line, reason) => assert.fail(`${file}:${line}: ${reason}`) })
}

test('serenade-toy, VMIS-kNN as published and as measured', withToy, async () => {
  const stream = await readToy()
  const numbers = new ItemNumbers(stream.events.map(event => event.item))
  const ports = [{ m: 500, k: 50, last: 2, hr: 0.6402, mrr: 0.326 }, { m: 500, k: 100, last: 4, hr: 0.6606, mrr: 0.3384 }]
  for (const { m, k, last, hr, mrr } of ports) {
    const vmis = new Vmis({ m, k, last, count: LIST_LENGTH, items: numbers.count })
    for (const event of stream.events) if (event.isTraining) vmis.learn({ session: event.session, item: numbers.of(event.item), at: event.at })
    vmis.freeze()
    const counter = new QualityCounter()
    const sessions = new Map<string, number[]>()
    for (const event of stream.events) {
      if (!event.isScored) continue
      const before = sessions.get(event.session) ?? []
      const item = numbers.of(event.item)
      if (before.length > 0) counter.add(vmis.recommend(before, { session: event.session, item: -1, at: event.at }), item, !before.includes(item))
      sessions.set(event.session, [...before, item])
    }
    const quality = counter.quality()
    assert.equal(quality.n, 931)
    near(quality.hr20, hr, 0.002, `HR@20 of VMIS k=${k} last=${last}`)
    near(quality.mrr20, mrr, 0.003, `MRR@20 of VMIS k=${k} last=${last}`)
  }
})

test('serenade-toy, frozen model: Cooc by the tasks of the topology, and its rivals', withToy, async () => {
  const stream = await readToy()
  const replayed = new LocalReplay(recommender(replayOptions({ id: 'gates', partitions: 1, isBasket: false, sliceMs: SLICE_MS })), { without: WITHOUT })
  const training = stream.events.filter(event => event.isTraining)
  await replayed.answer(training, { frozen: false })
  for (const step of [0, 2]) await replayed.mark(markAfter(training.at(-1)?.at ?? 0, SLICE_MS) + step * PUBLISH_MS)
  replayed.recs.clear()
  await replayed.answer(stream.events.filter(event => event.isScored), { frozen: true })
  const quality = scoreFrozen(stream, replayed.recs)
  assert.equal(quality.cooc.n, 931)
  near(quality.cooc.hr20, 0.684, 0.005, 'HR@20 of Cooc')
  near(quality.cooc.mrr20, 0.344, 0.005, 'MRR@20 of Cooc')
  near(quality.cooc.novelHr20, 0.53, 0.01, 'HR@20 of Cooc on novel targets')
  near(quality.recentlyViewed.hr20, 0.3276, 0.001, 'HR@20 of recently viewed')
  assert.equal(quality.recentlyViewed.novelHr20, 0)
  assert.ok(quality.popularity.hr20 < 0.05 && quality.sequentialRules.hr20 < quality.vmis.hr20)
})

test('serenade-toy, test then learn, last day: Cooc by the tasks of the topology', withToy, async () => {
  const stream = await readToy()
  const replayed = new LocalReplay(recommender(replayOptions({ id: 'gates', partitions: 1, isBasket: false, sliceMs: DAY_MS })), { without: WITHOUT })
  const singlyFrom = stream.events.find(event => event.isScored)?.at ?? 0
  await pace(stream.events, replayed, { sliceMs: DAY_MS, singlyFrom, onProgress: () => {} })
  const { lastDay } = scorePrequential(stream, replayed.recs)
  assert.equal(lastDay.cooc.n, 931)
  assert.ok(lastDay.cooc.hr20 >= 0.685, `HR@20 of Cooc: ${lastDay.cooc.hr20}`)
  assert.ok(lastDay.cooc.hr20 > lastDay.vmis.hr20)
})

test('serenade-toy without task cooc falls to the level of the fall-back', withToy, async () => {
  const stream = await readToy()
  const replayed = new LocalReplay(recommender(replayOptions({ id: 'gates', partitions: 1, isBasket: false, sliceMs: DAY_MS })), { without: [...WITHOUT, 'cooc'] })
  await replayed.answer(stream.events.filter(event => event.isScored), { frozen: true })
  const { cooc, recentlyViewed } = scoreFrozen(stream, replayed.recs)
  near(cooc.hr20, recentlyViewed.hr20, 0.02, 'HR@20 without lists')
})

test('online-shoppers-intention: the learner ranks sessions that buy above the others', withShoppers, async () => {
  const report = await evaluateIntent({ path: SHOPPERS, onSkipped: (line, reason) => assert.fail(`line ${line}: ${reason}`) })
  assert.equal(report.rows, 12_330)
  assert.equal(report.bought, 1908)
  assert.ok(report.auc >= 0.73, `AUC ${report.auc}`)
  assert.ok(report.logLoss < report.priorLogLoss)
})
