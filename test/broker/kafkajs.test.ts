/** kafkajs (the old, non-flexible versions of the protocol) against the embedded broker in this process. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import kafkajs from 'kafkajs'
import type { Consumer } from 'kafkajs'
import { Broker } from '../../src/broker/broker.ts'
import { realEnv } from '../../src/env/real/env.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-kafkajs-'))
let broker: Broker
let kafka: kafkajs.Kafka

before(async () => {
  broker = await Broker.start(realEnv, { directory: join(directory, 'data'), port: 0 })
  kafka = new kafkajs.Kafka({ clientId: 'kafkajs-test', brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING })
})

after(async () => {
  await broker.close()
  rmSync(directory, { recursive: true, force: true })
})

async function within(ms: number, what: string, done: () => boolean): Promise<void> {
  const deadline = Date.now() + ms
  while (!done()) {
    assert.ok(Date.now() < deadline, `not within ${ms} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

async function reader(groupId: string, topic: string, into: { value: string; partition: number }[]): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message, partition }) => void into.push({ value: message.value?.toString() ?? '', partition }) })
  return consumer
}

test('topics are created, described, grown and deleted', async () => {
  const admin = kafka.admin()
  await admin.connect()
  assert.equal(await admin.createTopics({ topics: [{ topic: 'made', numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '5000' }] }] }), true)
  assert.equal(await admin.createTopics({ topics: [{ topic: 'made' }] }), false)
  await admin.createPartitions({ topicPartitions: [{ topic: 'made', count: 4 }] })
  const { topics: [made] } = await admin.fetchTopicMetadata({ topics: ['made'] })
  assert.equal(made?.partitions.length, 4)
  const { resources: [described] } = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: 'made' }] })
  assert.equal(described?.configEntries.find(entry => entry.configName === 'retention.ms')?.configValue, '5000')
  await admin.deleteTopics({ topics: ['made'] })
  assert.equal((await admin.listTopics()).includes('made'), false)
  await admin.disconnect()
})

test('a group shares the partitions, rebalances when a member joins and leaves, and keeps its offsets', async () => {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'shared', numPartitions: 4 }] })
  const producer = kafka.producer()
  await producer.connect()
  const send = (from: number, to: number): Promise<unknown> => producer.send({ topic: 'shared', messages: Array.from({ length: to - from }, (_, index) => ({ key: `k${from + index}`, value: String(from + index) })) })
  await send(0, 100)
  const first: { value: string; partition: number }[] = []
  const second: { value: string; partition: number }[] = []
  const one = await reader('sharers', 'shared', first)
  await within(10_000, 'the first member reads 100', () => first.length === 100)
  const two = await reader('sharers', 'shared', second)
  await within(10_000, 'the second member is in the group', () => broker.describe().groups.find(group => group.groupId === 'sharers')?.members === 2)
  await within(15_000, 'the group is stable again', () => broker.describe().groups.find(group => group.groupId === 'sharers')?.state === 'stable')
  await send(100, 300)
  await within(15_000, 'all 300 are read', () => new Set([...first, ...second].map(message => message.value)).size === 300)
  assert.ok(second.length > 0, 'the second member has partitions of its own')
  await two.disconnect()
  await send(300, 400)
  await within(20_000, 'the first member takes over', () => new Set([...first, ...second].map(message => message.value)).size === 400)
  await one.disconnect()
  const offsets = await admin.fetchOffsets({ groupId: 'sharers', topics: ['shared'] })
  const committed = offsets.flatMap(topic => topic.partitions).reduce((sum, partition) => sum + Math.max(0, Number(partition.offset)), 0)
  assert.equal(committed, 400)
  await admin.resetOffsets({ groupId: 'sharers', topic: 'shared', earliest: true })
  await admin.deleteGroups(['sharers'])
  assert.equal((await admin.listGroups()).groups.some(group => group.groupId === 'sharers'), false)
  await producer.disconnect()
  await admin.disconnect()
})

test('transactions of version 1: committed ones are read, aborted ones are not', async () => {
  const producer = kafka.producer({ transactionalId: 'kafkajs-tx', idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const expected: string[] = []
  for (let round = 0; round < 10; round++) {
    const transaction = await producer.transaction()
    const messages = Array.from({ length: 5 }, (_, index) => ({ value: `${round}-${index}` }))
    await transaction.send({ topic: 'tx', messages })
    await transaction.sendOffsets({ consumerGroupId: 'tx-group', topics: [{ topic: 'tx', partitions: [{ partition: 0, offset: String(round) }] }] })
    if (round % 3 === 2) await transaction.abort()
    else {
      await transaction.commit()
      expected.push(...messages.map(message => message.value))
    }
  }
  const read: { value: string; partition: number }[] = []
  const consumer = await reader('tx-readers', 'tx', read)
  await within(10_000, `${expected.length} committed records`, () => read.length >= expected.length)
  assert.deepEqual(read.map(message => message.value), expected)
  await consumer.disconnect()
  const admin = kafka.admin()
  await admin.connect()
  const [offsets] = await admin.fetchOffsets({ groupId: 'tx-group', topics: ['tx'] })
  assert.equal(offsets?.partitions[0]?.offset, '9')
  await admin.disconnect()
  await producer.disconnect()
})

test('gzip batches come back as they were sent', async () => {
  const producer = kafka.producer()
  await producer.connect()
  const value = 'millrace '.repeat(1000)
  await producer.send({ topic: 'zipped', compression: kafkajs.CompressionTypes.GZIP, messages: [{ value, headers: { 名: '值' } }] })
  const read: { value: string; partition: number }[] = []
  const consumer = await reader('zip-readers', 'zipped', read)
  await within(10_000, 'one record', () => read.length === 1)
  assert.equal(read[0]?.value, value)
  await consumer.disconnect()
  await producer.disconnect()
})
