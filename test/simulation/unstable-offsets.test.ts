/**
 * A process dies with its EndTxn on the wire, and another machine gets its shards before the broker carries that EndTxn out: the offsets of the dead
 * one's transaction are pending meanwhile. Who reads the offsets before them does the work a second time (E4: require_stable).
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { silentLogger } from '../../src/base/logger.ts'
import { Broker } from '../../src/broker/broker.ts'
import { Control } from '../../src/broker/control.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { FetchedCursor } from '../../src/client/fetched-batches.ts'
import { Fetcher } from '../../src/client/fetcher.ts'
import { Producer } from '../../src/client/producer.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import { endLastMember } from '../../src/runtime/last-member.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'

const clicks = topic('clicks', { key: text, value: text, partitions: 1 })
const counts = topic('counts', { key: text, value: int64, partitions: 1 })
const described = app('counting').task('count', ({ read }) => read(clicks).aggregate('per-key', { zero: () => 0, add: count => count + 1, state: int64 }).write(counts))
const CLICKS = 20
const END_TXN_DELAY_MS = 4_000

interface Machine {
  readonly process: SimProcess
  readonly running: AppProcess
}

async function startMachine(sim: Sim, name: string): Promise<Machine> {
  const process = sim.process(name)
  const stores = new MemoryStores({ defer: callback => sim.time.schedule({ alive: true }, 'io', 0, callback) })
  const running = new AppProcess(described, { env: process.env, bootstrap: '127.0.0.1:9092', dataDirectory: `/${name}`, threads: 0, metrics: false, stores })
  await sim.run(running.start())
  return { process, running }
}

async function committedValues(sim: Sim, cluster: Cluster): Promise<bigint[]> {
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', waitMsMax: 50, onError: (_topic, _partition, error) => { throw error } })
  const values: bigint[] = []
  const cursor = new FetchedCursor()
  await sim.run((async () => {
    fetcher.assign('counts', 0, 'earliest')
    for (let idle = 0; idle < 50;) {
      const fetched = fetcher.poll()
      if (fetched === undefined) {
        idle++
        await cluster.env.clock.sleep(20)
        continue
      }
      cursor.open(fetched)
      while (cursor.next()) values.push(cursor.buffer.readBigInt64BE(cursor.valueStart))
      fetched.release()
    }
    await fetcher.close()
  })())
  return values
}

test('offsets that the transaction of a dead process holds are waited for: nothing is done twice', async () => {
  const sim = new Sim({ seed: 3 })
  const control = new Control()
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/broker', port: 9092, control }))
  const { env } = sim.process('test')
  const cluster = await sim.run(Cluster.connect(env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
  const first = await startMachine(sim, 'first')

  let delayed = 0
  let carriedOutAt = Infinity
  control.on('EndTxn', () => {
    delayed++
    carriedOutAt = env.clock.now() + END_TXN_DELAY_MS
    return { kind: 'delay', ms: END_TXN_DELAY_MS }
  }, { times: 1 })
  const producer = new Producer(cluster)
  await sim.run((async () => {
    await producer.init()
    for (let index = 0; index < CLICKS; index++) producer.send('clicks', 0, env.clock.now(), Buffer.from('key'), Buffer.from('value'))
    await producer.flush()
  })())
  await sim.runUntil(() => delayed === 1, { what: 'the EndTxn of the first machine' })
  first.process.kill()
  // As the next holder of the slot does: the dead member goes at once, its transaction stays.
  await sim.run(endLastMember(env, cluster, silentLogger, { group: 'counting.count', directory: join('/first', 'counting', 'count', 'slot-0') }))

  let offsetsAskedAt = Infinity
  control.on('OffsetFetch', () => {
    offsetsAskedAt = Math.min(offsetsAskedAt, env.clock.now())
    return undefined
  })
  const second = await startMachine(sim, 'second')
  await sim.advance(15_000)
  assert.ok(offsetsAskedAt < carriedOutAt, 'the offsets were asked for while they were pending')
  const values = await committedValues(sim, cluster)
  assert.deepEqual(values, Array.from({ length: CLICKS }, (_, index) => BigInt(index + 1)))
  await sim.run(second.running.close())
})
