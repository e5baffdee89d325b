/**
 * KAFKA-17754: a request of an old transaction that the network delivers when a later one is under way. Under transactions v2 every transaction has an epoch
 * of its own, and the broker refuses it; under version 1 a late EndTxn ends whatever is open, which the last test here shows: so the tests can turn red.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Cluster } from '../../../src/client/cluster.ts'
import { Producer } from '../../../src/client/producer.ts'
import { produce } from '../../../src/wire/apis/00-produce.ts'
import { endTxn } from '../../../src/wire/apis/26-end-txn.ts'
import { errorName } from '../../../src/wire/error-codes.ts'
import { FrameProxy } from '../frame-proxy.ts'
import { connect, fresh, newTopic, readAll, testLogger } from './brokers.ts'
import type { UnderTest } from './brokers.ts'

const text = (value: string): Buffer => Buffer.from(value)
const STALE = ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED']

export function lateFramesSuite(start: () => Promise<UnderTest>): void {
  let kafka: UnderTest
  let cluster: Cluster
  let proxy: FrameProxy
  before(async () => {
    kafka = await start()
    cluster = await connect(kafka.bootstrap)
    proxy = await FrameProxy.start(Number(kafka.bootstrap.split(':')[1]))
  })
  after(async () => {
    await cluster.close()
    await proxy.close()
    await kafka.stop()
  })

  /** A cluster behind the proxy, in the given version of transactions. */
  const behindProxy = async (version: 1 | 2): Promise<Cluster> => {
    const through = await Cluster.connect(proxy.env, { bootstrap: kafka.bootstrap, clientId: 'late', logger: testLogger })
    assert.equal(through.features.transactionVersion, 2, 'this broker has finalized transaction.version 2')
    if (version === 1) Object.defineProperty(through, 'features', { value: { ...through.features, transactionVersion: 1 } })
    return through
  }
  const values = async (topic: string, isolation?: 'read_uncommitted'): Promise<(string | null)[]> => (await readAll(cluster, topic, isolation)).map(each => each.value)

  /** One transaction whose EndTxn is held and sent again, and the next one, open, when the held one arrives. */
  const lateEnd = async (version: 1 | 2, how: 'commit' | 'abort'): Promise<{ readonly topic: string, readonly producer: Producer, readonly error: string, readonly close: () => Promise<void> }> => {
    const through = await behindProxy(version)
    const topic = await newTopic(cluster, 1)
    const producer = new Producer(through, { transactionalId: fresh('late') })
    await producer.init()
    producer.begin()
    producer.send(topic, 0, Date.now(), null, text('first'))
    await producer.flush()
    const held = proxy.hold(endTxn)
    await (how === 'commit' ? producer.commit() : producer.abort())
    producer.begin()
    producer.send(topic, 0, Date.now(), null, text('second'))
    await producer.flush()
    const frame = await held
    assert.equal(frame.version >= 5, version === 2)
    const { errorCode } = await frame.release()
    return { topic, producer, error: errorName(errorCode), close: async () => { await producer.close(); await through.close() } }
  }

  test('v2: a late EndTxn (commit) does not commit the next transaction, which is aborted', async () => {
    const { topic, producer, error, close } = await lateEnd(2, 'commit')
    assert.ok(STALE.includes(error), error)
    await producer.abort()
    assert.deepEqual(await values(topic), ['first'])
    assert.deepEqual(await values(topic, 'read_uncommitted'), ['first', 'second'])
    await close()
  })

  test('v2: a late EndTxn (abort) does not abort the next transaction, which is committed', async () => {
    const { topic, producer, error, close } = await lateEnd(2, 'abort')
    assert.ok(STALE.includes(error), error)
    await producer.commit()
    assert.deepEqual(await values(topic), ['second'])
    await close()
  })

  test('v2: a Produce of an aborted transaction that arrives in the next one is refused', async () => {
    const through = await behindProxy(2)
    const topic = await newTopic(cluster, 1)
    const producer = new Producer(through, { transactionalId: fresh('late') })
    await producer.init()
    producer.begin()
    const held = proxy.hold(produce)
    producer.send(topic, 0, Date.now(), null, text('old'))
    await producer.flush()
    await producer.abort()
    producer.begin()
    producer.send(topic, 0, Date.now(), null, text('new'))
    await producer.flush()
    const answer = await (await held).release()
    const code = answer.responses[0]?.partitionResponses[0]?.errorCode ?? 0
    assert.equal(errorName(code), 'INVALID_PRODUCER_EPOCH')
    await producer.commit()
    assert.deepEqual(await values(topic), ['new'])
    assert.deepEqual(await values(topic, 'read_uncommitted'), ['old', 'new'], 'what was sent again, and no second copy')
    await producer.close()
    await through.close()
  })

  for (const version of [2, 1] as const) {
    test(`v${version}: a Produce that arrives when its producer has been fenced leaves nothing in the log`, async () => {
      const dying = await behindProxy(version)
      const topic = await newTopic(cluster, 1)
      const transactionalId = fresh('late')
      const zombie = new Producer(dying, { transactionalId })
      await zombie.init()
      zombie.begin()
      const held = proxy.hold(produce)
      zombie.send(topic, 0, Date.now(), null, text('zombie'))
      const flushed = zombie.flush().then(() => 'flushed', () => 'gone')
      const frame = await held
      // It dies before it can send anything again.
      await dying.close()
      const successor = new Producer(cluster, { transactionalId })
      await successor.init()
      successor.begin()
      successor.send(topic, 0, Date.now(), null, text('good'))
      await successor.flush()
      const answer = await frame.release()
      assert.equal(errorName(answer.responses[0]?.partitionResponses[0]?.errorCode ?? 0), 'INVALID_PRODUCER_EPOCH')
      await successor.commit()
      assert.deepEqual(await values(topic), ['good'])
      assert.deepEqual(await values(topic, 'read_uncommitted'), ['good'])
      assert.equal(await flushed, 'gone')
      await successor.close()
    })
  }

  test('v1, to show what is prevented: a late EndTxn (commit) commits what its producer then aborts', async () => {
    const { topic, producer, error, close } = await lateEnd(1, 'commit')
    assert.equal(error, 'NONE')
    await producer.abort().catch(() => {})
    assert.deepEqual(await values(topic), ['first', 'second'])
    await close()
  })
}
