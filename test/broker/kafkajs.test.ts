/** kafkajs (the old, non-flexible versions of the protocol) against the embedded broker in this process. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import kafkajs from 'kafkajs'
import type { Consumer } from 'kafkajs'
import type * as Lz4 from 'lz4-napi'
import * as snappy from 'snappy'
import { Broker } from '../../src/broker/broker.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { compress, decompress, loadCompression } from '../../src/wire/compression.ts'

/** Far above what it takes: two busy cores must not fail a test. */
const MS_MAX = 60_000
const directory = mkdtempSync(join(tmpdir(), 'millrace-kafkajs-'))
let broker: Broker
let kafka: kafkajs.Kafka

before(async () => {
  broker = await Broker.start(realEnv, { directory: join(directory, 'data'), port: 0 })
  kafka = new kafkajs.Kafka({ clientId: 'kafkajs-test', brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: MS_MAX })
})

after(async () => {
  await broker.close()
  rmSync(directory, { recursive: true, force: true })
})

async function within(what: string, done: () => boolean): Promise<void> {
  const deadline = Date.now() + MS_MAX
  while (!done()) {
    assert.ok(Date.now() < deadline, `not within ${MS_MAX} ms: ${what}`)
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
  await within('the first member reads 100', () => first.length === 100)
  const two = await reader('sharers', 'shared', second)
  await within('the second member is in the group', () => broker.describe().groups.find(group => group.groupId === 'sharers')?.members === 2)
  await within('the group is stable again', () => broker.describe().groups.find(group => group.groupId === 'sharers')?.state === 'stable')
  await send(100, 300)
  await within('all 300 are read', () => new Set([...first, ...second].map(message => message.value)).size === 300)
  assert.ok(second.length > 0, 'the second member has partitions of its own')
  await two.disconnect()
  await send(300, 400)
  await within('the first member takes over', () => new Set([...first, ...second].map(message => message.value)).size === 400)
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
  await within(`${expected.length} committed records`, () => read.length >= expected.length)
  assert.deepEqual(read.map(message => message.value), expected)
  await consumer.disconnect()
  const admin = kafka.admin()
  await admin.connect()
  const [offsets] = await admin.fetchOffsets({ groupId: 'tx-group', topics: ['tx'] })
  assert.equal(offsets?.partitions[0]?.offset, '9')
  await admin.disconnect()
  await producer.disconnect()
})

// kafkajs has gzip only and asks its users to plug the rest in: as its companions do, snappy as one raw block, lz4 as a frame.
const { compressFrame, decompressFrame } = createRequire(import.meta.url)('lz4-napi') as typeof Lz4 // CommonJS; the type is its own declaration.
const CODECS = {
  None: undefined,
  GZIP: undefined,
  Snappy: { compress: (plain: Buffer) => snappy.compress(plain), decompress: async (packed: Buffer) => Buffer.from(await snappy.uncompress(packed)) },
  LZ4: { compress: compressFrame, decompress: decompressFrame },
  ZSTD: { compress: async (plain: Buffer) => compress(4, plain), decompress: async (packed: Buffer) => decompress(4, packed, { bytesMax: 1_000_000 }) },
} as const
const CODEC_NAMES = Object.keys(CODECS) as (keyof typeof CODECS)[] // The keys of CODECS are its names.

for (const name of CODEC_NAMES) {
  const number = kafkajs.CompressionTypes[name]
  test(`codec ${name}: batches are stored as kafkajs packed them and come back as they were sent`, async () => {
    await loadCompression()
    const codec = CODECS[name]
    if (codec !== undefined && number !== kafkajs.CompressionTypes.None) {
      kafkajs.CompressionCodecs[number] = () => ({ compress: (encoder: { readonly buffer: Buffer }) => codec.compress(encoder.buffer), decompress: (packed: Buffer) => codec.decompress(packed) })
    }
    const topic = `packed-${name}`
    const producer = kafka.producer()
    await producer.connect()
    const value = 'millrace '.repeat(1000)
    await producer.send({ topic, compression: number, messages: [{ value, headers: { 名: '值' } }, { value: 'second' }] })
    const read: { value: string; partition: number }[] = []
    const consumer = await reader(`${topic}-readers`, topic, read)
    await within('two records', () => read.length === 2)
    assert.deepEqual(read.map(message => message.value), [value, 'second'])
    await consumer.disconnect()
    await producer.disconnect()
    const stored = readFileSync(join(directory, 'data', `${topic}-0`, '00000000000000000000.log'))
    assert.equal(stored.readInt16BE(21) & 7, number, 'the codec in the attributes of the batch on disk')
    assert.equal(stored.length < 2000, name !== 'None', `${stored.length} bytes on disk`)
  })
}
