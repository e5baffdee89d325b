/** Practice 1: many producers and many consumers share a topic, and its log is durable. kafkajs against the embedded broker as a process of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import type { Consumer, Kafka } from 'kafkajs'
import { startTestBroker } from '../support/millrace.ts'

const MS_MAX = 60_000
const PER_PRODUCER = 200

interface Seen { readonly value: string; readonly partition: number }

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + MS_MAX
  while (!holds()) {
    assert.ok(Date.now() < deadline, `not within ${MS_MAX} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const clientOf = (bootstrap: string): Kafka => new kafkajs.Kafka({ clientId: 'sharers', brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: MS_MAX })
const valuesOf = (...lists: readonly (readonly Seen[])[]): string[] => lists.flat().map(each => each.value).sort()

async function member(kafka: Kafka, groupId: string, into: Seen[]): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic: 'shared', fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message, partition }) => void into.push({ value: String(message.value), partition }) })
  return consumer
}

async function isShared(kafka: Kafka, groupId: string, members: number): Promise<boolean> {
  const admin = kafka.admin()
  await admin.connect()
  const { groups: [group] } = await admin.describeGroups([groupId])
  await admin.disconnect()
  return group?.state === 'Stable' && group.members.length === members
}

test('three producers and two groups share one topic: each group reads all of it, two members of one group share it, and after a SIGKILL of the broker it is all there to read again', async () => {
  const first = await startTestBroker()
  const kafka = clientOf(first.bootstrap)
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'shared', numPartitions: 4 }] })
  await admin.disconnect()
  const [alone, left, right]: Seen[][] = [[], [], []]
  assert.ok(alone !== undefined && left !== undefined && right !== undefined)
  const readers = [await member(kafka, 'billing', alone), await member(kafka, 'search', left), await member(kafka, 'search', right)]
  for (const deadline = Date.now() + MS_MAX; !await isShared(kafka, 'search', 2);) assert.ok(Date.now() < deadline, 'two members share the group')

  const sent = await Promise.all(['a', 'b', 'c'].map(async name => {
    const producer = kafka.producer()
    await producer.connect()
    const values = Array.from({ length: PER_PRODUCER }, (_, index) => `${name}${index}`)
    for (let from = 0; from < values.length; from += 20) await producer.send({ topic: 'shared', acks: -1, messages: values.slice(from, from + 20).map(value => ({ key: value, value })) })
    await producer.disconnect()
    return values
  }))
  const all = sent.flat().sort()
  await until('each group has read everything', () => alone.length >= all.length && left.length + right.length >= all.length)
  assert.deepEqual(valuesOf(alone), all)
  assert.deepEqual(valuesOf(left, right), all)
  assert.ok(left.length > 0 && right.length > 0, 'both members have partitions')
  const common = new Set(left.map(each => each.partition))
  assert.ok(right.every(each => !common.has(each.partition)), 'no partition is read by both')
  for (const reader of readers) await reader.disconnect()

  await first.process.kill('SIGKILL')
  const second = await startTestBroker({ directory: first.directory })
  try {
    const again: Seen[] = []
    const late = await member(clientOf(second.bootstrap), 'audit', again)
    await until('a group that comes later reads everything from the first record on', () => again.length >= all.length)
    assert.deepEqual(valuesOf(again), all)
    await late.disconnect()
  } finally {
    await second.stop()
    second.remove()
  }
})
