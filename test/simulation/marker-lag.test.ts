/**
 * Behind the last record there may be control batches and aborted records. A reader that has passed them has no lag, so its group must come to say so, with one
 * commit that nothing else follows.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, text, topic } from 'millrace'
import { Broker } from '../../src/broker/broker.ts'
import { Control } from '../../src/broker/control.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'

const orders = topic('orders', { key: text, value: text, partitions: 1 })
const copies = topic('copies', { key: text, value: text, partitions: 1 })
const described = app('copying').task('copy', ({ read }) => read(orders).write(copies))
const RECORDS = 5

for (const guarantee of ['exactlyOnce', 'atLeastOnce'] as const) {
  test(`${guarantee}: what lies behind the last record is committed too, once`, async () => {
    const sim = new Sim({ seed: 5 })
    const control = new Control()
    await sim.run(Broker.start(sim.process('broker').env, { directory: '/broker', port: 9092, control }))
    const { env } = sim.process('test')
    const cluster = await sim.run(Cluster.connect(env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
    const admin = new Admin(cluster)
    const stores = new MemoryStores({ defer: callback => sim.time.schedule({ alive: true }, 'io', 0, callback) })
    const running = new AppProcess(described, { env: sim.process('app').env, bootstrap: '127.0.0.1:9092', dataDirectory: '/app', threads: 0, metrics: false, stores, guarantee })
    await sim.run(running.start())
    let commits = 0
    for (const api of ['TxnOffsetCommit', 'OffsetCommit'] as const) control.on(api, () => { commits++; return undefined })

    const producer = new Producer(cluster, { transactionalId: 'orders' })
    await sim.run(producer.init())
    const transact = async (outcome: 'commit' | 'abort'): Promise<void> => {
      producer.begin()
      for (let index = 0; index < RECORDS; index++) producer.send('orders', 0, env.clock.now(), Buffer.from(`k${index}`), Buffer.from(outcome))
      await producer.flush()
      await producer[outcome]()
    }
    const lag = async (): Promise<number> => {
      const [end] = await admin.listOffsets([{ topic: 'orders', partition: 0 }], 'latest', { isolation: 'read_committed' })
      const [at] = await admin.groupOffsets('copying.copy', [{ topic: 'orders', partition: 0 }], { requireStable: true })
      assert.ok(end !== undefined && at !== undefined)
      return end.offset - at.offset
    }
    await sim.run(transact('commit'))
    await sim.advance(5_000)
    assert.equal(await sim.run(lag()), 0)

    const before = commits
    await sim.run(transact('abort'))
    await sim.advance(5_000)
    assert.equal(await sim.run(lag()), 0, 'aborted records and their marker are no lag')
    assert.equal(commits, before + 1)
    await sim.advance(30_000)
    assert.equal(commits, before + 1, 'nothing is committed again')
    await sim.run((async () => { await producer.close(); await running.close(); await cluster.close() })())
  })
}
