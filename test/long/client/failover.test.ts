/** Three Apache Kafka brokers, each killed once while producers, transactions, readers and a group member go on. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import type { Cluster } from '../../../src/client/cluster.ts'
import { FetchedCursor } from '../../../src/client/fetched-batches.ts'
import { Fetcher } from '../../../src/client/fetcher.ts'
import { GroupMember } from '../../../src/client/group-member.ts'
import { Producer } from '../../../src/client/producer.ts'
import { cooperativeStickyAssignor } from '../../../src/client/sticky-assignor.ts'
import { MillraceError } from '../../../src/base/errors.ts'
import { startKafka } from '../../support/kafka.ts'
import type { Kafka } from '../../support/kafka.ts'
import { connect, eventually, fresh, newTopic, readAll, sleep } from '../../support/client/brokers.ts'

let kafka: Kafka
let cluster: Cluster
before(async () => {
  kafka = await startKafka({ brokers: 3 })
  cluster = await connect(kafka.bootstrap)
})
after(async () => {
  await cluster.close()
  await kafka.stop()
})

const text = (value: string): Buffer => Buffer.from(value)

test('brokers are killed one after the other: nothing is lost, doubled or reordered, in the log, by a reader or in a transaction', async () => {
  const topic = await newTopic(cluster, 6, 3)
  const output = await newTopic(cluster, 3, 3)
  const groupId = fresh('g')
  let running = true

  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  let sent = 0
  const producing = (async () => {
    while (running) {
      for (let each = 0; each < 60; each++) producer.send(topic, sent % 6, Date.now(), null, text(String(sent++)))
      await producer.drained()
      await sleep(20)
    }
    await producer.flush()
  })()

  // Reads along, checking order and completeness as it goes.
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', waitMsMax: 100, onError: (_topic, _partition, error) => { throw error } })
  const next = [0, 1, 2, 3, 4, 5]
  let seen = 0
  for (let partition = 0; partition < 6; partition++) fetcher.assign(topic, partition, 'earliest')
  const cursor = new FetchedCursor()
  const reading = (async () => {
    while (running || seen < sent) {
      const fetched = fetcher.poll()
      if (fetched === undefined) {
        await sleep(10)
        continue
      }
      cursor.open(fetched)
      while (cursor.next()) {
        assert.equal(Number(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd)), next[fetched.partition], `partition ${fetched.partition}`)
        next[fetched.partition] = (next[fetched.partition] ?? 0) + 6
        seen++
      }
      fetched.release()
    }
  })()

  // Counts up in transactions, each with an offset that must agree with what is readable in the end.
  const transactions = new Producer(cluster, { transactionalId: fresh('x') })
  await transactions.init()
  let committed = 0
  const transacting = (async () => {
    while (running) {
      transactions.begin()
      for (let each = 0; each < 9; each++) transactions.send(output, each % 3, Date.now(), null, text(String(committed * 9 + each)))
      try {
        await transactions.sendOffsets({ groupId, generation: -1, memberId: '' }, [{ topic: output, partition: 0, offset: committed + 1 }])
        await transactions.commit()
        committed++
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.detail['outcome'] !== 'unknown', String(error))
        await transactions.abort()
      }
      await sleep(10)
    }
  })()

  const owned = new Set<number>()
  let trouble = 0
  const member = new GroupMember(cluster, {
    groupId: fresh('g'), topics: [topic], assignors: [cooperativeStickyAssignor], sessionTimeoutMs: 10_000, heartbeatIntervalMs: 500,
    onAssigned: partitions => { for (const { partition } of partitions) owned.add(partition) },
    onRevoked: partitions => { for (const { partition } of partitions) owned.delete(partition) },
    onLost: partitions => { for (const { partition } of partitions) owned.delete(partition) },
    onFailed: () => { trouble++ },
  })
  await member.start()

  for (const broker of kafka.brokers) {
    await sleep(1_500)
    await broker.kill()
    const before = { sent, seen, committed }
    await sleep(6_000)
    await eventually(`producing, reading and transactions go on without broker ${broker.id}: ${JSON.stringify({ before, now: { sent, seen, committed } })}`,
      () => seen > before.sent + 600 && committed > before.committed + 5)
    await broker.start()
    await eventually('all replicas are in sync', async () => (await new Admin(cluster).describeTopics([topic, output])).every(each => each.partitions.every(partition => partition.inSync.length === 3)))
  }
  running = false
  await producing
  await transacting
  await reading
  assert.equal(seen, sent)
  assert.equal(owned.size, 6)
  assert.equal(trouble, 0)

  const read = await readAll(cluster, topic)
  assert.equal(read.length, sent)
  const results = await readAll(cluster, output)
  assert.deepEqual(results.map(each => Number(each.value)).sort((a, b) => a - b), Array.from({ length: committed * 9 }, (_, index) => index))
  const [offset] = await new Admin(cluster).groupOffsets(groupId, [{ topic: output, partition: 0 }], { requireStable: true })
  assert.equal(offset?.offset, committed)
  await member.close()
  await fetcher.close()
  await transactions.close()
  await producer.close()
})
