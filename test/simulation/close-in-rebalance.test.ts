/**
 * Closing while a rebalance waits for a member that is dead: nobody waits for that one's session to time out. What was done is committed in the
 * generation that still holds, the group is left, and who takes over finds every record once.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import type { Assignor } from '../../src/client/assignor.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { FetchedCursor } from '../../src/client/fetched-batches.ts'
import { Fetcher } from '../../src/client/fetcher.ts'
import { GroupMember } from '../../src/client/group-member.ts'
import { Producer } from '../../src/client/producer.ts'
import { rangeAssignor } from '../../src/client/range-assignor.ts'
import { cooperativeStickyAssignor } from '../../src/client/sticky-assignor.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'

const PARTITIONS = 4
const SESSION_MS = 10_000
/** Far below the session timeout, far above what a close takes on the simulated network. */
const CLOSE_MS_MAX = 1_500
const CLICKS = 400

const clicks = topic('clicks', { key: text, value: text, partitions: PARTITIONS })
const counts = topic('counts', { key: text, value: int64, partitions: PARTITIONS })
const described = app('counting').task('count', ({ read }) => read(clicks).aggregate('per-key', { zero: () => 0, add: count => count + 1, state: int64 }).write(counts))

async function startBroker(sim: Sim): Promise<{ cluster: Cluster, env: SimProcess['env'] }> {
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/broker', port: 9092 }))
  const { env } = sim.process('test')
  return { env, cluster: await sim.run(Cluster.connect(env, { bootstrap: '127.0.0.1:9092', clientId: 'test' })) }
}

async function startMember(sim: Sim, name: string, assignor: Assignor): Promise<{ process: SimProcess, member: GroupMember, joined: Promise<void> }> {
  const process = sim.process(name)
  const cluster = await sim.run(Cluster.connect(process.env, { bootstrap: '127.0.0.1:9092' }))
  const member = new GroupMember(cluster, {
    groupId: 'g', topics: ['clicks'], assignors: [assignor], sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: 400,
    onAssigned: () => {}, onRevoked: () => {}, onLost: () => {},
  })
  return { process, member, joined: member.start() }
}

for (const assignor of [rangeAssignor, cooperativeStickyAssignor]) {
  test(`${assignor.name}: a member leaves while the group waits for a dead one, also one that never got in`, async () => {
    const sim = new Sim({ seed: 5 })
    const { cluster, env } = await startBroker(sim)
    await sim.run(new Admin(cluster).createTopics([{ name: 'clicks', partitions: PARTITIONS }]))
    const first = await startMember(sim, 'first', assignor)
    const second = await startMember(sim, 'second', assignor)
    await sim.run(Promise.all([first.joined, second.joined]))
    await sim.runUntil(() => first.member.stable && second.member.stable && first.member.owned.length === 2 && second.member.owned.length === 2, { what: 'two members' })
    second.process.kill()
    const third = await startMember(sim, 'third', assignor)
    await sim.advance(2_000)
    assert.ok(!first.member.stable && !third.member.stable, 'the group waits for the dead member')
    const began = env.clock.monotonic()
    await sim.run(Promise.all([first.member.close(), third.member.close(), third.joined]))
    assert.ok(env.clock.monotonic() - began < CLOSE_MS_MAX, `closed after ${env.clock.monotonic() - began} ms`)
    const [group] = await sim.run(new Admin(cluster).describeGroups(['g']))
    assert.equal(group?.members.length, 1, 'only the dead one is still thought to be there')
  })
}

function startMachine(sim: Sim, name: string): { process: SimProcess, running: AppProcess, started: Promise<void> } {
  const process = sim.process(name)
  const stores = new MemoryStores({ defer: callback => sim.time.schedule({ alive: true }, 'io', 0, callback) })
  const running = new AppProcess(described, { env: process.env, bootstrap: '127.0.0.1:9092', dataDirectory: `/${name}`, threads: 0, metrics: false, sessionTimeoutMs: SESSION_MS, stores })
  return { process, running, started: running.start() }
}

/** Per key how often each count was committed. */
async function committedCounts(sim: Sim, cluster: Cluster): Promise<Map<string, bigint[]>> {
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', waitMsMax: 50, onError: (_topic, _partition, error) => { throw error } })
  const found = new Map<string, bigint[]>()
  const cursor = new FetchedCursor()
  await sim.run((async () => {
    for (let partition = 0; partition < PARTITIONS; partition++) fetcher.assign('counts', partition, 'earliest')
    for (let idle = 0; idle < 50;) {
      const fetched = fetcher.poll()
      if (fetched === undefined) {
        idle++
        await cluster.env.clock.sleep(20)
        continue
      }
      cursor.open(fetched)
      while (cursor.next()) {
        const key = cursor.buffer.toString('utf8', cursor.keyStart, cursor.keyEnd)
        found.set(key, [...found.get(key) ?? [], cursor.buffer.readBigInt64BE(cursor.valueStart)])
      }
      fetched.release()
    }
    await fetcher.close()
  })())
  return found
}

for (const seed of [1, 2, 3, 4]) {
  test(`seed ${seed}: processes of an app end at once while their group waits for a dead one, and nothing is lost or doubled`, async () => {
    const sim = new Sim({ seed })
    const { cluster, env } = await startBroker(sim)
    const first = startMachine(sim, 'first')
    const second = startMachine(sim, 'second')
    await sim.run(Promise.all([first.started, second.started]))
    await sim.advance(3_000)
    const producer = new Producer(cluster)
    await sim.run(producer.init())
    let sent = 0
    const feeding = (async () => {
      for (; sent < CLICKS; sent++) {
        producer.send('clicks', sent % PARTITIONS, env.clock.now(), Buffer.from(`key ${sent % PARTITIONS}`), Buffer.from('value'))
        await env.clock.sleep(sim.random.between(1, 30))
      }
      await producer.flush()
    })()
    await sim.advance(500)
    second.process.kill()
    const third = startMachine(sim, 'third')
    await sim.advance(1_000 + 200 * seed)
    const began = env.clock.monotonic()
    await sim.run(Promise.all([first.running.close(), third.running.close(), third.started]))
    const took = env.clock.monotonic() - began
    assert.ok(took < CLOSE_MS_MAX, `closed after ${took} ms`)
    const fourth = startMachine(sim, 'fourth')
    await sim.run(Promise.all([fourth.started, feeding]))
    await sim.advance(3_000)
    const found = await committedCounts(sim, cluster)
    for (let key = 0; key < PARTITIONS; key++) {
      assert.deepEqual(found.get(`key ${key}`), Array.from({ length: CLICKS / PARTITIONS }, (_, index) => BigInt(index + 1)), `key ${key}`)
    }
    await sim.run(fourth.running.close())
  })
}
