/** The stream's gate at Apache Kafka, the tasks killed in mid-stream: test, then learn, the last day event by event. Says so where the data are not there. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seeded } from '../../demo/recommender/shop/shoppers.ts'
import { startKafka } from '../support/kafka.ts'
import { KilledTasks } from '../support/killed-tasks.ts'
import { need } from '../support/need.ts'
import { reportOf, withToy } from '../support/serenade-gates.ts'

need('kafka')

test('test then learn, last day, Apache Kafka, the tasks killed three times', withToy, async t => {
  const kafka = await startKafka()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-gates-'))
  const tasks = new KilledTasks({ folder, killsMax: 3, aliveMs: [4_000, 8_000], random: seeded(5) })
  t.after(async () => {
    await tasks.close()
    await kafka.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const { lastDay } = await reportOf({ only: 'prequential', bootstrap: kafka.bootstrap, runElsewhere: (app, bootstrap) => tasks.start(app, bootstrap) }, text => t.diagnostic(text))
  t.diagnostic(`${tasks.kills} kills`)
  assert.ok(tasks.kills > 0)
  assert.equal(lastDay?.cooc.n, 931)
  assert.ok(lastDay.cooc.hr20 >= 0.685, `HR@20 of Cooc: ${lastDay.cooc.hr20}`)
  assert.ok(lastDay.cooc.hr20 > lastDay.vmis.hr20 && lastDay.popularity.hr20 < 0.1)
})
