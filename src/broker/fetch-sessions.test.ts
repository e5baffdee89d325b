import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Sim } from '../testing/sim/sim.ts'
import { produce } from '../wire/apis/00-produce.ts'
import { fetch } from '../wire/apis/01-fetch.ts'
import { metadata } from '../wire/apis/03-metadata.ts'
import { createTopics } from '../wire/apis/19-create-topics.ts'
import { deleteTopics } from '../wire/apis/20-delete-topics.ts'
import { loadCompression } from '../wire/compression.ts'
import { errorName } from '../wire/error-codes.ts'
import type { RequestInput } from '../wire/schema.ts'
import { textBatch, textValues, WireClient } from '../../test/support/wire-client.ts'
import { Broker } from './broker.ts'
import { FetchSessions } from './fetch-sessions.ts'
import type { AnsweredPartition } from './fetch-sessions.ts'

before(() => loadCompression())

interface Running {
  readonly sim: Sim
  readonly client: WireClient
  send(topic: string, partition: number, value: string): Promise<void>
  /** `[error, session id, {partition: records or error}]`. */
  ask(session: readonly [id: number, epoch: number], partitions: Readonly<Record<string, number>>, more?: Partial<RequestInput<typeof fetch>>, version?: number): Promise<readonly [string, number, Record<string, unknown>]>
}

async function start(): Promise<Running> {
  const sim = new Sim({ seed: 1 })
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/data', port: 9092 }))
  const client = await sim.run(WireClient.connect(sim.process('client').env, 9092))
  await sim.run(client.request(createTopics, 7, { topics: [{ name: 't', numPartitions: 3, replicationFactor: 1 }] }))
  return {
    sim, client,
    async send(topic, partition, value) {
      await sim.run(client.request(produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: topic, partitionData: [{ index: partition, records: textBatch([value]) }] }] }))
    },
    async ask([sessionId, sessionEpoch], partitions, more = {}, version = 11) {
      const topics = [{ topic: 't', partitions: Object.entries(partitions).map(([partition, fetchOffset]) => ({ partition: Number(partition), fetchOffset, partitionMaxBytes: 10_000 })) }]
      const answer = await sim.run(client.request(fetch, version, { maxWaitMs: 50, minBytes: 1, sessionId, sessionEpoch, topics, ...more }))
      const found = answer.responses.flatMap(topic => topic.partitions.map(each => [String(each.partitionIndex), each.errorCode === 0 ? textValues(each.records) : errorName(each.errorCode)]))
      return [errorName(answer.errorCode), answer.sessionId, Object.fromEntries(found) as Record<string, unknown>]
    },
  }
}

test('a session: all once, then what changed; partitions are added, moved on and forgotten', async () => {
  const { ask, send } = await start()
  await send('t', 0, 'a')
  const [error, id, first] = await ask([0, 0], { 0: 0, 1: 0 })
  assert.deepEqual([error, first], ['NONE', { 0: ['a'], 1: [] }])
  assert.ok(id > 0)
  assert.deepEqual(await ask([id, 1], { 0: 1 }), ['NONE', id, {}], 'nothing new')
  await send('t', 1, 'b')
  assert.deepEqual(await ask([id, 2], {}), ['NONE', id, { 1: ['b'] }])
  await send('t', 0, 'c')
  assert.deepEqual(await ask([id, 3], { 1: 1, 2: 0 }), ['NONE', id, { 0: ['c'], 2: [] }], 'a new partition is told once')
  await send('t', 0, 'd')
  await send('t', 2, 'e')
  assert.deepEqual(await ask([id, 4], { 0: 2 }, { forgottenTopicsData: [{ topic: 't', partitions: [2] }] }), ['NONE', id, { 0: ['d'] }])
  assert.deepEqual(await ask([id, 5], { 7: 0 }), ['NONE', id, { 0: ['d'], 7: 'UNKNOWN_TOPIC_OR_PARTITION' }])
})

test('wrong epochs, unknown sessions and mixed topic ids are refused; a final epoch ends the session', async () => {
  const { ask } = await start()
  const [, id] = await ask([0, 0], { 0: 0 })
  assert.equal((await ask([id, 2], {}))[0], 'INVALID_FETCH_SESSION_EPOCH')
  assert.equal((await ask([id + 1, 1], {}))[0], 'FETCH_SESSION_ID_NOT_FOUND')
  assert.equal((await ask([0, 1], {}))[0], 'FETCH_SESSION_ID_NOT_FOUND')
  assert.equal((await ask([id, 1], {}, { topics: [] }, 13))[0], 'FETCH_SESSION_TOPIC_ID_ERROR')
  assert.deepEqual((await ask([id, -1], { 0: 0 })).slice(0, 2), ['NONE', 0])
  assert.equal((await ask([id, 1], {}))[0], 'FETCH_SESSION_ID_NOT_FOUND')
  const [, other] = await ask([0, 0], { 0: 0 })
  const [, renewed] = await ask([other, 0], { 1: 0 })
  assert.ok(renewed !== other && renewed > 0)
  assert.equal((await ask([other, 1], {}))[0], 'FETCH_SESSION_ID_NOT_FOUND')
  assert.deepEqual(await ask([renewed, 1], {}, { topics: [], forgottenTopicsData: [{ topic: 't', partitions: [1] }] }), ['NONE', 0, {}], 'a session of nothing ends')
})

test('topic ids: a deleted topic is an unknown id within the session, also after it was made again', async () => {
  const { client, sim, ask } = await start()
  const idOf = async (): Promise<string> => (await sim.run(client.request(metadata, 12, { topics: [{ name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }] }))).topics[0]?.topicId ?? ''
  const topicId = await idOf()
  const topics = [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }]
  const [error, id, found] = await ask([0, 0], {}, { topics }, 16)
  assert.deepEqual([error, found], ['NONE', { 0: [] }])
  await sim.run(client.request(deleteTopics, 6, { topics: [{ name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 1000 }))
  assert.deepEqual((await ask([id, 1], {}, { topics: [] }, 16))[2], { 0: 'UNKNOWN_TOPIC_ID' })
  await sim.run(client.request(createTopics, 7, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1 }] }))
  assert.notEqual(await idOf(), topicId)
  assert.deepEqual((await ask([id, 2], {}, { topics: [] }, 16))[2], { 0: 'UNKNOWN_TOPIC_ID' })
})

test('a session waits for data of any of its partitions', async () => {
  const { client, sim, ask, send } = await start()
  const [, id] = await ask([0, 0], { 0: 0, 1: 0 })
  const waiting = client.request(fetch, 11, { maxWaitMs: 30_000, minBytes: 1, sessionId: id, sessionEpoch: 1, topics: [] })
  const writer = await sim.run(WireClient.connect(sim.process('writer').env, 9092))
  await sim.run(writer.request(produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData: [{ index: 1, records: textBatch(['x']) }] }] }))
  const answer = await sim.run(waiting)
  assert.ok(sim.time.elapsedMs < 10_000)
  assert.deepEqual(answer.responses.map(topic => topic.partitions.map(each => each.partitionIndex)), [[1]])
  await send('t', 0, 'y')
})

test('the cache is bounded: idle sessions make room, then smaller old ones, else there is none', async () => {
  const sim = new Sim({ seed: 3 })
  const { env } = sim.process('broker')
  let ids = 0
  const sessions = new FetchSessions(env.clock, () => ++ids)
  const partitions = (count: number): AnsweredPartition[] => Array.from({ length: count }, (_, partition) => ({
    wanted: { topic: 't', topicId: '', request: { partition, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, logStartOffset: -1, partitionMaxBytes: 1, replicaDirectoryId: '', highWatermark: 0 } },
    response: { partitionIndex: partition, errorCode: 0, highWatermark: 0, records: null },
  }))
  for (let index = 0; index < 1000; index++) assert.ok(sessions.create(partitions(1), false) > 0)
  assert.equal(sessions.create(partitions(5), false), 0, 'all are in use')
  await sim.advance(120_001)
  assert.equal(sessions.create(partitions(5), false), 1001)
  assert.equal(sessions.count, 1000)
  assert.equal(sessions.create(partitions(200_001), false), 0)
  assert.ok(sessions.create(partitions(199_000), false) > 0)
  assert.ok(sessions.count <= 1000)
})
