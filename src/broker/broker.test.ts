/** The whole broker on a simulated clock, disk and network. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Env } from '../env/env.ts'
import { Sim } from '../testing/sim/sim.ts'
import { produce } from '../wire/apis/00-produce.ts'
import { fetch } from '../wire/apis/01-fetch.ts'
import { listOffsets } from '../wire/apis/02-list-offsets.ts'
import { metadata } from '../wire/apis/03-metadata.ts'
import { offsetCommit } from '../wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../wire/apis/09-offset-fetch.ts'
import { findCoordinator } from '../wire/apis/10-find-coordinator.ts'
import { apiVersions } from '../wire/apis/18-api-versions.ts'
import { createTopics } from '../wire/apis/19-create-topics.ts'
import { deleteTopics } from '../wire/apis/20-delete-topics.ts'
import { deleteRecords } from '../wire/apis/21-delete-records.ts'
import { initProducerId } from '../wire/apis/22-init-producer-id.ts'
import { endTxn } from '../wire/apis/26-end-txn.ts'
import { txnOffsetCommit } from '../wire/apis/28-txn-offset-commit.ts'
import { loadCompression } from '../wire/compression.ts'
import { errorCode, errorName } from '../wire/error-codes.ts'
import { encodeRequest } from '../wire/frames.ts'
import { readPartition, textBatch, textValues, WireClient } from '../../test/support/wire-client.ts'
import { Broker } from './broker.ts'
import type { ClientActivity } from './clients.ts'
import { Control } from './control.ts'
import { SERVED } from './handlers/index.ts'
import type { BrokerOptions } from './options.ts'

const PORT = 9092

// The one thing at start that is not on the simulated clock.
before(() => loadCompression())

interface Running {
  readonly sim: Sim
  readonly env: Env
  readonly broker: Broker
  client(): Promise<WireClient>
}

async function start(sim: Sim, options: Partial<BrokerOptions> = {}): Promise<Running> {
  const { env } = sim.process('broker')
  const broker = await sim.run(Broker.start(env, { directory: '/data', port: PORT, ...options }))
  return { sim, env, broker, client: () => sim.run(WireClient.connect(sim.process('client').env, PORT)) }
}

const create = (name: string, numPartitions = 1): { topics: { name: string; numPartitions: number; replicationFactor: number }[] } => ({ topics: [{ name, numPartitions, replicationFactor: 1 }] })

function send(client: WireClient, topic: string, records: Buffer, options: { acks?: number; version?: number; transactionalId?: string } = {}): Promise<{ error: string; baseOffset: number }> {
  return client.request(produce, options.version ?? 9, { transactionalId: options.transactionalId ?? null, acks: options.acks ?? -1, timeoutMs: 1000, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] })
    .then(({ responses }) => {
      const partition = responses[0]?.partitionResponses[0]
      return { error: errorName(partition?.errorCode ?? -1), baseOffset: partition?.baseOffset ?? -1 }
    })
}

/** Everything from the start on, in as many fetches as it takes. */
function read(running: Running, client: WireClient, topic: string, isolationLevel: 0 | 1 = 0): Promise<string[]> {
  return running.sim.run(readPartition(client, topic, isolationLevel))
}

test('a produce is answered after its flush, and a waiting fetch is woken by it', async () => {
  const running = await start(new Sim({ seed: 1 }))
  const [writer, reader] = [await running.client(), await running.client()]
  await running.sim.run(writer.request(createTopics, 5, create('t')))
  const waiting = reader.request(fetch, 11, { maxWaitMs: 30_000, minBytes: 1, topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }] })
  await running.sim.advance(100)
  const before = running.sim.time.elapsedMs
  assert.deepEqual(await running.sim.run(send(writer, 't', textBatch(['a', 'b']))), { error: 'NONE', baseOffset: 0 })
  const { responses } = await running.sim.run(waiting)
  assert.deepEqual(textValues(responses[0]?.partitions[0]?.records ?? null), ['a', 'b'])
  assert.ok(running.sim.time.elapsedMs - before < 1000, 'the fetch did not wait for its deadline')
  await running.sim.run(running.broker.close())
})

test('a fetch with nothing to read is answered at its deadline, and minBytes is waited for', async () => {
  const running = await start(new Sim({ seed: 2 }))
  const [writer, reader] = [await running.client(), await running.client()]
  await running.sim.run(writer.request(createTopics, 5, create('t')))
  const ask = (minBytes: number): Promise<unknown> => reader.request(fetch, 11, { maxWaitMs: 500, minBytes, topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }] })
  const began = running.sim.time.elapsedMs
  await running.sim.run(ask(1))
  assert.ok(running.sim.time.elapsedMs - began >= 500)
  await running.sim.run(send(writer, 't', textBatch(['a'])))
  const again = running.sim.time.elapsedMs
  await running.sim.run(ask(500))
  assert.ok(running.sim.time.elapsedMs - again >= 500, 'one short batch is not 500 bytes')
  await running.sim.run(running.broker.close())
})

test('answers leave in the order of the requests, however long each takes', async () => {
  const control = new Control()
  const running = await start(new Sim({ seed: 3 }), { control })
  const client = await running.client()
  await running.sim.run(client.request(createTopics, 5, create('t')))
  control.on('ListOffsets', () => ({ kind: 'delay', ms: 1000 }), { times: 1 })
  const order: string[] = []
  const slow = client.request(listOffsets, 3, { topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }).then(() => order.push('slow'))
  const quick = client.request(metadata, 5, { topics: null }).then(() => order.push('quick'))
  await running.sim.run(Promise.all([slow, quick]))
  assert.deepEqual(order, ['slow', 'quick'])
  await running.sim.run(running.broker.close())
})

test('what is not served closes the connection and is remembered', async () => {
  const running = await start(new Sim({ seed: 4 }))
  let changes = 0
  const seen = running.broker.watchClients(() => { changes += 1 })
  const client = await running.client()
  const answer = client.request(apiVersions, 0, {})
  const served = await running.sim.run(answer)
  assert.deepEqual(served.apiKeys.map(each => each.apiKey), SERVED.map(each => each.api.key))
  for (const [key, version] of [[76, 0], [0, 2], [1, 99]] as const) {
    const stranger = await running.client()
    const bytes = Buffer.concat(encodeRequest(apiVersions, 0, { correlationId: 0, clientId: 'stranger' }, {}))
    bytes.writeInt16BE(key, 4)
    bytes.writeInt16BE(version, 6)
    stranger.raw(bytes)
    await running.sim.advance(100)
    assert.equal(stranger.closed, true)
  }
  assert.deepEqual(running.broker.describe().refusals.map(({ apiKey, version, software, count }) => [apiKey, version, software, count]), [[76, 0, 'stranger', 1], [0, 2, 'stranger', 1], [1, 99, 'stranger', 1]])
  assert.deepEqual(seen().refused, running.broker.describe().refusals)
  assert.ok(changes >= 3, 'who watches is told')
  await running.sim.run(running.broker.close())
})

test('records are deleted from topics that delete, not from those that are only compacted', async () => {
  const running = await start(new Sim({ seed: 11 }))
  const client = await running.client()
  const configs = (value: string): { name: string; value: string }[] => [{ name: 'cleanup.policy', value }]
  await running.sim.run(client.request(createTopics, 5, { topics: ['compact', 'compact,delete'].map(policy => ({ name: policy.replace(',', '-'), numPartitions: 1, replicationFactor: 1, configs: configs(policy) })), timeoutMs: 1000 }))
  const { topics } = await running.sim.run(client.request(deleteRecords, 2, { topics: ['compact', 'compact-delete'].map(name => ({ name, partitions: [{ partitionIndex: 0, offset: 0 }] })), timeoutMs: 1000 }))
  assert.deepEqual(topics.map(({ partitions }) => partitions.map(each => [errorName(each.errorCode), Number(each.lowWatermark)])), [[['POLICY_VIOLATION', -1]], [['NONE', 0]]])
  await running.sim.run(running.broker.close())
})

test('garbage costs its own connection and nothing else', async () => {
  const running = await start(new Sim({ seed: 5 }))
  const healthy = await running.client()
  await running.sim.run(healthy.request(createTopics, 5, create('t')))
  const hostile = [
    Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), Buffer.from([0x16, 3, 1, 2, 0]), Buffer.from([0, 0, 0, 0]), Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.concat([Buffer.from([0, 0, 0, 12]), Buffer.from([0, 0, 0, 9]), Buffer.alloc(8, 0xff)]),
    Buffer.concat(encodeRequest(metadata, 9, { correlationId: 0, clientId: 'x' }, { topics: null })).subarray(0, 12).fill(0x7f, 8),
  ]
  let random = 99
  for (let count = 0; count < 200; count++) {
    const frame = Buffer.concat(encodeRequest(produce, 9, { correlationId: 0, clientId: 'x' }, { transactionalId: null, acks: -1, timeoutMs: 1, topicData: [{ name: 't', partitionData: [{ index: 0, records: textBatch(['v']) }] }] }))
    for (let flips = 0; flips < 3; flips++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff
      frame[8 + random % (frame.length - 8)] = random & 0xff
    }
    hostile.push(frame)
  }
  for (const bytes of hostile) {
    const client = await running.client()
    client.raw(bytes)
    await running.sim.advance(20)
    client.close()
  }
  assert.deepEqual(await running.sim.run(send(healthy, 't', textBatch(['still here']))).then(({ error }) => error), 'NONE')
  assert.ok((await read(running, healthy, 't')).every(value => value === 'v' || value === 'still here' || value.length === 1))
  await running.sim.run(running.broker.close())
})

test('a connection that sends nothing is closed after ten seconds', async () => {
  const running = await start(new Sim({ seed: 6 }))
  const client = await running.client()
  await running.sim.advance(9_000)
  assert.equal(client.closed, false)
  await running.sim.advance(2_000)
  assert.equal(client.closed, true)
  await running.sim.run(running.broker.close())
})

test('fault hooks: fail after it was done, answer without doing, cut before and after', async () => {
  const control = new Control()
  const running = await start(new Sim({ seed: 7 }), { control })
  const client = await running.client()
  await running.sim.run(client.request(createTopics, 5, create('t')))
  control.on('Produce', () => ({ kind: 'fail', error: 'NOT_LEADER_OR_FOLLOWER' }), { times: 1 })
  assert.equal((await running.sim.run(send(client, 't', textBatch(['done'])))).error, 'NOT_LEADER_OR_FOLLOWER')
  assert.deepEqual(await read(running, client, 't'), ['done'])
  control.on(10, () => ({ kind: 'answer', body: { errorCode: 15, nodeId: -1, host: '', port: -1 } }), { times: 1 })
  assert.equal((await running.sim.run(client.request(findCoordinator, 1, { key: 'g' }))).errorCode, 15)
  assert.equal((await running.sim.run(client.request(findCoordinator, 1, { key: 'g' }))).errorCode, 0)
  for (const when of ['before', 'after'] as const) {
    control.on('Produce', () => ({ kind: 'cut', when }), { times: 1 })
    const cut = await running.client()
    await assert.rejects(running.sim.run(send(cut, 't', textBatch([when]))))
  }
  assert.deepEqual(await read(running, await running.client(), 't'), ['done', 'after'])
  await running.sim.run(running.broker.close())
})

test('topics deleted and made again are other topics: nothing of the old one is left', async () => {
  const running = await start(new Sim({ seed: 8 }))
  const client = await running.client()
  const make = async (): Promise<string> => (await running.sim.run(client.request(createTopics, 7, create('again')))).topics[0]?.topicId ?? ''
  const first = await make()
  await running.sim.run(send(client, 'again', textBatch(['old'])))
  await running.sim.run(client.request(deleteTopics, 6, { topics: [{ topicId: first }], timeoutMs: 1000 }))
  const second = await make()
  assert.notEqual(first, second)
  assert.deepEqual(await read(running, client, 'again'), [])
  const byOldId = await running.sim.run(client.request(metadata, 12, { topics: [{ topicId: first, name: null }] }))
  assert.equal(errorName(byOldId.topics[0]?.errorCode ?? 0), 'UNKNOWN_TOPIC_ID')
  await running.sim.run(running.broker.close())
})

test('a topic deleted under a produce that waits for its flush costs that produce, not its connection', async () => {
  const running = await start(new Sim({ seed: 9 }))
  const [writer, admin] = [await running.client(), await running.client()]
  await running.sim.run(admin.request(createTopics, 5, create('doomed')))
  const seen = new Set<string>()
  const deleted = admin.request(deleteTopics, 4, { topicNames: ['doomed'], timeoutMs: 1000 })
  while (!seen.has('UNKNOWN_TOPIC_OR_PARTITION')) seen.add((await running.sim.run(send(writer, 'doomed', textBatch(['v'])))).error)
  await running.sim.run(deleted)
  assert.deepEqual([...seen].filter(error => error !== 'NONE' && error !== 'NOT_LEADER_OR_FOLLOWER'), ['UNKNOWN_TOPIC_OR_PARTITION'])
  assert.equal(writer.closed, false)
  await running.sim.run(running.broker.close())
})

test('power cuts at random times: nothing acknowledged is lost, transactions are whole, offsets move with them', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const sim = new Sim({ seed })
    const acknowledged: string[] = []
    /** Round of each transaction → how it ended, as far as the client knows. */
    const ended = new Map<number, 'committed' | 'aborted' | 'unknown'>()
    let cuts = 0
    for (let life = 0; life < 4; life++) {
      const running = await start(sim)
      const client = await running.client()
      await running.sim.run(client.request(createTopics, 7, { topics: [...create('plain').topics, ...create('one').topics, ...create('two').topics] }))
      const work = writeUntilCut(client, life, acknowledged, ended)
      work.catch(() => { /* The power cut ends it. */ })
      await sim.advance(20 + sim.random.next() * 300)
      sim.powerCut()
      cuts++
    }
    const running = await start(sim)
    const client = await running.client()
    const plain = new Set(await read(running, client, 'plain'))
    assert.deepEqual(acknowledged.filter(value => !plain.has(value)), [], `seed ${seed}: acknowledged and lost`)
    // Whoever was cut in a transaction comes back and finds out how it ended.
    for (let attempt = 0; attempt < 50; attempt++) {
      const { errorCode } = await running.sim.run(client.request(initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 60_000 }))
      if (errorCode === 0) break
      await sim.advance(20)
    }
    const [one, two] = [await read(running, client, 'one', 1), await read(running, client, 'two', 1)]
    assert.deepEqual(one, two, `seed ${seed}: a transaction is in one topic and not in the other`)
    const rounds = new Set(one.map(value => Number(value.split('/')[0])))
    for (const [round, how] of ended) if (how !== 'unknown') assert.equal(rounds.has(round), how === 'committed', `seed ${seed}: round ${round} was ${how}`)
    const offsets = await running.sim.run(client.request(offsetFetch, 7, { groupId: 'g', requireStable: true, topics: [{ name: 'plain', partitionIndexes: [0] }] }))
    const last = Math.max(-1, ...rounds)
    assert.equal(offsets.topics[0]?.partitions[0]?.committedOffset, last, `seed ${seed}: the offset of the last committed transaction`)
    assert.equal(cuts, 4)
    await running.sim.run(running.broker.close())
  }
})

/** Plain records, and transactions of version 2 over two topics with an offset commit each; ends when the power is cut. */
async function writeUntilCut(client: WireClient, life: number, acknowledged: string[], ended: Map<number, 'committed' | 'aborted' | 'unknown'>): Promise<void> {
  let producer = await client.request(initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 60_000 })
  while (producer.errorCode !== 0) producer = await client.request(initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 60_000 })
  for (let step = 0; ; step++) {
    const round = life * 10_000 + step
    const { producerId, producerEpoch } = producer
    const value = `${life}-${step}`
    if ((await send(client, 'plain', textBatch([value]))).error === 'NONE') acknowledged.push(value)
    const batch = (): Buffer => textBatch([`${round}/a`, `${round}/b`], { producerId, producerEpoch, baseSequence: 0, transactional: true })
    const sent = await Promise.all(['one', 'two'].map(topic => send(client, topic, batch(), { version: 12, transactionalId: 'tx' })))
    assert.deepEqual(sent.map(each => each.error), ['NONE', 'NONE'])
    const offsets = await client.request(txnOffsetCommit, 5, { transactionalId: 'tx', groupId: 'g', producerId, producerEpoch, topics: [{ name: 'plain', partitions: [{ partitionIndex: 0, committedOffset: round, committedMetadata: null }] }] })
    assert.equal(offsets.topics[0]?.partitions[0]?.errorCode, 0)
    const committed = step % 3 !== 2
    ended.set(round, 'unknown')
    producer = await client.request(endTxn, 5, { transactionalId: 'tx', producerId, producerEpoch, committed })
    assert.equal(producer.errorCode, 0)
    ended.set(round, committed ? 'committed' : 'aborted')
  }
}

test('committed offsets and group metadata come back as they were given, after a clean stop too', async () => {
  const sim = new Sim({ seed: 20 })
  const running = await start(sim)
  const client = await running.client()
  await sim.run(client.request(createTopics, 5, create('t', 3)))
  const commit = await sim.run(client.request(offsetCommit, 8, { groupId: 'g', topics: [{ name: 't', partitions: [{ partitionIndex: 2, committedOffset: 42, committedLeaderEpoch: 0, committedMetadata: 'a 值' }] }] }))
  assert.equal(commit.topics[0]?.partitions[0]?.errorCode, 0)
  await sim.run(running.broker.close())
  const again = await start(sim)
  const other = await again.client()
  const fetched = await sim.run(other.request(offsetFetch, 8, { groups: [{ groupId: 'g', topics: null }, { groupId: 'nobody', topics: [{ name: 't', partitionIndexes: [0] }] }] }))
  const [g, nobody] = fetched.groups
  assert.deepEqual(g?.topics.map(topic => topic.partitions.map(({ partitionIndex, committedOffset, metadata: text }) => [partitionIndex, committedOffset, text])), [[[2, 42, 'a 值']]])
  assert.equal(nobody?.topics[0]?.partitions[0]?.committedOffset, -1)
  await sim.run(again.broker.close())
})

test('the offset of a transaction is seen once its end is durable: then its records can be read too', async () => {
  const sim = new Sim({ seed: 8, disk: { syncMs: () => 400 } })
  const running = await start(sim)
  const [client, other] = [await running.client(), await running.client()]
  await sim.run(client.request(createTopics, 5, create('t')))
  const { producerId, producerEpoch } = await sim.run(client.request(initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 60_000 }))
  await sim.run(send(client, 't', textBatch(['a'], { producerId, producerEpoch, baseSequence: 0, transactional: true }), { version: 12, transactionalId: 'tx' }))
  await sim.run(client.request(txnOffsetCommit, 5, { transactionalId: 'tx', groupId: 'g', producerId, producerEpoch, topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }] }))
  const ended = client.request(endTxn, 5, { transactionalId: 'tx', producerId, producerEpoch, committed: true })
  // The markers are written, and their flush is under way.
  await sim.advance(100)
  const fetched = await sim.run(other.request(offsetFetch, 7, { groupId: 'g', requireStable: false, topics: [{ name: 't', partitionIndexes: [0] }] }))
  const stable = await sim.run(other.request(listOffsets, 5, { replicaId: -1, isolationLevel: 1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch: -1 }] }] }))
  assert.equal(fetched.topics[0]?.partitions[0]?.committedOffset, 1)
  assert.equal(Number(stable.topics[0]?.partitions[0]?.offset), 2, 'the record and its marker')
  assert.deepEqual(await read(running, other, 't', 1), ['a'])
  await sim.run(ended)
  await sim.run(running.broker.close())
})

test('who uses which topics is told as it changes, also of a client that only asks and leaves', async () => {
  const sim = new Sim({ seed: 9 })
  const running = await start(sim)
  let changes = 0
  const seen = running.broker.watchClients(() => { changes += 1 })
  const activity = (): readonly ClientActivity[] => seen().clients
  const client = await running.client()
  await sim.run(client.request(apiVersions, 3, { clientSoftwareName: 'some-client', clientSoftwareVersion: '1.2' }))
  await sim.run(client.request(createTopics, 5, create('t')))
  assert.deepEqual(activity().map(each => [each.softwareName, each.softwareVersion, each.reads, each.writes, each.connections, each.goneAt]), [['some-client', '1.2', [], [], 1, null]])
  await sim.run(send(client, 't', textBatch(['a'])))
  await read(running, client, 't')
  assert.deepEqual(activity().map(each => [each.reads, each.writes]), [[['t'], ['t']]])
  const known = changes
  await sim.run(send(client, 't', textBatch(['b'])))
  assert.equal(changes, known, 'a request like the ones before it changes nothing')
  client.close()
  await sim.advance(100)
  const [gone] = activity()
  assert.equal(gone?.connections, 0)
  assert.equal(gone?.goneAt !== null, true)
  await sim.advance(20_000)
  assert.deepEqual(activity(), [])
  await sim.run(running.broker.close())
})

test('a disk that is full to its last byte: commits and producers are told to try again, on a connection that stays, and go on once there is room', async () => {
  const sim = new Sim({ seed: 21 })
  const running = await start(sim)
  const client = await running.client()
  await sim.run(client.request(createTopics, 5, create('t')))
  const commit = async (offset: number): Promise<number | undefined> => {
    const { topics } = await sim.run(client.request(offsetCommit, 8, { groupId: 'g', topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: 0, committedMetadata: '' }] }] }))
    return topics[0]?.partitions[0]?.errorCode
  }
  const init = async (): Promise<number> => (await sim.run(client.request(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 60_000 }))).errorCode
  const committed = async (): Promise<number | undefined> => (await sim.run(client.request(offsetFetch, 7, { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }))).topics[0]?.partitions[0]?.committedOffset
  assert.equal(await commit(1), 0)
  const roomy = sim.disk.capacityBytes
  sim.disk.capacityBytes = sim.disk.usedBytes()
  const notAvailable = errorCode('COORDINATOR_NOT_AVAILABLE')
  assert.deepEqual([await commit(2), await init(), await committed()], [notAvailable, notAvailable, 1])
  sim.disk.capacityBytes = roomy
  assert.deepEqual([await commit(3), await init(), await committed()], [0, 0, 3])
  assert.equal(client.closed, false)
  await sim.run(running.broker.close())
  assert.equal((await sim.run(Broker.start(sim.process('again').env, { directory: '/data', port: PORT }))).describe().groups.length, 1)
})
