/** The wire against real parts: every API and version asked of a real broker, and our batches read by Java and librdkafka. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTopics } from '../../../src/wire/apis/19-create-topics.ts'
import { produce } from '../../../src/wire/apis/00-produce.ts'
import { BatchBuilder } from '../../../src/wire/batch-builder.ts'
import { CODECS, loadCompression } from '../../../src/wire/compression.ts'
import type { CodecName } from '../../../src/wire/compression.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { kafkaTool, startKafka } from '../../support/kafka.ts'
import type { Kafka } from '../../support/kafka.ts'
import { need, ROOT } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'
import { join } from 'node:path'

need('kafka', 'kcat')

const TOPIC = 'wire-codecs'
const RECORDS = 2_000
let kafka: Kafka

before(async () => {
  kafka = await startKafka()
  await loadCompression()
})
after(() => kafka.stop())

test('Apache Kafka answers every API in every version of our tables, and each answer is decoded to its last byte', async () => {
  const ran = await mustRun(process.execPath, [join(ROOT, 'dist', 'scripts', 'probe-frames.js'), kafka.bootstrap], { timeoutMs: 120_000 })
  assert.doesNotMatch(ran.stdout, /NOT ANSWERED/)
  const count = Number(/(\d+) answers decoded to the last byte/.exec(ran.stdout)?.[1])
  assert.ok(count >= 400, ran.stdout)
})

test('batches of every codec built here are read by the Java consumer and by librdkafka', async () => {
  const cluster = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap, clientId: 'wire-test' })
  const names = Object.keys(CODECS) as CodecName[] // The keys of CODECS are its names.
  try {
    await cluster.request('controller', createTopics, { topics: [{ name: TOPIC, numPartitions: 1, replicationFactor: 1 }], timeoutMs: 10_000 })
    // The broker's own view of the metadata follows the controller's a moment later.
    for (let tries = 0; cluster.topicId(TOPIC) === undefined && tries < 100; tries++) {
      await realEnv.clock.sleep(50)
      await cluster.refresh([TOPIC])
    }
    for (const codec of names) {
      const answer = await cluster.request({ node: 1 }, produce, {
        acks: -1, timeoutMs: 10_000,
        topicData: [{ name: TOPIC, topicId: cluster.topicId(TOPIC) ?? '', partitionData: [{ index: 0, records: batchOf(codec) }] }],
      })
      assert.equal(answer.responses[0]?.partitionResponses[0]?.errorCode, 0, codec)
    }
  } finally {
    await cluster.close()
  }
  const expected = names.flatMap(codec => Array.from({ length: RECORDS }, (_, index) => valueOf(codec, index)))
  const kcat = await mustRun('kcat', ['-b', kafka.bootstrap, '-C', '-t', TOPIC, '-o', 'beginning', '-e', '-q', '-X', 'check.crcs=true'])
  assert.deepEqual(kcat.stdout.trim().split('\n'), expected)
  const java = await kafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', ['--bootstrap-server', kafka.bootstrap, '--topic', TOPIC, '--from-beginning', '--max-messages', String(expected.length), '--timeout-ms', '20000'])
  assert.deepEqual(java.stdout.trim().split('\n'), expected)
})

function valueOf(codec: CodecName, index: number): string {
  return `${codec} ${index} ${'mill'.repeat(index % 40)} ${Math.imul(index, 0x9e37_79b9) >>> 0}`
}

function batchOf(codec: CodecName): Buffer {
  const builder = new BatchBuilder({ codec, bytesMax: 10_000_000 })
  for (let index = 0; index < RECORDS; index++) builder.append(Date.now(), Buffer.from(`k${index}`), Buffer.from(valueOf(codec, index)), [{ key: 'n', value: Buffer.from([index & 0xff]) }])
  return builder.build()
}
