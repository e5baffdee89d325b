/** Every admin call on a real broker. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import type { Cluster } from '../../../src/client/cluster.ts'
import { Cluster as ClusterClass } from '../../../src/client/cluster.ts'
import { GroupMember } from '../../../src/client/group-member.ts'
import { Producer } from '../../../src/client/producer.ts'
import { rangeAssignor } from '../../../src/client/range-assignor.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { connect, eventually, fresh, newTopic, readAll } from './brokers.ts'
import type { UnderTest } from './brokers.ts'

export function adminSuite(start: () => Promise<UnderTest>): void {
  let kafka: UnderTest
  let cluster: Cluster
  let admin: Admin
  before(async () => {
    kafka = await start()
    cluster = await connect(kafka.bootstrap)
    admin = new Admin(cluster)
  })
  after(async () => {
    await cluster.close()
    await kafka.stop()
  })

  const kafkaError = (name: string) => (error: { detail?: { kafkaError?: string } }): boolean => error.detail?.kafkaError === name

  test('topics are created, listed, described, widened and deleted', async () => {
    const name = fresh('t')
    await admin.createTopics([{ name, partitions: 2, replicas: 1 }], { validateOnly: true })
    assert.ok(!(await admin.listTopics()).includes(name))
    await admin.createTopics([{ name, partitions: 2, configs: { 'cleanup.policy': 'compact' } }])
    await assert.rejects(admin.createTopics([{ name, partitions: 3 }]), kafkaError('TOPIC_ALREADY_EXISTS'))
    await admin.createTopics([{ name, partitions: 3 }], { existing: 'ok' })
    await eventually('it is listed', async () => (await admin.listTopics()).includes(name))
    const [topic] = await admin.describeTopics([name])
    assert.equal(topic?.partitions.length, 2)
    assert.equal(topic.topicId, cluster.topicId(name))
    assert.deepEqual(topic.partitions.map(each => each.replicas.length), [1, 1])
    await admin.createPartitions(name, 5)
    await eventually('it has five', async () => (await admin.describeTopics([name]))[0]?.partitions.length === 5)
    await assert.rejects(admin.createPartitions(name, 4), kafkaError('INVALID_PARTITIONS'))
    await admin.deleteTopics([name])
    await eventually('it is gone', async () => !(await admin.listTopics()).includes(name))
    await assert.rejects(admin.deleteTopics([name]), kafkaError('UNKNOWN_TOPIC_OR_PARTITION'))
    await assert.rejects(admin.describeTopics([name]), kafkaError('UNKNOWN_TOPIC_OR_PARTITION'))
    await assert.rejects(admin.createTopics([{ name: 'no/slash' }]), kafkaError('INVALID_TOPIC_EXCEPTION'))
  })

  test('configurations of topics and brokers are read and changed', async () => {
    const name = await newTopic(cluster, 1, 1, { 'retention.ms': '1000' })
    const valueOf = async (config: string): Promise<[string | null | undefined, boolean | undefined]> => {
      const entry = (await admin.describeConfigs([{ type: 'topic', name }])).get(name)?.find(each => each.name === config)
      return [entry?.value, entry?.explicit]
    }
    // Any broker may be asked, also one that learns of the topic last.
    await eventually('its configuration is there', () => valueOf('retention.ms').then(() => true, () => false))
    assert.deepEqual(await valueOf('retention.ms'), ['1000', true])
    assert.equal((await valueOf('cleanup.policy'))[1], false)
    await admin.alterConfigs({ type: 'topic', name }, [{ name: 'retention.ms', operation: 'delete' }, { name: 'cleanup.policy', operation: 'append', value: 'compact' }, { name: 'segment.bytes', value: '1048576' }])
    await eventually('the changes are seen', async () => (await valueOf('segment.bytes'))[0] === '1048576')
    assert.equal((await valueOf('retention.ms'))[1], false)
    assert.equal((await valueOf('cleanup.policy'))[0], 'delete,compact')
    await assert.rejects(admin.alterConfigs({ type: 'topic', name }, [{ name: 'no.such.config', value: '1' }]), kafkaError('INVALID_CONFIG'))
    const node = String(cluster.nodes[0]?.id)
    const broker = (await admin.describeConfigs([{ type: 'broker', name: node }])).get(node) ?? []
    assert.ok(broker.length > 10 && broker.some(each => each.name === 'log.retention.ms' || each.name === 'message.max.bytes'))
  })

  test('offsets by end and by time; records are deleted up to an offset', async () => {
    const topic = await newTopic(cluster, 2)
    const producer = new Producer(cluster, { batchBytesMax: 200 })
    await producer.init()
    for (let index = 0; index < 100; index++) producer.send(topic, 0, 1_000_000 + index * 10, null, Buffer.from(String(index)))
    await producer.flush()
    await producer.close()
    const at = async (spec: Parameters<Admin['listOffsets']>[1]): Promise<number[]> =>
      (await admin.listOffsets([{ topic, partition: 0 }, { topic, partition: 1 }], spec)).sort((a, b) => a.partition - b.partition).map(each => each.offset)
    assert.deepEqual(await at('earliest'), [0, 0])
    assert.deepEqual(await at('latest'), [100, 0])
    assert.deepEqual(await at({ timestamp: 1_000_355 }), [36, -1])
    assert.deepEqual(await at({ timestamp: 2_000_000 }), [-1, -1])
    assert.deepEqual(await at('maxTimestamp'), [99, -1])
    await admin.deleteRecords([{ topic, partition: 0, offset: 40 }])
    assert.deepEqual(await at('earliest'), [40, 0])
    assert.equal((await readAll(cluster, topic))[0]?.value, '40')
    await admin.deleteRecords([{ topic, partition: 0, offset: -1 }])
    assert.deepEqual(await at('earliest'), [100, 0])
    await assert.rejects(admin.listOffsets([{ topic, partition: 9 }], 'latest'), { code: 'USAGE' })
  })

  test('groups are listed, described, their offsets read, changed and deleted', async () => {
    const topic = await newTopic(cluster, 3)
    const groupId = fresh('g')
    assert.equal((await admin.describeGroups([groupId]))[0]?.state, 'Dead')
    const member = new GroupMember(cluster, { groupId, topics: [topic], assignors: [rangeAssignor], groupInstanceId: 'one', onAssigned: () => {}, onRevoked: () => {}, onLost: () => {} })
    await member.start()
    await member.commitOffsets([{ topic, partition: 1, offset: 7, metadata: '备注', leaderEpoch: 0 }])
    const [group] = await admin.describeGroups([groupId])
    assert.deepEqual([group?.state, group?.protocol, group?.protocolType], ['Stable', 'range', 'consumer'])
    assert.deepEqual(group?.members.map(each => [each.groupInstanceId, each.clientId, each.topics, each.partitions.length]), [['one', 'client-test', [topic], 3]])
    assert.equal((await admin.listGroups()).find(each => each.groupId === groupId)?.state, 'Stable')
    assert.deepEqual(await admin.groupOffsets(groupId), [{ topic, partition: 1, offset: 7, leaderEpoch: 0, metadata: '备注' }])
    assert.deepEqual((await admin.groupOffsets(groupId, [{ topic, partition: 0 }, { topic, partition: 1 }])).map(each => each.offset), [-1, 7])
    await assert.rejects(admin.alterGroupOffsets(groupId, [{ topic, partition: 1, offset: 3 }]), { code: 'GROUP_ERROR' })
    await assert.rejects(admin.deleteGroups([groupId]), kafkaError('NON_EMPTY_GROUP'))
    await member.close({ leave: true })
    await admin.alterGroupOffsets(groupId, [{ topic, partition: 1, offset: 3 }])
    assert.deepEqual((await admin.groupOffsets(groupId)).map(each => each.offset), [3])
    await admin.deleteGroupOffsets(groupId, [{ topic, partition: 1 }])
    assert.deepEqual(await admin.groupOffsets(groupId), [])
    await admin.alterGroupOffsets(groupId, [{ topic, partition: 1, offset: 3 }])
    await admin.deleteGroups([groupId])
    assert.equal((await admin.describeGroups([groupId]))[0]?.state, 'Dead')
  })

  test('transactions and producers are described, and a hanging one can be aborted', async () => {
    const topic = await newTopic(cluster, 1)
    const transactionalId = fresh('x')
    const producer = new Producer(cluster, { transactionalId })
    await producer.init()
    producer.begin()
    producer.send(topic, 0, Date.now(), null, Buffer.from('open'))
    await producer.flush()
    const { producerId, epoch } = producer.identity
    assert.deepEqual((await admin.listTransactions({ states: ['Ongoing'], producerIds: [producerId] })).map(each => each.transactionalId), [transactionalId])
    const [described] = await admin.describeTransactions([transactionalId])
    assert.deepEqual([described?.state, described?.producerId, described?.epoch, described?.timeoutMs, described?.partitions], ['Ongoing', producerId, epoch, 60_000, [{ topic, partition: 0 }]])
    const [open] = await admin.describeProducers([{ topic, partition: 0 }])
    assert.deepEqual(open?.producers.map(each => [each.producerId, each.epoch, each.lastSequence, each.transactionStartOffset]), [[producerId, epoch, 0, 0]])
    await assert.rejects(admin.abortTransaction({ topic, partition: 0 }, 5), { code: 'USAGE' })
    await producer.abort()
    await eventually('nothing is open', async () => (await admin.describeProducers([{ topic, partition: 0 }]))[0]?.producers[0]?.transactionStartOffset === -1)
    await producer.close()
  })

  test('the cluster is described; an address where nothing listens is named in the error', async () => {
    const described = await admin.describeCluster()
    assert.equal(described.clusterId, cluster.clusterId)
    assert.ok(described.nodes.length > 0 && described.nodes.every(each => each.port > 0))
    await assert.rejects(ClusterClass.connect(realEnv, { bootstrap: '127.0.0.1:1,localhost:2' }), (error: Error & { code?: string }) =>
      error.code === 'CONNECTION_FAILED' && error.message.includes('127.0.0.1:1') && error.message.includes('localhost:2'))
  })
}
