/**
 * The embedded broker on a file system of 64 MiB that is filled through it: producers are told why, readers go on, and once an old topic
 * is deleted everything goes on by itself. What was acknowledged is there, also after a restart.
 */
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { Producer } from '../../../src/client/producer.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { startTestBroker, type TestBroker } from '../../support/millrace.ts'
import { readAll } from '../runtime/books.ts'

const VALUE_BYTES = 100_000
const OLD_RECORDS = 150

/** Connects, does, disconnects. */
async function withCluster<T>(broker: TestBroker, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'full-disk' })
  try {
    return await work(cluster)
  } finally {
    await cluster.close()
  }
}

/** Numbered values, as large as random-looking text that does not compress; returns the numbers that were acknowledged. */
async function produce(broker: TestBroker, topic: string, from: number, count: number): Promise<{ acknowledged: number[]; refused: Error | undefined }> {
  const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: 30_000, retry: { retries: 0 } })
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  const acknowledged: number[] = []
  try {
    for (let number = from; number < from + count; number++) {
      await producer.send({ topic, acks: -1, messages: [{ key: 'k', value: `${number} ${'x'.repeat(VALUE_BYTES)}` }] })
      acknowledged.push(number)
    }
  } catch (error) {
    return { acknowledged, refused: error instanceof Error ? error : new Error(String(error)) }
  } finally {
    await producer.disconnect()
  }
  return { acknowledged, refused: undefined }
}

async function numbersIn(broker: TestBroker, topic: string): Promise<number[]> {
  const numbers: number[] = []
  await withCluster(broker, cluster => readAll(cluster, topic, (_partition, _offset, _key, value) => {
    assert.equal(value.length - value.indexOf(' ') - 1, VALUE_BYTES)
    numbers.push(Number(value.slice(0, value.indexOf(' '))))
  }))
  return numbers
}

test('a disk of 64 MiB is filled by producers: refused with the reason, readable, and written again after a topic was deleted', async t => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return t.skip('mounting a tmpfs needs Linux and root')
  const directory = mkdtempSync(join(tmpdir(), 'millrace-full-broker-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', directory])
  let broker: TestBroker | undefined
  try {
    broker = await startTestBroker({ directory: join(directory, 'data') })
    await withCluster(broker, cluster => new Admin(cluster).createTopics([{ name: 'old', partitions: 1 }, { name: 'numbers', partitions: 1 }]))
    assert.equal((await produce(broker, 'old', 0, OLD_RECORDS)).refused, undefined)

    const filled = await produce(broker, 'numbers', 0, 1000)
    assert.ok(filled.acknowledged.length > 50, `${filled.acknowledged.length} records fitted`)
    assert.match(String(filled.refused), /Disk error when trying to access log file/, 'what kafkajs makes of KAFKA_STORAGE_ERROR')

    // Our own producer goes on trying, and says at its deadline what was wrong.
    await withCluster(broker, async cluster => {
      const producer = new Producer(cluster, { deliveryTimeoutMs: 10_000 })
      await producer.init()
      producer.send('numbers', 0, Date.now(), null, Buffer.from(`999999 ${'x'.repeat(VALUE_BYTES)}`))
      await assert.rejects(producer.flush(), /was not acknowledged within 10000 ms; the last problem was KAFKA_STORAGE_ERROR \(.*bytes are free on the disk of .*Free space, and producers go on by themselves/)
      await producer.close()
    })

    // Full for producers; readers read, and groups commit out of the reserve.
    assert.deepEqual(await numbersIn(broker, 'numbers'), filled.acknowledged)
    assert.equal((await numbersIn(broker, 'old')).length, OLD_RECORDS)
    await withCluster(broker, async cluster => {
      const admin = new Admin(cluster)
      await admin.alterGroupOffsets('readers', [{ topic: 'numbers', partition: 0, offset: 7 }])
      assert.equal((await admin.groupOffsets('readers', [{ topic: 'numbers', partition: 0 }]))[0]?.offset, 7)
      await admin.deleteTopics(['old'])
    })

    const after = await produce(broker, 'numbers', 1000, 100)
    assert.equal(after.refused, undefined, 'space was freed: producers go on')
    const acknowledged = [...filled.acknowledged, ...after.acknowledged]
    assert.deepEqual(await numbersIn(broker, 'numbers'), acknowledged)

    assert.equal(await broker.stop(), 0)
    broker = await startTestBroker({ directory: join(directory, 'data') })
    assert.deepEqual(await numbersIn(broker, 'numbers'), acknowledged, 'after a restart')
  } finally {
    await broker?.stop()
    execFileSync('umount', [directory])
    rmSync(directory, { recursive: true, force: true })
  }
})
