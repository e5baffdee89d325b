/** What a transaction costs on the simulated machine: writes of its state, and virtual time from a record in to its result out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { Broker } from '../../src/broker/broker.ts'
import { Control } from '../../src/broker/control.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Fetcher } from '../../src/client/fetcher.ts'
import { Producer } from '../../src/client/producer.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'

async function connected(sim: Sim, control?: Control): Promise<Cluster> {
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/data', port: 9092, control }))
  return sim.run(Cluster.connect(sim.process('test').env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
}

test('a transaction over many partitions writes its state three times: opened, decided, complete', async () => {
  const sim = new Sim({ seed: 1 })
  const cluster = await connected(sim)
  const admin = new Admin(cluster)
  const stateEnd = async (): Promise<number | undefined> => {
    // The last of them is written a moment after the answer, and nobody waits for it.
    await sim.advance(500)
    return (await sim.run(admin.listOffsets([{ topic: '__transaction_state', partition: 0 }], 'latest')))[0]?.offset
  }
  await sim.run(admin.createTopics([{ name: 't', partitions: 8 }]))
  const producer = new Producer(cluster, { transactionalId: 'one' })
  await sim.run(producer.init())
  const before = await stateEnd()
  producer.begin()
  for (let partition = 0; partition < 8; partition++) producer.send('t', partition, 0, null, Buffer.from('x'))
  await sim.run(producer.commit())
  assert.equal(await stateEnd(), (before ?? Number.NaN) + 3)
  const ends = await sim.run(admin.listOffsets(Array.from({ length: 8 }, (_, partition) => ({ topic: 't', partition })), 'latest', { isolation: 'read_committed' }))
  assert.deepEqual(ends.map(end => end.offset), Array.from({ length: 8 }, () => 2))
  await sim.run(producer.close())
})

test('a record that comes alone goes through an exactly-once task without waiting for others', async () => {
  const sim = new Sim({ seed: 2, disk: { syncMs: () => 0.1 } })
  const cluster = await connected(sim)
  const from = topic('from', { key: text, value: text, partitions: 2 })
  const counts = topic('counts', { key: text, value: int64, partitions: 2 })
  const counting = app('counting').task('count', ({ read }) => read(from).aggregate('per-key', { zero: () => 0, add: count => count + 1, state: int64 }).write(counts))
  const stores = new MemoryStores({ defer: callback => sim.time.schedule({ alive: true }, 'io', 0, callback) })
  const running = new AppProcess(counting, { env: sim.process('tasks').env, bootstrap: '127.0.0.1:9092', dataDirectory: '/tasks', threads: 0, metrics: false, stores })
  await sim.run(running.start())
  let seenAt = -1
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', onData: () => { seenAt = sim.time.elapsedMs } })
  for (const partition of [0, 1]) fetcher.assign('counts', partition, 'latest')
  const producer = new Producer(cluster)
  await sim.run(producer.init())
  await sim.advance(5_000)
  // Hop by hop: fetch, produce beside the offsets, end, fetch; each some tenths of a millisecond on the simulated network and disk.
  for (const pauseMs of [100, 1_000, 20_000]) {
    await sim.advance(pauseMs)
    const sentAt = sim.time.elapsedMs
    producer.send('from', 0, cluster.env.clock.now(), Buffer.from('key'), Buffer.from('value'))
    await sim.advance(50)
    assert.ok(seenAt > sentAt && seenAt - sentAt < 5, `after ${pauseMs} ms: ${(seenAt - sentAt).toFixed(2)} ms`)
  }
  await sim.run(fetcher.close())
  await sim.run(producer.close())
  await sim.run(running.close())
})

test('an end that is still being written, as Apache Kafka tells of it after each commit, is waited for by the millisecond', async () => {
  const sim = new Sim({ seed: 3 })
  const control = new Control()
  const cluster = await connected(sim, control)
  await sim.run(new Admin(cluster).createTopics([{ name: 't', partitions: 1 }]))
  const producer = new Producer(cluster, { transactionalId: 'one' })
  await sim.run(producer.init())
  const group = { groupId: 'g', generation: -1, memberId: '' }
  const commit = async (offset: number): Promise<number> => {
    const began = sim.time.elapsedMs
    producer.begin()
    producer.send('t', 0, 0, null, Buffer.from('x'))
    await sim.run(producer.sendOffsets(group, [{ topic: 't', partition: 0, offset }]))
    await sim.run(producer.commit())
    return sim.time.elapsedMs - began
  }
  await commit(1)
  let refused = 0
  for (const api of ['TxnOffsetCommit', 'Produce'] as const) {
    control.on(api, () => {
      refused++
      return { kind: 'fail', error: 'CONCURRENT_TRANSACTIONS' }
    }, { times: 1 })
  }
  const tookMs = await commit(2)
  assert.equal(refused, 2)
  assert.ok(tookMs < 15, `${tookMs.toFixed(1)} ms`)
  await sim.run(producer.close())
})
