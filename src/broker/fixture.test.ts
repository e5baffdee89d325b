/** `broker()` over true sockets, by raw requests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realEnv } from '../env/real/env.ts'
import { produce } from '../wire/apis/00-produce.ts'
import { fetch } from '../wire/apis/01-fetch.ts'
import { metadata } from '../wire/apis/03-metadata.ts'
import { joinGroup } from '../wire/apis/11-join-group.ts'
import { syncGroup } from '../wire/apis/14-sync-group.ts'
import { createTopics } from '../wire/apis/19-create-topics.ts'
import { deleteTopics } from '../wire/apis/20-delete-topics.ts'
import { errorName } from '../wire/error-codes.ts'
import { readPartition, textBatch, WireClient } from '../../test/support/wire-client.ts'
import { broker } from './fixture.ts'
import type { BrokerFixture } from './fixture.ts'

const connect = (kafka: BrokerFixture): Promise<WireClient> => WireClient.connect(realEnv, kafka.port)
const create = (client: WireClient, name: string): Promise<unknown> => client.request(createTopics, 7, { topics: [{ name, numPartitions: 1, replicationFactor: 1 }], timeoutMs: 1000 })

async function send(client: WireClient, records: Buffer): Promise<string> {
  const { responses } = await client.request(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] })
  return errorName(responses[0]?.partitionResponses[0]?.errorCode ?? -1)
}

/** Turns of I/O, so many at most. */
async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 10_000 && !holds(); turns++) await new Promise<void>(resolve => void setTimeout(resolve, 1))
  assert.ok(holds())
}

test('in memory, on a free port; two at once know nothing of each other; a restart keeps the port, the data and the faults', async t => {
  const open: BrokerFixture[] = []
  t.after(() => Promise.all(open.map(each => each.close())))
  const begun = performance.now()
  const kafka = await broker()
  t.diagnostic(`ready in ${(performance.now() - begun).toFixed(1)} ms, the first of the process`)
  const again = performance.now()
  const other = await broker()
  open.push(kafka, other)
  t.diagnostic(`ready in ${(performance.now() - again).toFixed(1)} ms, the second`)
  assert.match(kafka.bootstrap, /^127\.0\.0\.1:\d+$/)
  assert.notEqual(kafka.port, other.port)
  const client = await connect(kafka)
  await create(client, 't')
  assert.equal(await send(client, textBatch(['kept'])), 'NONE')
  kafka.faults.fail('Produce', 'NOT_LEADER_OR_FOLLOWER', { times: 1 })
  await kafka.restart()
  await until(() => client.closed)
  const back = await connect(kafka)
  assert.deepEqual(await readPartition(back, 't', 0), ['kept'])
  assert.deepEqual([await send(back, textBatch(['a'])), await send(back, textBatch(['b']))], ['NOT_LEADER_OR_FOLLOWER', 'NONE'])
  assert.equal(kafka.describe().directory, '/in-memory')
  assert.deepEqual(other.describe().topics.filter(topic => !topic.isInternal), [])
  await kafka.close()
  await kafka.close()
})

test('each fault, by API and by client, and taken back', async () => {
  await using kafka = await broker()
  const client = await connect(kafka)
  await create(client, 't')
  // Not carried out: the answer is what the test says.
  kafka.faults.answer('Metadata', { brokers: [], clusterId: '', controllerId: 1, topics: [{ errorCode: 3, name: 'x', partitions: [] }] }, { times: 1 })
  assert.equal((await client.request(metadata, 9, { topics: [] })).topics[0]?.errorCode, 3)
  const ofAnother = kafka.faults.cut('Produce', { clientId: 'another' })
  const takenBack = kafka.faults.fail('Produce', 'UNKNOWN_SERVER_ERROR')
  takenBack()
  assert.equal(await send(client, textBatch(['one'])), 'NONE')
  ofAnother()
  kafka.faults.cut('Produce', { when: 'after', times: 1 })
  await assert.rejects(send(client, textBatch(['two'])))
  const second = await connect(kafka)
  // Done, and only its answer was lost.
  assert.deepEqual(await readPartition(second, 't', 0), ['one', 'two'])
  kafka.faults.drop('Produce', { times: 1 })
  let answered = false
  void send(second, textBatch(['never'])).then(() => { answered = true }, () => {})
  const third = await connect(kafka)
  kafka.faults.delay('Metadata', 30_000, { times: 1 })
  const delayed = third.request(metadata, 9, { topics: [] })
  // It has come in before the time is moved.
  await until(() => kafka.describe().clients.some(each => each.requests === 1))
  await kafka.advance(30_000)
  await delayed
  assert.equal(answered, false)
  assert.deepEqual(await readPartition(third, 't', 0), ['one', 'two'])
  kafka.faults.drop(0)
  kafka.faults.clear()
  assert.equal(await send(third, textBatch(['three'])), 'NONE')
  // A name that there is not would never be asked.
  assert.throws(() => kafka.faults.on(JSON.parse('"Prodcue"'), () => undefined), { code: 'USAGE', message: /Kafka has no API 'Prodcue'/ })
})

test('where time stands, it moves as the test says: a fetch waits for it, and a member that is silent is put out', async t => {
  const kafka = await broker({ time: 'stands' })
  t.after(() => kafka.close())
  const client = await connect(kafka)
  await create(client, 't')
  let isFetched = false
  const fetched = client.request(fetch, 11, { maxWaitMs: 5000, minBytes: 1, maxBytes: 1000, topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }] }).then(() => { isFetched = true })
  const member = await connect(kafka)
  const join = (memberId: string): Promise<{ readonly errorCode: number, readonly memberId: string, readonly generationId: number }> => member.request(joinGroup, 4, { groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId, protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] })
  const joining = (await join('')).memberId
  const joined = join(joining)
  await kafka.advance(10)
  const { memberId, generationId } = await joined
  await member.request(syncGroup, 3, { groupId: 'g', generationId, memberId, assignments: [] })
  assert.deepEqual(kafka.describe().groups.map(group => [group.state, group.members]), [['stable', 1]])
  await kafka.advance(4900)
  assert.equal(isFetched, false)
  await kafka.advance(100)
  await fetched
  await kafka.advance(6000)
  assert.deepEqual(kafka.describe().groups.map(group => [group.state, group.members]), [['empty', 0]])
  await kafka.restart()
  assert.deepEqual(kafka.describe().groups.map(group => group.groupId), ['g'])
})

test('a memory that is full tells producers to wait, serves readers, and takes writes again once a topic is gone', async t => {
  const kafka = await broker({ memoryBytesMax: 34 * 1024 * 1024 })
  t.after(() => kafka.close())
  const client = await connect(kafka)
  await create(client, 't')
  const records = textBatch(['x'.repeat(900_000)])
  let [result, written] = ['NONE', 0]
  for (; result === 'NONE' && written < 10; written++) result = await send(client, records)
  assert.equal(result, 'KAFKA_STORAGE_ERROR')
  assert.ok((await readPartition(client, 't', 0)).length >= 1)
  await client.request(deleteTopics, 4, { topicNames: ['t'], timeoutMs: 1000 })
  await create(client, 't')
  // What is free is looked at once a second, and the files of the deleted topic go a moment later.
  for (let tries = 0; result !== 'NONE' && tries < 20; tries++) {
    await kafka.advance(60_000)
    result = await send(client, records)
  }
  assert.equal(result, 'NONE')
})
