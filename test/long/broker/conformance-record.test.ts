/**
 * The conformance suite against a living Apache Kafka: its answers of today are held against the embedded broker's.
 *
 *   MILLRACE_CONFORMANCE_WRITE=test/fixtures/conformance-kafka-4.1.json.gz npm run test:long -- long/broker/conformance-record
 *
 * also keeps them as the fixture that test/conformance/apache-kafka.test.ts reads, if every answer was given by a Kafka that had settled.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import { ALLOWED } from '../../support/conformance/allowed.ts'
import { writeRecording } from '../../support/conformance/recording.ts'
import { judge, runScenarios, toRecordAgain } from '../../support/conformance/suite.ts'
import { startKafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'

need('kafka')

const PROPERTIES = { 'broker.session.timeout.ms': '120000', 'offsets.topic.num.partitions': '1', 'transaction.state.log.num.partitions': '1' }

test('Apache Kafka of today is answered like', async () => {
  const now = Date.now()
  const [kafka, broker] = await Promise.all([startKafka({ properties: PROPERTIES }), startBroker()])
  try {
    const [first] = kafka.brokers
    assert.ok(first !== undefined)
    const theirs = await runScenarios(first.port, now)
    assert.deepEqual(toRecordAgain(theirs), [], 'asked before Kafka had settled')
    const to = process.env['MILLRACE_CONFORMANCE_WRITE']
    if (to !== undefined) writeRecording(to, { now, answers: theirs })
    const ours = await runScenarios(broker.port, now)
    assert.deepEqual(judge(theirs, ours, ALLOWED).differences, [])
  } finally {
    await Promise.all([kafka.stop(), broker.remove()])
  }
})
