/** The limits of the broker against those who would use it up (reliability.md, section 3), each from its hostile side. Decoders and codecs: src/wire/hostile-input.test.ts. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../src/base/logger.ts'
import { Broker } from '../../src/broker/broker.ts'
import { Clients } from '../../src/broker/clients.ts'
import { broker } from '../../src/broker/fixture.ts'
import type { BrokerFixture } from '../../src/broker/fixture.ts'
import { GroupCoordinator } from '../../src/broker/groups/coordinator.ts'
import { Listeners } from '../../src/broker/listeners.ts'
import { Users } from '../../src/broker/security/users.ts'
import type { Env, Network, Socket } from '../../src/env/env.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import { produce } from '../../src/wire/apis/00-produce.ts'
import { createTopics } from '../../src/wire/apis/19-create-topics.ts'
import { createPartitions } from '../../src/wire/apis/37-create-partitions.ts'
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { crc32c } from '../../src/wire/crc32c.ts'
import { errorName } from '../../src/wire/error-codes.ts'
import { textBatch, WireClient } from '../support/wire-client.ts'

async function withTopic(work: (client: WireClient, kafka: BrokerFixture) => Promise<void>): Promise<void> {
  const kafka = await broker()
  try {
    const client = await WireClient.connect(realEnv, kafka.port)
    await client.request(createTopics, 7, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1 }], timeoutMs: 1000 })
    await work(client, kafka)
    client.close()
  } finally {
    await kafka.close()
  }
}

async function produced(client: WireClient, batches: readonly Buffer[]): Promise<string[]> {
  const { responses } = await client.request(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData: batches.map(records => ({ index: 0, records })) }] })
  return (responses[0]?.partitionResponses ?? []).map(partition => errorName(partition.errorCode))
}

/** A gzip batch whose data is no gzip, under a right checksum. */
function brokenBatch(): Buffer {
  const batch = new BatchBuilder({ codec: 'gzip' })
  batch.append(0, null, Buffer.from('v'))
  const bytes = Buffer.from(batch.build())
  bytes.fill(0xff, 75)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

function bomb(bytes: number): Buffer {
  const batch = new BatchBuilder({ codec: 'gzip' })
  batch.append(0, null, Buffer.alloc(bytes))
  return batch.build()
}

test('a request of thousands of batches that decompress to nothing, or to much: what they cost together ends, and the next request is served', async () => {
  await withTopic(async (client, kafka) => {
    const broken = brokenBatch()
    // 64 KiB each are counted for a batch that cannot be read.
    const answers = await produced(client, Array.from({ length: 4200 }, () => broken))
    assert.equal(answers.indexOf('MESSAGE_TOO_LARGE'), 4096)
    assert.deepEqual([...new Set(answers)], ['INVALID_RECORD', 'MESSAGE_TOO_LARGE'])
    const small = bomb(7_000_000)
    assert.ok(small.length < 10_000)
    const grown = await produced(client, Array.from({ length: 60 }, () => small))
    const taken = grown.filter(answer => answer === 'NONE').length
    assert.ok(taken > 30 && taken < 42, `${taken} of 60 batches of 7 MB were taken`)
    assert.equal(grown.lastIndexOf('NONE'), taken - 1)
    assert.deepEqual(await produced(client, [small]), ['NONE'])
    assert.equal(kafka.describe().clients.length, 1)
  })
})

test('a batch beyond max.message.bytes is refused, whatever it holds', async () => {
  await withTopic(async client => {
    assert.deepEqual(await produced(client, [textBatch(['x'.repeat(1_048_600)])]), ['MESSAGE_TOO_LARGE'])
    assert.deepEqual(await produced(client, [textBatch(['x'.repeat(1_000_000)])]), ['NONE'])
  })
})

test('one broker has so many partitions at most, however they are asked for', async () => {
  await withTopic(async client => {
    const { topics } = await client.request(createTopics, 7, { topics: [10_001, 0x7fff_ffff].map(numPartitions => ({ name: `n${numPartitions}`, numPartitions, replicationFactor: 1 })), timeoutMs: 1000 })
    assert.deepEqual(topics.map(topic => errorName(topic.errorCode)), ['POLICY_VIOLATION', 'POLICY_VIOLATION'])
    const { results } = await client.request(createPartitions, 3, { topics: [{ name: 't', count: 0x7fff_ffff, assignments: null }], timeoutMs: 1000, validateOnly: false })
    assert.notEqual(errorName(results[0]?.errorCode ?? 0), 'NONE')
  })
})

test('one broker has so many groups at most, of both protocols together and by commits alone; those that are there go on', async () => {
  const sim = new Sim({ seed: 1 })
  const { env } = sim.process('broker')
  const groups = new GroupCoordinator({
    clock: env.clock, logger: silentLogger, log: { append: () => ({ baseOffset: 0, durable: Promise.resolve() }) }, initialRebalanceDelayMs: 0, sessionTimeoutMinMs: 6000,
    topics: { version: 0, names: () => [], find: () => undefined }, consumerSessionTimeoutMs: 45_000, consumerHeartbeatIntervalMs: 5000, newId: () => 'id', groupsMax: 3,
  })
  const commit = (groupId: string): Promise<string> => sim.run(groups.commit({ groupId, memberId: '', groupInstanceId: null, generationId: -1, knowsEpochs: false, offsets: [] }))
  const join = async (groupId: string): Promise<string> => (await sim.run(groups.join(groupId, {
    memberId: '', groupInstanceId: null, clientId: 'c', clientHost: '/h', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }], requireKnownMemberId: false, supportsSkippingAssignment: false,
  }))).error
  const heartbeat = (groupId: string): Promise<unknown> => sim.run(groups.heartbeatConsumer({
    groupId, memberId: 'm', memberEpoch: 0, instanceId: null, rackId: null, rebalanceTimeoutMs: 10_000, subscribedTopicNames: ['t'], subscribedTopicRegex: null, serverAssignor: null, owned: new Map(), clientId: 'c', clientHost: '/h',
  }))
  await heartbeat('consumer')
  assert.deepEqual([await commit('commits'), await join('joins')], ['NONE', 'NONE'])
  assert.deepEqual([await commit('more'), await join('more')], ['GROUP_MAX_SIZE_REACHED', 'GROUP_MAX_SIZE_REACHED'])
  await assert.rejects(heartbeat('more'), { error: 'GROUP_MAX_SIZE_REACHED' })
  assert.equal(await commit('commits'), 'NONE')
  await groups.close()
})

/** A socket that the test holds the other end of; nothing comes over it. */
function silentSocket(remoteAddress: string): Socket & { destroyed: boolean } {
  return {
    remoteAddress, localAddress: '127.0.0.1', localPort: 1, bytesQueued: 0, destroyed: false,
    setHandlers() { /* Nothing is ever sent. */ }, write: () => true, pause() { /* As it is. */ }, resume() { /* As it is. */ }, end() { this.destroyed = true }, destroy() { this.destroyed = true },
  }
}

test('connections: so many of one address, so many in all; one that leaves makes room', async () => {
  const { env } = new Sim({ seed: 1 }).process('broker')
  let accept: (socket: Socket) => void = () => {}
  const network: Network = { connect: () => Promise.reject(new Error('nobody connects out')), listen: ({ host, port }, onConnection) => {
    accept = onConnection
    return Promise.resolve({ host, port, close: () => Promise.resolve() })
  } }
  const world: Env = { ...env, network }
  const listeners = new Listeners({ env: world, logger: silentLogger, clients: new Clients(() => env.clock.now()), users: Users.open(world, '/users.json'), sessionLifetimeMs: 0, onSent: () => {}, onFrame: () => 'none' })
  await listeners.listen({ protocol: 'PLAINTEXT', host: '10.0.0.1', port: 9092, tls: undefined, mechanisms: [], advertise: undefined })
  const come = (host: string): ReturnType<typeof silentSocket> => {
    const socket = silentSocket(`${host}:1`)
    accept(socket)
    return socket
  }
  const first = Array.from({ length: 1000 }, () => come('10.0.0.2'))
  assert.deepEqual([first.some(socket => socket.destroyed), listeners.count], [false, 1000])
  assert.equal(come('10.0.0.2').destroyed, true)
  for (let more = 0; more < 24; more++) assert.equal(come('10.0.0.3').destroyed, false)
  assert.equal(come('10.0.0.4').destroyed, true)
  assert.equal(listeners.count, 1024)
  await listeners.close(0)
})

test("what is on the disk is its owner's alone, and a link in its place is not followed", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-limits-'))
  try {
    const directory = join(folder, 'data')
    const running = await Broker.start(realEnv, { directory, port: 0 })
    const client = await WireClient.connect(realEnv, running.port)
    await client.request(createTopics, 7, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1 }], timeoutMs: 1000 })
    assert.deepEqual(await produced(client, [textBatch(['v'])]), ['NONE'])
    client.close()
    await running.close()
    const modes = readdirSync(directory, { recursive: true, withFileTypes: true }).map(entry => [entry.name, statSync(join(entry.parentPath ?? entry.path, entry.name)).mode & 0o077] as const)
    assert.ok(modes.length > 10)
    assert.deepEqual(modes.filter(([, mode]) => mode !== 0), [])
    assert.equal(statSync(directory).mode & 0o777, 0o700)
    // Somebody else's file, where the broker would write its own.
    const target = join(folder, 'target')
    renameSync(join(directory, 'topics'), target)
    symlinkSync(target, join(directory, 'topics'))
    await assert.rejects(Broker.start(realEnv, { directory, port: 0 }), /ELOOP|symbolic/)
    rmSync(join(directory, 'topics'))
    writeFileSync(join(directory, 'users.json'), '{"version":1,"users":{}}')
    chmodSync(join(directory, 'users.json'), 0o640)
    await assert.rejects(Broker.start(realEnv, { directory, port: 0 }), { code: 'CONFIG_INVALID', message: /others than its owner may use it/ })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
