/** Producer and fetcher on a real broker: codecs, order, idempotence under cut connections, transactions, fencing. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { Fetcher } from '../../../src/client/fetcher.ts'
import { Producer } from '../../../src/client/producer.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import type { Env, Socket } from '../../../src/env/env.ts'
import { seededRandom } from '../seeded-random.ts'
import { connect, eventually, fresh, newTopic, readAll, sleep, testLogger } from './brokers.ts'
import type { UnderTest } from './brokers.ts'

export function producerSuite(start: () => Promise<UnderTest>): void {
  let kafka: UnderTest
  let cluster: Cluster
  before(async () => {
    kafka = await start()
    cluster = await connect(kafka.bootstrap)
  })
  after(async () => {
    await cluster.close()
    await kafka.stop()
  })

  const text = (value: string): Buffer => Buffer.from(value)

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`${codec}: what is produced is read back, with keys, values, nulls, headers, times and Chinese`, async () => {
      const topic = await newTopic(cluster, 2)
      const producer = new Producer(cluster, { codec })
      await producer.init()
      const sent = Array.from({ length: 2_000 }, (_, index) => ({
        partition: index % 2,
        timestamp: 1_700_000_000_000 + index * 7 % 1_000,
        key: index % 5 === 0 ? null : `键 ${index}`,
        value: index % 7 === 0 ? null : index % 11 === 0 ? '' : `值 ${'x'.repeat(index % 300)} ${index}`,
        headers: index % 3 === 0 ? [{ key: '头', value: index % 2 === 0 ? null : `h${index}` }, { key: '', value: '' }] : [],
      }))
      for (const each of sent) {
        producer.send(topic, each.partition, each.timestamp, each.key === null ? null : text(each.key), each.value === null ? null : text(each.value),
          each.headers.map(({ key, value }) => ({ key, value: value === null ? null : text(value) })))
      }
      await producer.flush()
      assert.equal(producer.bytesBuffered, 0)
      const read = await readAll(cluster, topic)
      for (const partition of [0, 1]) {
        assert.deepEqual(read.filter(each => each.partition === partition).map(({ offset: _, ...rest }) => rest), sent.filter(each => each.partition === partition))
      }
      await producer.close()
    })
  }

  test('acks 0, 1 and all without idempotence arrive in order', async () => {
    for (const acks of [0, 1, -1] as const) {
      const topic = await newTopic(cluster, 1)
      const producer = new Producer(cluster, { acks, idempotent: false, batchBytesMax: 500 })
      for (let index = 0; index < 500; index++) producer.send(topic, 0, Date.now(), null, text(String(index)))
      await producer.flush()
      await eventually('all are there', async () => (await readAll(cluster, topic)).length === 500)
      assert.deepEqual((await readAll(cluster, topic)).map(each => Number(each.value)), Array.from({ length: 500 }, (_, index) => index))
      await producer.close()
    }
  })

  /** The real world, except that connections are cut at random after some writes or some received bytes. */
  function cuttingEnv(seed: number, cutShare: number, enabled: () => boolean): { env: Env, cuts: () => number } {
    const random = seededRandom(seed)
    let cuts = 0
    const env: Env = {
      ...realEnv,
      network: {
        ...realEnv.network,
        async connect(options) {
          const socket = await realEnv.network.connect(options)
          const cut = (): boolean => enabled() && random.below(1_000) < cutShare * 1_000
          const flaky: Socket = {
            remoteAddress: socket.remoteAddress, localAddress: socket.localAddress, localPort: socket.localPort,
            get bytesQueued() { return socket.bytesQueued },
            setHandlers: handlers => socket.setHandlers({
              ...handlers,
              data(chunk) {
                // The request was handled; its answer is lost.
                if (cut()) {
                  cuts++
                  socket.destroy()
                } else handlers.data(chunk)
              },
            }),
            write(chunks) {
              const taken = socket.write(chunks)
              if (cut()) {
                cuts++
                setTimeout(() => socket.destroy(), random.below(4))
              }
              return taken
            },
            pause: () => socket.pause(), resume: () => socket.resume(), end: () => socket.end(), destroy: () => socket.destroy(),
          }
          return flaky
        },
      },
    }
    return { env, cuts: () => cuts }
  }

  test('idempotence: with connections cut at random nothing is lost, doubled or reordered', async context => {
    const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
    context.diagnostic(`seed ${seed}`)
    const topic = await newTopic(cluster, 3)
    let cutting = false
    const { env, cuts } = cuttingEnv(seed, 0.1, () => cutting)
    const flaky = await Cluster.connect(env, { bootstrap: kafka.bootstrap, logger: testLogger, backoffMinMs: 5, backoffMaxMs: 50 })
    let acked = 0
    const producer = new Producer(flaky, { batchBytesMax: 1_000, lingerMs: 1, onAck: (_topic, _partition, _offset, count) => { acked += count } })
    await producer.init()
    cutting = true
    const count = 30_000
    for (let index = 0; index < count; index++) {
      producer.send(topic, index % 3, Date.now(), null, text(String(index)))
      if (index % 300 === 0) await sleep(1)
    }
    await producer.flush()
    cutting = false
    assert.equal(acked, count)
    assert.ok(cuts() >= 10, `${cuts()} cuts`)
    const read = await readAll(cluster, topic)
    for (const partition of [0, 1, 2]) {
      const values = read.filter(each => each.partition === partition).map(each => Number(each.value))
      assert.deepEqual(values, Array.from({ length: count / 3 }, (_, index) => index * 3 + partition), `partition ${partition}, seed ${seed}, ${cuts()} cuts`)
    }
    await producer.close()
    await flaky.close()
  })

  test('a batch that the topic refuses fails alone; what was sent after it arrives once, in order', async () => {
    const topic = await newTopic(cluster, 1, 1, { 'max.message.bytes': '2000' })
    const producer = new Producer(cluster, { batchBytesMax: 1_000 })
    await producer.init()
    for (let index = 0; index < 300; index++) producer.send(topic, 0, Date.now(), null, index === 100 ? Buffer.alloc(5_000, 'x') : text(String(index)))
    await assert.rejects(producer.flush(), (error: { detail?: { kafkaError?: string } }) => error.detail?.kafkaError === 'MESSAGE_TOO_LARGE')
    await producer.flush()
    assert.deepEqual((await readAll(cluster, topic)).map(each => Number(each.value)), Array.from({ length: 300 }, (_, index) => index).filter(index => index !== 100))
    await producer.close()
  })

  test('what a topic or partition lacks is said, and flush rejects', async () => {
    const topic = await newTopic(cluster, 2)
    const producer = new Producer(cluster, { deliveryTimeoutMs: 1_500 })
    await producer.init()
    await cluster.partitions(topic)
    producer.send(topic, 5, Date.now(), null, text('x'))
    await assert.rejects(producer.flush(), /has 2 partitions; there is no partition 5/)
    await producer.close()
    const other = await connect(kafka.bootstrap)
    await assert.rejects(other.partitions(fresh('absent'), { waitMsMax: 200 }), { code: 'BROKER_ERROR' })
    await other.close()
  })

  test('back-pressure: full is reported and drained resolves when half is acknowledged', async () => {
    const topic = await newTopic(cluster, 1)
    const producer = new Producer(cluster, { bytesInFlightMax: 200_000, lingerMs: 60_000 })
    await producer.init()
    while (!producer.full) producer.send(topic, 0, Date.now(), null, Buffer.alloc(1_000))
    await producer.drained()
    assert.ok(producer.bytesBuffered < 100_000)
    await producer.close()
  })

  test('the fetcher keeps to its byte budget, pauses and resumes', async () => {
    const topic = await newTopic(cluster, 2)
    const producer = new Producer(cluster, { batchBytesMax: 20_000 })
    await producer.init()
    for (let index = 0; index < 4_000; index++) producer.send(topic, index % 2, Date.now(), null, Buffer.alloc(1_000))
    await producer.flush()
    await producer.close()
    let wakeups = 0
    const fetcher = new Fetcher(cluster, { isolation: 'read_uncommitted', bytesInFlightMax: 400_000, bytesPerPartitionMax: 100_000, waitMsMax: 100, onData: () => { wakeups++ } })
    fetcher.assign(topic, 0, 0)
    fetcher.assign(topic, 1, 0)
    await eventually('it holds what more than one partition may give', () => fetcher.bytesHeld > 100_000)
    await sleep(300)
    assert.ok(fetcher.bytesHeld <= 460_000, `${fetcher.bytesHeld} bytes`)
    fetcher.pause(topic, 0)
    const held = []
    let next = 0
    while (next < 2_000) {
      const fetched = fetcher.poll()
      if (fetched === undefined) {
        await sleep(2)
        continue
      }
      assert.equal(fetched.partition, 1)
      assert.equal(fetched.offsetWanted, next)
      next = fetched.offsetNext
      assert.ok(fetcher.bytesHeld <= 460_000)
      if (next < 1_900) fetched.release()
      else held.push(fetched)
    }
    assert.ok(held.length > 0 && wakeups > 0)
    for (const each of held) each.release()
    fetcher.resume(topic, 0)
    await eventually('partition 0 goes on', () => fetcher.poll()?.partition === 0)
    await fetcher.close()
  })

  test('an offset out of range stops the partition with an error, or resets', async () => {
    const topic = await newTopic(cluster, 1)
    const producer = new Producer(cluster)
    await producer.init()
    for (let index = 0; index < 10; index++) producer.send(topic, 0, Date.now(), null, text(String(index)))
    await producer.flush()
    await producer.close()
    await new Admin(cluster).deleteRecords([{ topic, partition: 0, offset: 4 }])
    const errors: unknown[] = []
    const strict = new Fetcher(cluster, { isolation: 'read_committed', waitMsMax: 50, onError: (_topic, _partition, error) => { errors.push((error as { detail?: { kafkaError?: string } }).detail?.kafkaError) } })
    strict.assign(topic, 0, 2)
    await eventually('the error', () => errors.length > 0)
    assert.deepEqual(errors, ['OFFSET_OUT_OF_RANGE'])
    await strict.close()
    const lenient = new Fetcher(cluster, { isolation: 'read_committed', waitMsMax: 50, reset: 'earliest' })
    lenient.assign(topic, 0, 2)
    let first: number | undefined
    await eventually('data', () => {
      first ??= lenient.poll()?.offsetWanted
      return first !== undefined
    })
    assert.equal(first, 4)
    await lenient.close()
  })
}
