/**
 * Practice 4: consumer groups let tasks work in parallel. The same work is done by one process, by three, then by two: it takes a third and half the time, and each key
 * keeps its order. A record takes twenty milliseconds of a process's time: a virtual machine with a processor for each process.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import { committedByKey } from '../support/sim-rows.ts'

const PARTITIONS = 6
const COST_MS = 20
/** Of one share of work. */
const RECORDS = 600

const clicks = topic('clicks', { key: text, value: int64, partitions: PARTITIONS })
const counts = topic('counts', { key: text, value: int64, partitions: PARTITIONS })

function startMachine(sim: Sim, name: string): { running: AppProcess, started: Promise<void> } {
  const process = sim.process(name)
  const stores = new MemoryStores({ defer: callback => sim.time.schedule({ alive: true }, 'io', 0, callback) })
  const described = app('scale').task('count', ({ read }) => read(clicks).peek(() => process.spend(COST_MS)).count('clicks').write(counts))
  const running = new AppProcess(described, { env: process.env, bootstrap: '127.0.0.1:9092', dataDirectory: `/${name}`, threads: 0, metrics: false, stores })
  return { running, started: running.start() }
}

test('one process, three, then two: they do one, three and two times the work, each key in order, nothing lost or doubled', async () => {
  const sim = new Sim({ seed: 4 })
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/broker', port: 9092 }))
  const cluster = await sim.run(Cluster.connect(sim.process('test').env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
  const admin = new Admin(cluster)
  await sim.run(admin.createTopics([clicks, counts].map(({ name }) => ({ name, partitions: PARTITIONS }))))
  const producer = new Producer(cluster)
  await sim.run(producer.init())
  const places = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: clicks.name, partition }))
  const left = async (): Promise<number> => {
    const [ends, offsets] = await sim.run(Promise.all([admin.listOffsets(places, 'latest'), admin.groupOffsets('scale.count')]))
    return ends.reduce((sum, { offset }) => sum + offset, 0) - offsets.reduce((sum, { offset }) => sum + Math.max(0, offset), 0)
  }
  const sent = new Map<string, number>()
  /** How long a share of work takes, from when it is there to when all of it is committed. */
  const seconds = async (): Promise<number> => {
    await sim.advance(10_000) // The shards have found their places.
    for (let record = 0; record < RECORDS; record++) {
      const partition = record % PARTITIONS
      const key = `p${partition}-${Math.floor(record / PARTITIONS) % 3}`
      sent.set(key, (sent.get(key) ?? 0) + 1)
      producer.send(clicks.name, partition, cluster.env.clock.now(), Buffer.from(key), clicks.value.serialize(1))
    }
    const began = cluster.env.clock.monotonic()
    await sim.run(producer.flush())
    for (let step = 0; await left() > 0 && step < 1_000; step++) await sim.advance(100)
    return (cluster.env.clock.monotonic() - began) / 1_000
  }
  const machines = [startMachine(sim, 'first')]
  const add = async (name: string): Promise<void> => {
    const machine = startMachine(sim, name)
    machines.push(machine)
    await sim.run(machine.started)
  }
  await sim.run(machines[0]?.started ?? Promise.resolve())
  const one = await seconds()
  await add('second')
  await add('third')
  const three = await seconds()
  await sim.run(machines.pop()?.running.close() ?? Promise.resolve())
  const two = await seconds()
  const work = RECORDS * COST_MS / 1_000
  // What is beside the work: a fetch and a commit.
  for (const [processes, took] of [[1, one], [3, three], [2, two]] as const) assert.ok(took >= work / processes && took < work / processes + 1, `${processes} of them: ${took} s, where ${work / processes} s are work`)
  const found = await committedByKey(sim, cluster, counts, PARTITIONS)
  for (const [key, count] of sent) assert.deepEqual(found.get(key), Array.from({ length: count }, (_, index) => index + 1), `counts of ${key}`)
  await sim.run(Promise.all(machines.map(each => each.running.close())))
})
