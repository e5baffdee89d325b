/** Group members on a real broker: two of ours, and ours beside librdkafka's, with range and cooperative-sticky. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { cooperativeStickyAssignor, GroupMember, rangeAssignor } from '../../../src/exports/client.ts'
import type { Assignor, Cluster, GroupIdentity, TopicPartition } from '../../../src/exports/client.ts'
import { Admin } from '../../../src/client/admin.ts'
import { Producer } from '../../../src/client/producer.ts'
import { need, PYTHON_PACKAGES } from '../need.ts'
import { startProcess } from '../processes.ts'
import { connect, eventually, fresh, newTopic, sleep } from './brokers.ts'
import type { UnderTest } from './brokers.ts'

export function groupSuite(start: () => Promise<UnderTest>, options: { readonly librdkafka: boolean }): void {
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

  /** Who owns what, over several members of one process: fails when a partition is owned twice. */
  class Ownership {
    readonly owners = new Map<number, string>()
    readonly log: string[] = []

    assigned(name: string, partitions: readonly TopicPartition[]): void {
      this.log.push(`${name} + ${numbers(partitions)}`)
      for (const { partition } of partitions) {
        assert.equal(this.owners.get(partition), undefined, `partition ${partition} is given to ${name} while owned\n${this.log.join('\n')}`)
        this.owners.set(partition, name)
      }
    }

    released(name: string, partitions: readonly TopicPartition[]): void {
      this.log.push(`${name} - ${numbers(partitions)}`)
      for (const { partition } of partitions) {
        assert.equal(this.owners.get(partition), name, `${name} gives up partition ${partition}, which it does not own`)
        this.owners.delete(partition)
      }
    }

    countOf(name: string): number {
      return [...this.owners.values()].filter(owner => owner === name).length
    }
  }

  const numbers = (partitions: readonly TopicPartition[]): string => partitions.map(each => each.partition).join(',')

  function member(on: Cluster, ownership: Ownership, name: string, groupId: string, topic: string, assignor: Assignor, more: { groupInstanceId?: string, onRevoked?: (partitions: readonly TopicPartition[], identity: GroupIdentity) => Promise<void> } = {}): GroupMember {
    return new GroupMember(on, {
      groupId, topics: [topic], assignors: [assignor], sessionTimeoutMs: 6_000, heartbeatIntervalMs: 300, groupInstanceId: more.groupInstanceId,
      onAssigned: partitions => ownership.assigned(name, partitions),
      onRevoked: async (partitions, identity) => {
        await more.onRevoked?.(partitions, identity)
        ownership.released(name, partitions)
      },
      onLost: partitions => ownership.released(name, partitions),
    })
  }

  for (const assignor of [rangeAssignor, cooperativeStickyAssignor]) {
    test(`${assignor.name}: one, two, three and again fewer members share all partitions, none twice`, async () => {
      const topic = await newTopic(cluster, 7)
      const groupId = fresh('g')
      const ownership = new Ownership()
      const a = member(cluster, ownership, 'a', groupId, topic, assignor)
      await a.start()
      assert.equal(ownership.countOf('a'), 7)
      const other = await connect(kafka.bootstrap)
      const b = member(other, ownership, 'b', groupId, topic, assignor)
      const c = member(cluster, ownership, 'c', groupId, topic, assignor)
      await b.start()
      await eventually('two members share', () => ownership.owners.size === 7 && Math.abs(ownership.countOf('a') - ownership.countOf('b')) === 1)
      const kept = [...ownership.owners].filter(([, owner]) => owner === 'a').map(([partition]) => partition)
      await c.start()
      await eventually('three members share', () => ownership.owners.size === 7 && ['a', 'b', 'c'].every(name => ownership.countOf(name) >= 2))
      if (assignor.protocol === 'cooperative') {
        assert.ok(kept.filter(partition => ownership.owners.get(partition) === 'a').length >= 2, `a keeps what it may:\n${ownership.log.join('\n')}`)
        assert.ok(ownership.log.filter(line => line.startsWith('a - ')).every(line => !line.includes('0,1,2,3,4,5,6')), 'nobody gives up everything')
      }
      await b.close()
      await eventually('two are left', () => ownership.owners.size === 7 && ownership.countOf('b') === 0)
      await Promise.all([a.close(), c.close()])
      assert.equal(ownership.owners.size, 0)
      assert.equal((await new Admin(cluster).describeGroups([groupId]))[0]?.state, 'Empty')
      await other.close()
    })
  }

  test('a commit inside of onRevoked is accepted, one of an old generation is refused', async () => {
    const topic = await newTopic(cluster, 2)
    const groupId = fresh('g')
    const ownership = new Ownership()
    let committed = 0
    const a: GroupMember = member(cluster, ownership, 'a', groupId, topic, rangeAssignor, {
      onRevoked: async (partitions, identity) => {
        await a.commitOffsets(partitions.map(at => ({ ...at, offset: 42, metadata: 'clock' })), identity)
        committed++
      },
    })
    await a.start()
    const old = a.identity()
    const b = member(cluster, ownership, 'b', groupId, topic, rangeAssignor)
    await b.start()
    await eventually('both own one', () => ownership.countOf('a') === 1 && ownership.countOf('b') === 1)
    assert.equal(committed, 1)
    assert.ok(a.generation > old.generation)
    await assert.rejects(a.commitOffsets([{ topic, partition: 0, offset: 99 }], old), { code: 'GROUP_ERROR' })
    const offsets = await a.fetchOffsets([{ topic, partition: 0 }, { topic, partition: 1 }], { requireStable: true })
    assert.deepEqual(offsets.map(({ partition, offset, metadata }) => [partition, offset, metadata]), [[0, 42, 'clock'], [1, 42, 'clock']])
    await Promise.all([a.close(), b.close()])
  })

  test('a member that was silent for longer than its session loses its partitions, rejoins, and its old commits are refused', async () => {
    const topic = await newTopic(cluster, 2)
    const groupId = fresh('g')
    const lost: number[] = []
    let assigned = 0
    const a = new GroupMember(cluster, {
      groupId, topics: [topic], assignors: [rangeAssignor], sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500,
      onAssigned: partitions => { assigned += partitions.length }, onRevoked: () => {}, onLost: partitions => { lost.push(...partitions.map(each => each.partition)) },
    })
    await a.start()
    const before = a.identity()
    // The event loop stands still for longer than the session, as a long synchronous computation would make it.
    const until = Date.now() + 7_500
    while (Date.now() < until) { /* busy */ }
    await assert.rejects(a.commitOffsets([{ topic, partition: 0, offset: 1 }], before), { code: 'GROUP_ERROR' })
    await eventually('it lost both and owns both again', () => lost.length === 2 && assigned === 4)
    assert.notEqual(a.identity().memberId, before.memberId)
    await a.close()
  })

  test('a static member that comes back within its session gets its partitions without a rebalance of the others', async () => {
    const topic = await newTopic(cluster, 4)
    const groupId = fresh('g')
    const ownership = new Ownership()
    const a = member(cluster, ownership, 'a', groupId, topic, rangeAssignor, { groupInstanceId: 'instance-a' })
    const b = member(cluster, ownership, 'b', groupId, topic, rangeAssignor, { groupInstanceId: 'instance-b' })
    await a.start()
    await b.start()
    await eventually('both own two', () => ownership.countOf('a') === 2 && ownership.countOf('b') === 2)
    const generation = a.generation
    const lines = ownership.log.length
    await b.close()
    const again = member(cluster, ownership, 'b', groupId, topic, rangeAssignor, { groupInstanceId: 'instance-b' })
    await again.start()
    assert.equal(ownership.countOf('b'), 2)
    await sleep(700)
    assert.equal(a.generation, generation)
    assert.deepEqual(ownership.log.slice(lines).filter(line => line.startsWith('a')), [])
    let failure: Error | undefined
    const thief = new GroupMember(cluster, { groupId, topics: [topic], assignors: [rangeAssignor], groupInstanceId: 'instance-a', sessionTimeoutMs: 6_000, heartbeatIntervalMs: 300, onAssigned: () => {}, onRevoked: () => {}, onLost: () => {}, onFailed: error => { failure = error } })
    await thief.start()
    await eventually('the first holder of the static id is fenced', () => a.generation === -1)
    assert.equal(failure, undefined)
    await thief.close({ leave: true })
    await again.close({ leave: true })
    const [described] = await new Admin(cluster).describeGroups([groupId])
    assert.deepEqual([described?.state, described?.members], ['Empty', []])
    await a.close()
  })

  test('the leader notices new partitions', async () => {
    const topic = await newTopic(cluster, 2)
    const ownership = new Ownership()
    const a = member(cluster, ownership, 'a', fresh('g'), topic, cooperativeStickyAssignor)
    await a.start()
    await new Admin(cluster).createPartitions(topic, 5)
    await eventually('it owns all five', () => ownership.countOf('a') === 5)
    await a.close()
  })

  for (const [assignor, strategy] of !options.librdkafka ? [] : [[rangeAssignor, 'range'], [cooperativeStickyAssignor, 'cooperative-sticky']] as const) {
    test(`${strategy}: a member of ours shares a group with librdkafka's, whoever of them leads`, async () => {
      need('python')
      const topic = await newTopic(cluster, 6)
      const producer = new Producer(cluster)
      await producer.init()
      for (let index = 0; index < 600; index++) producer.send(topic, index % 6, Date.now(), null, Buffer.from(String(index)))
      await producer.flush()
      for (const oursFirst of [true, false]) {
        const groupId = fresh('g')
        const ownership = new Ownership()
        const ours = member(cluster, ownership, 'ours', groupId, topic, assignor)
        if (oursFirst) await ours.start()
        const theirs = startProcess('python3', ['-u', '-c', PYTHON_MEMBER, kafka.bootstrap, groupId, topic, strategy], { env: { PYTHONPATH: PYTHON_PACKAGES } })
        const owned = (): number => Number([...theirs.stdout().matchAll(/owned (\d+)\n/g)].at(-1)?.[1] ?? 0)
        if (!oursFirst) {
          await theirs.waitFor(/owned 6/)
          await ours.start()
        }
        await eventually('three each', () => ownership.countOf('ours') === 3 && owned() === 3)
        theirs.child.stdin?.write('stop\n')
        await theirs.waitFor(/closed/)
        await eventually('ours has all', () => ownership.countOf('ours') === 6)
        await ours.close()
        await theirs.exited
      }
      await producer.close()
    })
  }
}

const PYTHON_MEMBER = `
import sys, threading
from confluent_kafka import Consumer
bootstrap, group, topic, strategy = sys.argv[1:5]
c = Consumer({'bootstrap.servers': bootstrap, 'group.id': group, 'partition.assignment.strategy': strategy, 'auto.offset.reset': 'earliest',
              'session.timeout.ms': 6000, 'heartbeat.interval.ms': 300})
owned = set()
cooperative = strategy == 'cooperative-sticky'
def on_assign(c, ps):
    if cooperative: c.incremental_assign(ps)
    else:
        owned.clear(); c.assign(ps)
    owned.update(p.partition for p in ps); print('owned', len(owned))
def on_revoke(c, ps):
    if cooperative: c.incremental_unassign(ps)
    else: c.unassign()
    owned.difference_update(p.partition for p in ps); print('owned', len(owned))
c.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
while not stop.is_set(): c.poll(0.1)
c.close()
print('closed')
`
