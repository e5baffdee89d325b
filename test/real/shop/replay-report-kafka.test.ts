/** A bounded stream through the command at Apache Kafka: the report has its shape, and the cluster is left as it was. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Admin, Cluster, realEnv } from 'millrace/client'
import { writeStream } from '../../support/event-stream.ts'
import { startKafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { assertShape, folderFor, MODELS, objectOf, reportOf } from '../../support/replay-report.ts'

need('kafka')

test('frozen and test-then-learn at Apache Kafka, two partitions', { timeout: 400_000 }, async t => {
  const kafka = await startKafka()
  t.after(() => kafka.stop())
  const path = join(folderFor(t), 'events.jsonl')
  const seed = 19
  t.diagnostic(`seed ${seed}`)
  writeStream(path, seed)
  const { report, stderr } = await reportOf(path, 'jsonl', ['--bootstrap', kafka.bootstrap, '--partitions', '2'])
  const [whole = 0, lastDay = 0, frozen = 0] = assertShape(report, MODELS)
  assert.ok(whole > lastDay && lastDay > 0)
  assert.equal(frozen, lastDay)
  assert.equal(report['skipped'], 3)
  assert.match(stderr, /events\.jsonl:2: not JSON/)
  const settings = objectOf(report['settings'])
  assert.deepEqual([settings['broker'], settings['partitions'], settings['guarantee']], [kafka.bootstrap, 2, 'exactlyOnce'])
  t.diagnostic(JSON.stringify({ latency: report['latency'], throughput: report['throughput'] }))
  const cluster = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap })
  t.after(() => cluster.close())
  assert.deepEqual((await new Admin(cluster).listTopics()).filter(name => name.startsWith('replay-')), [])
})
