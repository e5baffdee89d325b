/** Transactions on a real broker, in version 2 and version 1: atomicity, isolation, offsets, fencing, freezing. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import type { Cluster } from '../../../src/client/cluster.ts'
import { Producer } from '../../../src/client/producer.ts'
import { MillraceError } from '../../../src/base/errors.ts'
import { seededRandom } from '../seeded-random.ts'
import { connect, fresh, newTopic, readAll } from './brokers.ts'
import type { UnderTest } from './brokers.ts'

export function transactionSuite(start: () => Promise<UnderTest>): void {
  let kafka: UnderTest
  let cluster: Cluster
  let v1: Cluster
  before(async () => {
    kafka = await start()
    cluster = await connect(kafka.bootstrap)
    v1 = await connect(kafka.bootstrap)
    // What a cluster says that has not finalized transaction.version 2.
    Object.defineProperty(v1, 'features', { value: { ...v1.features, transactionVersion: 1 } })
  })
  after(async () => {
    await cluster.close()
    await v1.close()
    await kafka.stop()
  })

  const text = (value: string): Buffer => Buffer.from(value)

  for (const version of [2, 1] as const) {
    const on = (): Cluster => version === 2 ? cluster : v1

    test(`v${version}: committed records are read, aborted ones are not, whatever the order of the two`, async context => {
      if (version === 2) assert.equal(cluster.features.transactionVersion, 2, 'this broker has finalized transaction.version 2')
      const seed = Date.now() % 1_000_000
      context.diagnostic(`seed ${seed}`)
      const random = seededRandom(seed)
      const topic = await newTopic(cluster, 3)
      const producer = new Producer(on(), { transactionalId: fresh('x'), batchBytesMax: 300 })
      await producer.init()
      const committed: string[] = []
      for (let index = 0; index < 60; index++) {
        producer.begin()
        const values = Array.from({ length: random.below(20) }, (_, each) => `${index}.${each}`)
        for (const value of values) producer.send(topic, random.below(3), Date.now(), null, text(value))
        if (random.below(2) === 0) await producer.flush()
        if (random.below(10) < 6) {
          await producer.commit()
          committed.push(...values)
        } else await producer.abort()
      }
      const read = await readAll(cluster, topic)
      assert.deepEqual(read.map(each => each.value).sort(), committed.sort())
      const all = await readAll(cluster, topic, 'read_uncommitted')
      assert.ok(all.length > read.length, 'aborted records are in the log')
      await producer.close()
    })

    test(`v${version}: frozen transactions: k+1 accumulates while k is committed, and every transaction is atomic`, async () => {
      const topic = await newTopic(cluster, 2)
      const groupId = fresh('g')
      const producer = new Producer(on(), { transactionalId: fresh('x') })
      await producer.init()
      producer.begin()
      let sent = 0
      for (let round = 0; round < 30; round++) {
        for (let each = 0; each < 10; each++) producer.send(topic, sent % 2, Date.now(), null, text(String(sent++)))
        const frozen = producer.freeze()
        const uncommitted = sent
        const done = (async () => {
          await frozen.flush()
          await frozen.sendOffsets({ groupId, generation: -1, memberId: '' }, [{ topic: 'in', partition: 0, offset: uncommitted, metadata: `round ${round}` }].map(each => ({ ...each, topic })))
          await frozen.commit()
        })()
        // Records of k+1, sent while k is on its way.
        for (let each = 0; each < 5; each++) {
          producer.send(topic, sent % 2, Date.now(), null, text(String(sent++)))
          await new Promise(resolve => setImmediate(resolve))
        }
        await done
      }
      // What was sent after the last freeze is dropped by the abort, and nothing else.
      await producer.abort()
      const expected = Array.from({ length: sent - 5 }, (_, index) => index)
      const read = await readAll(cluster, topic)
      assert.deepEqual(read.map(each => Number(each.value)).sort((a, b) => a - b), expected)
      for (const partition of [0, 1]) assert.deepEqual(read.filter(each => each.partition === partition).map(each => Number(each.value)), expected.filter(each => each % 2 === partition))
      const [offset] = await new Admin(cluster).groupOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true })
      assert.deepEqual([offset?.offset, offset?.metadata], [sent - 5, 'round 29'])
      await producer.close()
    })

    test(`v${version}: a newer producer of the same id fences the older, whose open transaction is aborted`, async () => {
      const topic = await newTopic(cluster, 1)
      const transactionalId = fresh('x')
      const zombie = new Producer(on(), { transactionalId })
      await zombie.init()
      zombie.begin()
      zombie.send(topic, 0, Date.now(), null, text('zombie 1'))
      await zombie.flush()
      const successor = new Producer(on(), { transactionalId })
      await successor.init()
      successor.begin()
      successor.send(topic, 0, Date.now(), null, text('successor'))
      await successor.flush()
      zombie.send(topic, 0, Date.now(), null, text('zombie 2'))
      await assert.rejects(zombie.commit(), { code: 'FENCED' })
      assert.throws(() => zombie.send(topic, 0, Date.now(), null, text('zombie 3')), { code: 'FENCED' })
      await successor.commit()
      assert.deepEqual((await readAll(cluster, topic)).map(each => each.value), ['successor'])
      await zombie.close()
      await successor.close()
    })

    test(`v${version}: offsets of an old generation fail the transaction, which can be aborted and the next one succeeds`, async () => {
      const topic = await newTopic(cluster, 1)
      const groupId = fresh('g')
      const producer = new Producer(on(), { transactionalId: fresh('x') })
      await producer.init()
      producer.begin()
      producer.send(topic, 0, Date.now(), null, text('dropped'))
      const frozen = producer.freeze()
      producer.send(topic, 0, Date.now(), null, text('dropped too'))
      await frozen.flush()
      await assert.rejects(frozen.sendOffsets({ groupId, generation: 7, memberId: 'nobody' }, [{ topic, partition: 0, offset: 1 }]), { code: 'GROUP_ERROR' })
      await producer.abort()
      producer.begin()
      producer.send(topic, 0, Date.now(), null, text('kept'))
      await producer.sendOffsets({ groupId, generation: -1, memberId: '' }, [{ topic, partition: 0, offset: 2 }])
      await producer.commit()
      assert.deepEqual((await readAll(cluster, topic)).map(each => each.value), ['kept'])
      await producer.close()
    })

    test(`v${version}: offsets refused for their generation can be sent again with another identity, in the same transaction`, async () => {
      const topic = await newTopic(cluster, 1)
      const groupId = fresh('g')
      const producer = new Producer(on(), { transactionalId: fresh('x') })
      await producer.init()
      producer.begin()
      producer.send(topic, 0, Date.now(), null, text('kept'))
      const frozen = producer.freeze()
      await frozen.flush()
      const offsets = [{ topic, partition: 0, offset: 1 }]
      await assert.rejects(frozen.sendOffsets({ groupId, generation: 7, memberId: 'nobody' }, offsets), { code: 'GROUP_ERROR' })
      await frozen.sendOffsets({ groupId, generation: -1, memberId: '' }, offsets)
      await frozen.commit()
      assert.deepEqual((await readAll(cluster, topic)).map(each => each.value), ['kept'])
      assert.equal((await new Admin(cluster).groupOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true }))[0]?.offset, 1)
      await producer.close()
    })

    test(`v${version}: a failed batch fails the transaction; after the abort sequence numbers are right again`, async () => {
      const topic = await newTopic(cluster, 1, 1, { 'max.message.bytes': '2000' })
      const producer = new Producer(on(), { transactionalId: fresh('x'), batchBytesMax: 500 })
      await producer.init()
      for (let round = 0; round < 3; round++) {
        producer.begin()
        for (let each = 0; each < 50; each++) producer.send(topic, 0, Date.now(), null, each === 20 ? Buffer.alloc(5_000) : text('dropped'))
        await assert.rejects(producer.commit(), MillraceError)
        await producer.abort()
        producer.begin()
        for (let each = 0; each < 50; each++) producer.send(topic, 0, Date.now(), null, text(`${round}.${each}`))
        await producer.commit()
      }
      assert.deepEqual((await readAll(cluster, topic)).map(each => each.value), [0, 1, 2].flatMap(round => Array.from({ length: 50 }, (_, each) => `${round}.${each}`)))
      await producer.close()
    })
  }

  test('a reader with require_stable waits for the transaction that holds the offset', async () => {
    const topic = await newTopic(cluster, 1)
    const groupId = fresh('g')
    const producer = new Producer(cluster, { transactionalId: fresh('x') })
    await producer.init()
    producer.begin()
    await producer.sendOffsets({ groupId, generation: -1, memberId: '' }, [{ topic, partition: 0, offset: 5 }])
    const admin = new Admin(cluster)
    let settled = false
    const stable = admin.groupOffsets(groupId, [{ topic, partition: 0 }], { requireStable: true }).finally(() => { settled = true })
    assert.equal((await admin.groupOffsets(groupId, [{ topic, partition: 0 }]))[0]?.offset, -1)
    await new Promise(resolve => setTimeout(resolve, 300))
    assert.equal(settled, false)
    await producer.commit()
    assert.equal((await stable)[0]?.offset, 5)
    await producer.close()
  })

  test('an empty transaction commits and aborts without a word to the broker', async () => {
    const producer = new Producer(cluster, { transactionalId: fresh('x') })
    await producer.init()
    const { epoch } = producer.identity
    producer.begin()
    assert.equal(producer.transactionEmpty, true)
    await producer.commit()
    producer.begin()
    await producer.abort()
    assert.equal(producer.identity.epoch, epoch)
    assert.throws(() => producer.send('t', 0, 0, null, null), { code: 'USAGE' })
    await producer.close()
  })
}
