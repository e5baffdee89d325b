/**
 * A process of an app is stopped for longer than its session and goes on as a zombie, at any moment: of a slice, a commit, a rebalance. Another one has its
 * shards by then. It finds itself fenced, what it had under way becomes visible to nobody, and every record is counted once.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { Broker } from '../../src/broker/broker.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { FetchedCursor } from '../../src/client/fetched-batches.ts'
import { Fetcher } from '../../src/client/fetcher.ts'
import { Producer } from '../../src/client/producer.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'

const PARTITIONS = 2
const SESSION_MS = 6_000
const KEYS = 5
const RECORDS = 1_500

const clicks = topic('clicks', { key: text, value: text, partitions: PARTITIONS })
const counts = topic('counts', { key: text, value: int64, partitions: PARTITIONS })
const described = app('counting').task('count', ({ read }) => read(clicks).keyBy(value => value)
  .aggregate('per-key', { zero: () => 0, add: count => count + 1, state: int64 }).write(counts))

interface Machine {
  readonly process: SimProcess
  readonly running: AppProcess
}

async function startMachine(sim: Sim, name: string): Promise<Machine> {
  const process = sim.process(name)
  const stores = new MemoryStores({ defer: callback => sim.time.schedule(process, 'io', 0, callback) })
  const running = new AppProcess(described, { env: process.env, bootstrap: '127.0.0.1:9092', dataDirectory: `/${name}`, threads: 0, metrics: false, sessionTimeoutMs: SESSION_MS, stores })
  await sim.run(running.start())
  return { process, running }
}

/** Per key the committed counts, in the order of the log. */
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

async function zombie(seed: number): Promise<void> {
  const sim = new Sim({ seed })
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/broker', port: 9092 }))
  const { env } = sim.process('test')
  const cluster = await sim.run(Cluster.connect(env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
  const machines = [await startMachine(sim, 'first'), await startMachine(sim, 'second')]
  const producer = new Producer(cluster)
  await sim.run(producer.init())
  const feeding = (async () => {
    for (let sent = 0; sent < RECORDS; sent++) {
      producer.send('clicks', sent % PARTITIONS, env.clock.now(), Buffer.from('k'), Buffer.from(`key ${sent % KEYS}`))
      if (sent % 5 === 0) await env.clock.sleep(sim.random.between(1, 100))
    }
    await producer.flush()
  })()
  const third = seed % 2 === 0 ? startMachine(sim, 'third') : undefined
  await sim.advance(sim.random.between(1, 1_500))
  // As when a fleet is unlucky: one is killed and started again, and the rebalance that this begins is still going on when the other one (or it) stops.
  if (seed % 3 === 0) {
    machines[0]?.process.kill()
    machines[0] = await startMachine(sim, 'first')
    await sim.advance(sim.random.between(1, 1_500))
  }
  const stopped = machines[sim.random.below(machines.length)]
  stopped?.process.pause()
  await sim.advance(sim.random.between(SESSION_MS, 16_000))
  stopped?.process.resume()
  await sim.run(feeding)
  if (third !== undefined) machines.push(await third)
  await sim.advance(20_000)
  const found = await committedCounts(sim, cluster)
  for (let key = 0; key < KEYS; key++) {
    assert.deepEqual(found.get(`key ${key}`), Array.from({ length: RECORDS / KEYS }, (_, index) => BigInt(index + 1)), `seed ${seed}, key ${key}`)
  }
  for (const { running } of machines) await sim.run(running.close())
}

const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 6)
const FIRST = Number(process.env['MILLRACE_SEED'] ?? 1)
for (let seed = FIRST; seed < FIRST + SEEDS; seed++) test(`seed ${seed}: a process is stopped for longer than its session and comes back`, () => zombie(seed))
