/**
 * Practice 13: an apt share for each consumer. One partition of eight is hot; two processes begin with four shards each, measure, and end with even work.
 * A record takes fifteen milliseconds of a process's time, so that rates and times are those of a virtual machine with one processor for each.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import type { TaskSnapshot } from '../../src/runtime/snapshot.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import { committedByKey } from '../support/sim-rows.ts'

const PARTITIONS = 8
const HOT = 0
const [HOT_PER_SECOND, USUAL_PER_SECOND] = [15, 3]
const COST_MS = 15

const clicks = topic('clicks', { key: text, value: int64, partitions: PARTITIONS })
const counts = topic('counts', { key: text, value: int64, partitions: PARTITIONS })
const counting = (spend: () => void): ReturnType<typeof app> => app('share').task('count', ({ read }) => read(clicks).peek(spend).count('clicks').write(counts))

function startMachine(sim: Sim, name: string): { running: AppProcess, started: Promise<void> } {
  const process = sim.process(name)
  const stores = new MemoryStores({ defer: callback => sim.time.schedule({ alive: true }, 'io', 0, callback) })
  const running = new AppProcess(counting(() => process.spend(COST_MS)), { env: process.env, bootstrap: '127.0.0.1:9092', dataDirectory: `/${name}`, threads: 0, metrics: false, stores })
  return { running, started: running.start() }
}

test('one partition is hot: shards move to the other process until both have the same to do, nothing is lost or doubled, and then they stay', async () => {
  const sim = new Sim({ seed: 7 })
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/broker', port: 9092 }))
  const { env } = sim.process('test')
  const cluster = await sim.run(Cluster.connect(env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
  await sim.run(new Admin(cluster).createTopics([clicks, counts].map(({ name }) => ({ name, partitions: PARTITIONS }))))
  const producer = new Producer(cluster)
  await sim.run(producer.init())
  const [first, second] = [startMachine(sim, 'first'), startMachine(sim, 'second')]
  await sim.run(Promise.all([first.started, second.started]))
  const tasks = (): Promise<(TaskSnapshot | undefined)[]> => sim.run(Promise.all([first, second].map(async each => (await each.running.status()).tasks[0])))
  const sent = new Map<string, number>()
  const minutes = async (count: number): Promise<void> => {
    for (let step = 0; step < count * 60; step++) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        for (let record = 0; record < (partition === HOT ? HOT_PER_SECOND : USUAL_PER_SECOND); record++) {
          const key = `p${partition}-${record % 3}`
          sent.set(key, (sent.get(key) ?? 0) + 1)
          producer.send(clicks.name, partition, env.clock.now(), Buffer.from(key), clicks.value.serialize(1))
        }
      }
      await sim.advance(1_000)
    }
  }
  await minutes(0.2)
  assert.deepEqual((await tasks()).map(task => task?.shards.length), [4, 4], 'by number at first: nothing is measured')
  await minutes(2.5)
  const settled = (await tasks()).map(task => task?.shards.toSorted() ?? [])
  const work = (shards: readonly string[]): number => shards.reduce((total, shard) => total + (shard === `0/${HOT}` ? HOT_PER_SECOND : USUAL_PER_SECOND), 0)
  assert.equal(settled.flat().length, PARTITIONS)
  assert.deepEqual(settled.map(work), [18, 18], `work of ${JSON.stringify(settled)}`)
  await minutes(2)
  assert.deepEqual((await tasks()).map(task => task?.shards.toSorted()), settled, 'balanced: nothing moves any more')
  await sim.run(producer.flush())
  await sim.advance(5_000)
  const found = await committedByKey(sim, cluster, counts, PARTITIONS)
  for (const [key, count] of sent) assert.deepEqual(found.get(key), Array.from({ length: count }, (_, index) => index + 1), `counts of ${key}`)
  await sim.run(Promise.all([first.running.close(), second.running.close()]))
})
