/** The frozen model's gate on Apache Kafka, with several partitions and after kills. Says so where the data are not there. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seeded } from '../../demo/recommender/shop/shoppers.ts'
import { startKafka } from '../support/kafka.ts'
import { KilledTasks } from '../support/killed-tasks.ts'
import { need } from '../support/need.ts'
import { frozenGate, reportOf, withToy } from '../support/serenade-gates.ts'

need('kafka')

test('frozen model, Apache Kafka, four partitions, the tasks killed three times', withToy, async t => {
  const kafka = await startKafka()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-gates-'))
  const tasks = new KilledTasks({ folder, killsMax: 3, aliveMs: [4_000, 8_000], random: seeded(3) })
  t.after(async () => {
    await tasks.close()
    await kafka.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const report = await reportOf({ only: 'frozen', partitions: 4, bootstrap: kafka.bootstrap, runElsewhere: (app, bootstrap) => tasks.start(app, bootstrap) }, text => t.diagnostic(text))
  t.diagnostic(`${tasks.kills} kills`)
  assert.ok(tasks.kills > 0)
  frozenGate(report.frozenLastDay?.cooc)
})
