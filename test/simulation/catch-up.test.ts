/**
 * Practice 2: the time to catch up is predicted. In virtual time: a record takes 20 ms of the task's process, so it drains some 50 a second; 20 a second arrive.
 * The task is killed and stays away for 60 s; later a burst of five times its drain rate comes in. Both times what was predicted is held against what happened.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { silentLogger } from '../../src/base/logger.ts'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { StatusCollector } from '../../src/http/status.ts'
import type { CatchUp } from '../../src/planner/catch-up.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'
import { committedByKey } from '../support/sim-rows.ts'

const PARTITIONS = 2
const COST_MS = 20
const USUAL_PER_SECOND = 20
const DRAIN_PER_SECOND = 1000 / COST_MS
const STILL_SECONDS = 60
const BURST_SECONDS = 15
/** Of the prediction; and the time between two looks and two commits. */
const TOLERANCE = 0.15
const TOLERANCE_SECONDS = 3

const clicks = topic('clicks', { key: text, value: int64, partitions: PARTITIONS })
const counts = topic('counts', { key: text, value: int64, partitions: PARTITIONS })
const counting = (spend: () => void): ReturnType<typeof app> => app('rate').task('count', ({ read }) => read(clicks).peek(spend).count('clicks').write(counts))

class Bench {
  readonly sim = new Sim({ seed: 11 })
  readonly sent: number[] = []
  readonly #stores = new MemoryStores({ defer: callback => this.sim.time.schedule({ alive: true }, 'io', 0, callback) })
  #cluster: Cluster | undefined
  #producer: Producer | undefined
  #collector: StatusCollector | undefined
  #process: SimProcess | undefined
  #running: AppProcess | undefined

  async start(): Promise<void> {
    await this.sim.run(Broker.start(this.sim.process('broker').env, { directory: '/broker', port: 9092 }))
    this.#cluster = await this.sim.run(Cluster.connect(this.sim.process('test').env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
    await this.sim.run(new Admin(this.#cluster).createTopics([clicks, counts].map(({ name }) => ({ name, partitions: PARTITIONS }))))
    this.#producer = new Producer(this.#cluster)
    await this.sim.run(this.#producer.init())
    this.#collector = new StatusCollector(this.#cluster, counting(() => {}), silentLogger)
    await this.sim.run(this.#collector.start())
    await this.startApp()
  }

  async startApp(): Promise<void> {
    const process = this.sim.process('app')
    this.#process = process
    this.#running = new AppProcess(counting(() => process.spend(COST_MS)), { env: process.env, bootstrap: '127.0.0.1:9092', dataDirectory: '/app', threads: 0, stores: this.#stores })
    await this.sim.run(this.#running.start())
  }

  kill(): void {
    this.#process?.kill()
    this.#stores.crash()
  }

  async second(records: number): Promise<CatchUp> {
    for (let record = 0; record < records; record++) {
      const partition = record % PARTITIONS
      this.sent[partition] = (this.sent[partition] ?? 0) + 1
      this.#producer?.send(clicks.name, partition, this.#cluster?.env.clock.now() ?? 0, Buffer.from(`p${partition}`), clicks.value.serialize(1))
    }
    await this.sim.advance(1_000)
    const [task] = this.#collector?.status().tasks ?? []
    assert.ok(task !== undefined)
    return task.catchUp
  }

  /** Seconds until it has caught up, while the usual comes in. */
  async untilCaughtUp(): Promise<number> {
    for (let seconds = 1; seconds < 600; seconds++) if ((await this.second(USUAL_PER_SECOND)).verdict === 'caughtUp') return seconds
    throw new Error('it does not catch up')
  }

  results(): Promise<Map<string, number[]>> {
    assert.ok(this.#cluster !== undefined)
    return committedByKey(this.sim, this.#cluster, counts, PARTITIONS)
  }

  async close(): Promise<void> {
    await this.sim.run(Promise.all([this.#running?.close(), this.#collector?.close()]))
  }
}

function assertPredicted(what: string, predicted: number | null, actual: number): void {
  assert.ok(predicted !== null, what)
  const apart = Math.abs(actual - predicted)
  assert.ok(apart <= predicted * TOLERANCE + TOLERANCE_SECONDS, `${what}: predicted ${predicted.toFixed(1)} s, took ${actual} s`)
  console.log(`${what}: predicted ${predicted.toFixed(1)} s, took ${actual} s`)
}

test('a task that stood still for 60 s, and a burst of five times its drain rate, catch up in the time that was predicted, and nothing is lost or doubled', async () => {
  const bench = new Bench()
  await bench.start()
  let now = await bench.second(USUAL_PER_SECOND)
  for (let second = 0; second < 15; second++) now = await bench.second(USUAL_PER_SECOND)
  assert.equal(now.verdict, 'caughtUp')
  assert.equal(now.drainFrom, 'busyTime')
  assert.ok(Math.abs((now.drainPerSecond ?? 0) - DRAIN_PER_SECOND) <= DRAIN_PER_SECOND * TOLERANCE, `it keeps up, and yet its drain is known: ${now.drainPerSecond}`)

  bench.kill()
  for (let second = 0; second < STILL_SECONDS; second++) now = await bench.second(USUAL_PER_SECOND)
  assert.deepEqual([now.verdict, now.cause?.kind, now.drainFrom], ['in', 'stopped', 'before'])
  const afterStop = now.seconds
  await bench.startApp()
  assertPredicted('after standing still for 60 s', afterStop, await bench.untilCaughtUp())

  for (let second = 0; second < BURST_SECONDS; second++) now = await bench.second(DRAIN_PER_SECOND * 5)
  assert.deepEqual([now.verdict, now.seconds, now.cause?.kind], ['never', null, 'slow'], 'at the burst\'s rate it never will')
  for (let second = 0; second < 10; second++) now = await bench.second(USUAL_PER_SECOND)
  assert.deepEqual([now.verdict, now.cause?.kind, now.drainFrom], ['in', 'slow', 'backlog'])
  assert.ok((now.cause?.share ?? 0) > 0.9)
  assertPredicted('after a burst of five times its drain rate', now.seconds, await bench.untilCaughtUp())

  await bench.sim.advance(5_000)
  const found = await bench.results()
  for (let partition = 0; partition < PARTITIONS; partition++) assert.deepEqual(found.get(`p${partition}`), Array.from({ length: bench.sent[partition] ?? 0 }, (_, index) => index + 1))
  await bench.close()
})
