import { strict as assert } from 'node:assert'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { app } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { realEnv } from '../env/real/env.ts'
import { text } from '../serde/text.ts'
import type { KafkaStreamsSpec } from '../topology/foreign.ts'
import { build } from '../topology/build.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import { kafkaStreams } from './kafka-streams.ts'
import { streamsConfig } from './kafka-streams-job.ts'
import { jvmArguments } from './jvm.ts'
import { propertiesText } from './properties.ts'

const numbers = topic('numbers', { key: text, value: text })
const scores = topic('scores', { key: text, value: text })
const folder = mkdtempSync(join(tmpdir(), 'millrace-jvm-'))
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content, 'latin1')
  return join(folder, name)
}

function taskOf(spec: KafkaStreamsSpec, guarantee?: 'atLeastOnce'): ForeignTaskPlan & { readonly on: KafkaStreamsSpec } {
  const [task] = build(app('shop').task('trend', { on: spec, reads: [numbers], writes: [scores], ...guarantee === undefined ? {} : { guarantee } })).tasks
  assert.ok(task?.kind === 'foreign' && task.on.engine === 'kafkaStreams')
  return { ...task, on: task.on }
}

test('the link is that of Kafka Streams with exactly_once_v2, and what the task says otherwise', () => {
  const spec = kafkaStreams({ mainClass: 'Trend', config: { 'num.stream.threads': '2' } })
  const { link, group } = taskOf(spec)
  assert.deepEqual([group, link.guarantee, link.partitioner, link.transactionalIdPrefix, link.transactionTimeoutMs], ['shop.trend', 'exactlyOnce', 'murmur2', 'shop.trend', 10_000])
  const context = { app: 'shop', bootstrap: 'localhost:9092', directory: '/data/jobs/trend' }
  const exact = streamsConfig(taskOf(spec), context, 'trend')
  assert.equal(exact['processing.guarantee'], 'exactly_once_v2')
  assert.equal(exact['num.stream.threads'], '2')
  assert.equal(exact['state.dir'], '/data/jobs/trend/trend-state')
  assert.equal(streamsConfig(taskOf(spec, 'atLeastOnce'), context, 'trend')['processing.guarantee'], 'at_least_once')
})

test('properties are written so that Java reads the same: backslashes, colons in names, Chinese', () => {
  assert.equal(propertiesText({ 'a:b': 'c\\d', 名: '值\n' }), 'a\\:b=c\\\\d\n\\u540d=\\u503c\\n\n')
})

test('each kind of program becomes a command line, and what cannot run is refused with the reason', () => {
  const jar = file('trend.jar', 'PK\x03\x04rest')
  const source = file('Trend.java', 'class Trend {}')
  const args = (options: Parameters<typeof kafkaStreams>[0]): string[] => jvmArguments(realEnv.disk, kafkaStreams(options).program, ['/d/streams.jar'], ['-Xmx1g'])
  assert.deepEqual(args({ jar, mainClass: 'T' }), ['-Xmx1g', '-cp', `${jar}${delimiter}/d/streams.jar`, 'T'])
  assert.deepEqual(args({ source }), ['-Xmx1g', '-cp', '/d/streams.jar', source])
  assert.deepEqual(args({ mainClass: 'T', classPath: [folder] }), ['-Xmx1g', '-cp', `${folder}${delimiter}/d/streams.jar`, 'T'])
  assert.throws(() => args({ jar: file('error.jar', '<html>404'), mainClass: 'T' }), /error\.jar is no jar/)
  assert.throws(() => args({ jar }), /name its class/)
  assert.throws(() => args({ jar: join(folder, 'none.jar'), mainClass: 'T' }), /none\.jar does not exist/)
  assert.throws(() => kafkaStreams({}), /needs what to run/)
  assert.throws(() => kafkaStreams({ jar, source }), /one of the two/)
  assert.throws(() => kafkaStreams({ source, instances: 0 }), /at least 1, not 0/)
  assert.throws(() => kafkaStreams({ source, config: { 'application.id': 'x' } }), /the task's `group`/)
})
