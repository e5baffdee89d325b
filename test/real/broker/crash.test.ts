/**
 * SIGKILL of the broker in mid-load, under clients that nobody here wrote: what was acknowledged is there, exactly-once
 * copies stay exact, and groups go on where they were.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realEnv } from '../../../src/env/real/env.ts'
import { endTxn } from '../../../src/wire/apis/26-end-txn.ts'
import { fetch } from '../../../src/wire/apis/01-fetch.ts'
import { initProducerId } from '../../../src/wire/apis/22-init-producer-id.ts'
import { produce } from '../../../src/wire/apis/00-produce.ts'
import { metadata } from '../../../src/wire/apis/03-metadata.ts'
import { createTopics } from '../../../src/wire/apis/19-create-topics.ts'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { eventually } from '../../support/client/brokers.ts'
import { startBroker } from '../../support/broker.ts'
import type { BrokerProcess } from '../../support/broker.ts'
import { kafkaTool, startKafkaTool } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'
import { textBatch, textValues, WireClient } from '../../support/wire-client.ts'

need('kafka', 'kcat')

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function killLoop(broker: BrokerProcess, rounds: number, everyMs: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await sleep(everyMs)
    await broker.kill()
    await broker.start()
  }
}

/** Waits until the group's committed offsets of a topic of four partitions add up to `count`. */
async function committed(broker: BrokerProcess, group: string, topic: string, count: number): Promise<void> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'crash-test' })
  try {
    const partitions = [0, 1, 2, 3].map(partition => ({ topic, partition }))
    await eventually(`${count} are committed`, async () => (await new Admin(cluster).groupOffsets(group, partitions)).reduce((sum, { offset }) => sum + Math.max(0, offset), 0) === count)
  } finally {
    await cluster.close()
  }
}

async function readAll(broker: BrokerProcess, topic: string, isolation = 'read_committed'): Promise<string[]> {
  const { stdout } = await mustRun('kcat', ['-b', broker.bootstrap, '-C', '-t', topic, '-e', '-q', '-o', 'beginning', '-X', `isolation.level=${isolation}`])
  return stdout.split('\n').filter(line => line !== '')
}

test('VerifiableProducer over five kills: everything it was told is acknowledged is there, in order, once', async () => {
  const broker = await startBroker()
  try {
    const producer = startKafkaTool('org.apache.kafka.tools.VerifiableProducer', ['--bootstrap-server', broker.bootstrap, '--topic', 'verified', '--max-messages', '6000', '--throughput', '800', '--acks', '-1'])
    await producer.waitFor(/producer_send_success/)
    await killLoop(broker, 5, 1000)
    const { stdout } = await producer.exited
    const values = stdout.split('\n').flatMap(line => {
      if (!line.includes('producer_send_success')) return []
      // The tool's own line: {"name":"producer_send_success","value":"17", …}.
      const parsed: { value: string } = JSON.parse(line)
      return [parsed.value]
    })
    assert.ok(values.length > 1000, `only ${values.length} were acknowledged`)
    const read = await readAll(broker, 'verified')
    assert.equal(new Set(read).size, read.length, 'a record is there twice')
    const there = new Set(read)
    assert.deepEqual(values.filter(value => !there.has(value)), [], 'acknowledged and lost')
    assert.deepEqual(read, [...read].sort((a, b) => Number(a) - Number(b)), 'out of order')
  } finally {
    await broker.remove()
  }
})

test('TransactionalMessageCopier over kills, with random aborts: the copy is exact', async () => {
  const broker = await startBroker()
  try {
    await mustRun('kcat', ['-b', broker.bootstrap, '-P', '-t', 'source'], { input: Array.from({ length: 20_000 }, (_, index) => String(index)).join('\n') })
    const created = await kafkaTool('org.apache.kafka.tools.TopicCommand', ['--bootstrap-server', broker.bootstrap, '--create', '--topic', 'copy'])
    assert.equal(created.exitCode, 0, created.stderr)
    const copier = startKafkaTool('org.apache.kafka.tools.TransactionalMessageCopier', ['--broker-list', broker.bootstrap, '--input-topic', 'source', '--input-partition', '0',
      '--output-topic', 'copy', '--transactional-id', 'copier', '--consumer-group', 'copiers', '--transaction-size', '50', '--max-messages', '20000', '--enable-random-aborts'])
    await copier.waitFor(/"totalProcessed":[1-9]/)
    await killLoop(broker, 5, 600)
    const ran = await copier.exited
    assert.match(ran.stdout, /ShutdownComplete/)
    const copied = await readAll(broker, 'copy')
    assert.deepEqual(copied, Array.from({ length: 20_000 }, (_, index) => String(index)))
    assert.ok((await readAll(broker, 'copy', 'read_uncommitted')).length > copied.length, 'some transactions were aborted')
  } finally {
    await broker.remove()
  }
})

test('an open transaction survives a SIGKILL of the broker, and its owner commits it', async () => {
  const broker = await startBroker()
  try {
    const before = await WireClient.connect(realEnv, broker.port)
    await before.request(createTopics, 7, { topics: [{ name: 'kept', numPartitions: 1, replicationFactor: 1 }] })
    const { topics: [topic] } = await before.request(metadata, 12, { topics: [{ name: 'kept', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }] })
    assert.ok(topic !== undefined)
    const producer = await before.request(initProducerId, 4, { transactionalId: 'owner', transactionTimeoutMs: 60_000 })
    const { producerId, producerEpoch } = producer
    const send = async (client: WireClient, values: string[], baseSequence: number): Promise<void> => {
      const { responses } = await client.request(produce, 12, { transactionalId: 'owner', acks: -1, timeoutMs: 1000, topicData: [{ name: 'kept', partitionData: [{ index: 0, records: textBatch(values, { producerId, producerEpoch, baseSequence, transactional: true }) }] }] })
      assert.equal(responses[0]?.partitionResponses[0]?.errorCode, 0)
    }
    const read = async (client: WireClient): Promise<string[]> => {
      const { responses } = await client.request(fetch, 11, { maxWaitMs: 0, minBytes: 0, isolationLevel: 1, topics: [{ topic: 'kept', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }] })
      return textValues(responses[0]?.partitions[0]?.records ?? null)
    }
    await send(before, ['a', 'b'], 0)
    await broker.kill()
    await broker.start()
    const after = await WireClient.connect(realEnv, broker.port)
    assert.deepEqual(await read(after), [])
    await send(after, ['c'], 2)
    const ended = await after.request(endTxn, 5, { transactionalId: 'owner', producerId, producerEpoch, committed: true })
    assert.deepEqual([ended.errorCode, ended.producerEpoch], [0, producerEpoch + 1])
    const deadline = Date.now() + 60_000
    while ((await read(after)).length < 3 && Date.now() < deadline) await sleep(10)
    assert.deepEqual(await read(after), ['a', 'b', 'c'])
    // The retry of an answer that was lost, after one more kill.
    await broker.kill()
    await broker.start()
    const later = await WireClient.connect(realEnv, broker.port)
    const again = await later.request(endTxn, 5, { transactionalId: 'owner', producerId, producerEpoch, committed: true })
    assert.deepEqual([again.errorCode, again.producerEpoch], [0, producerEpoch + 1])
    for (const client of [before, after, later]) client.close()
  } finally {
    await broker.remove()
  }
})

test('a group of two goes on after a SIGKILL of the broker without losing its place', async () => {
  const broker = await startBroker({ partitions: 4 })
  try {
    const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, index) => `k${from + index}:${from + index}`).join('\n')
    const send = (from: number, to: number): Promise<unknown> => mustRun('kcat', ['-b', broker.bootstrap, '-P', '-t', 'watched', '-K:'], { input: lines(from, to) })
    await send(0, 500)
    const consumers = [1, 2].map(() => startKafkaTool('org.apache.kafka.tools.VerifiableConsumer', ['--bootstrap-server', broker.bootstrap, '--topic', 'watched', '--group-id', 'watchers',
      '--session-timeout', '10000', '--reset-policy', 'earliest', '--verbose']))
    const values = (): string[] => consumers.flatMap(consumer => [...consumer.stdout().matchAll(/"value":"(\d+)"/g)].map(match => match[1] ?? ''))
    const all = async (count: number): Promise<void> => {
      const deadline = Date.now() + 90_000
      while (new Set(values()).size < count) {
        assert.ok(Date.now() < deadline, `${new Set(values()).size} of ${count} were read`)
        await sleep(50)
      }
    }
    await all(500)
    for (const consumer of consumers) await consumer.waitFor(/partitions_assigned/)
    // The tool names a record before it commits it.
    await committed(broker, 'watchers', 'watched', 500)
    const readBefore = values().length
    await broker.kill()
    await broker.start()
    await send(500, 1000)
    await all(1000)
    // Commits were durable: what was read and committed before the kill is not read again; at most what was on its way is.
    assert.ok(values().length - readBefore <= 500 + 100, `${values().length - readBefore} were read after the kill, 500 were new`)
    for (const consumer of consumers) await consumer.kill('SIGKILL')
  } finally {
    await broker.remove()
  }
})
