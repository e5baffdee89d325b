/** A whole app on a simulated machine whose broker stops uncleanly under it: the app's next start rebuilds its store where the changelog has lost something, and only there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { AppProcess } from '../../src/runtime/app.ts'
import type { RestoreResult } from '../../src/runtime/restore.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import type { ChangelogPosition } from '../../src/runtime/state/store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'

const clicks = topic('clicks', { key: text, value: text, partitions: 1 })
const counting = app('counting').task('count', ({ read }) => { read(clicks).count('totals').write(topic('totals', { key: text, value: int64, partitions: 1 })) })
const CHANGELOG = 'counting.count.totals.changelog'

/** A machine for the broker; the app's store outlives it, as if it were on another one. */
class Stage {
  readonly sim = new Sim({ seed: 11 })
  readonly stores = new MemoryStores({ defer: callback => this.sim.time.schedule({ alive: true }, 'io', 0, callback) })
  #broker: SimProcess | undefined
  #app: AppProcess | undefined

  async startBroker(): Promise<void> {
    this.#broker = this.sim.process('broker')
    await this.sim.run(Broker.start(this.#broker.env, { directory: '/data', port: 9092, durability: 'os' }))
  }

  /** SIGKILL: the log is whole, and its epoch rises all the same. */
  killBroker(): void {
    this.#broker?.kill()
  }

  /** SIGKILL, and a third of the changelog is gone: what a leader that knew less would serve. */
  truncateChangelog(): void {
    this.killBroker()
    const { disk } = this.sim.process('operator').env
    const file = disk.open(`/data/${CHANGELOG}-0/${'0'.repeat(20)}.log`, 'write')
    file.truncate(Math.floor(file.size() * 2 / 3))
    file.close()
  }

  async startApp(): Promise<void> {
    this.#app = new AppProcess(counting, { env: this.sim.process('app').env, bootstrap: '127.0.0.1:9092', dataDirectory: '/app', metrics: false, stores: this.stores })
    await this.sim.run(this.#app.start())
    await this.sim.runUntil(() => this.#seats().length === 1 && this.#seats().every(seat => seat.phase === 'running'), { timeMaxMs: 120_000, what: 'the shard' })
  }

  async stopApp(): Promise<void> {
    assert.ok(this.#app !== undefined)
    await this.sim.run(this.#app.close())
  }

  /** Sends clicks on distinct keys and waits until they are counted and committed. */
  async click(count: number): Promise<void> {
    const before = this.runner.recordsOut
    await this.#produce('clicks', count)
    await this.sim.runUntil(() => this.runner.recordsOut >= before + count && this.runner.quiet, { timeMaxMs: 120_000, what: 'the counts' })
  }

  /** As another owner of the shard would. */
  write(count: number): Promise<void> {
    return this.#produce(CHANGELOG, count)
  }

  async #produce(to: string, count: number): Promise<void> {
    await this.sim.run((async () => {
      const cluster = await Cluster.connect(this.sim.process('shopper').env, { bootstrap: '127.0.0.1:9092' })
      const producer = new Producer(cluster)
      await producer.init()
      for (let index = 0; index < count; index++) producer.send(to, 0, 1_000, Buffer.from(`key-${index}`), Buffer.from('1'))
      await producer.flush()
      await producer.close()
      await cluster.close()
    })())
  }

  async end(): Promise<number> {
    return this.sim.run((async () => {
      const cluster = await Cluster.connect(this.sim.process('looker').env, { bootstrap: '127.0.0.1:9092' })
      const [found] = await new Admin(cluster).listOffsets([{ topic: CHANGELOG, partition: 0 }], 'latest', { isolation: 'read_uncommitted' })
      await cluster.close()
      return found?.offset ?? -1
    })())
  }

  get runner() {
    const runner = this.#app?.inlineWorker?.runners.get('count')
    assert.ok(runner !== undefined)
    return runner
  }

  #seats() {
    return [...this.runner.seats.values()]
  }

  position(): ChangelogPosition | undefined {
    return this.#seats()[0]?.opened?.changelogs.get('totals')
  }

  restored(): RestoreResult | undefined {
    return this.#seats()[0]?.restored
  }

  /** Long enough for a look at the leaders and for its write. */
  async rest(): Promise<void> {
    await this.sim.advance(10_000)
  }
}

async function onStage(act: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage()
  await stage.startBroker()
  await stage.startApp()
  await act(stage)
  await stage.stopApp()
}

test('the broker dies and comes back under the running app, with all it had: the app\'s next start rebuilds nothing', () => onStage(async stage => {
  await stage.click(30)
  await stage.rest()
  const vouched = stage.position()
  assert.ok(vouched !== undefined && vouched.leaderEpoch === 0 && vouched.epochOffset === vouched.offsetNext, JSON.stringify(vouched))
  stage.killBroker()
  await stage.startBroker()
  await stage.click(30)
  await stage.stopApp()
  await stage.startApp()
  assert.equal(stage.restored()?.rebuilt, undefined, 'before the new epoch was known')
  await stage.click(10)
  await stage.rest()
  assert.equal(stage.position()?.leaderEpoch, 1)
  stage.killBroker()
  await stage.startBroker()
  await stage.click(10)
  await stage.rest()
  assert.deepEqual([stage.position()?.leaderEpoch, stage.position()?.epochOffset], [2, stage.position()?.offsetNext])
  await stage.stopApp()
  await stage.startApp()
  assert.equal(stage.restored()?.rebuilt, undefined)
}))

test('a truncation of what the app itself had committed is found by its next start, though the log has grown past it again', () => onStage(async stage => {
  for (let round = 0; round < 7; round++) await stage.click(10)
  await stage.rest()
  const held = stage.position()?.offsetNext ?? 0
  await stage.stopApp()
  stage.truncateChangelog()
  await stage.startBroker()
  const left = await stage.end()
  assert.ok(left > 0 && left < held, `something is lost: ${left} of ${held} are left`)
  await stage.write(held - left + 10)
  await stage.startApp()
  assert.match(stage.restored()?.rebuilt ?? '', /truncated/)
  await stage.rest()
  await stage.stopApp()
  await stage.startApp()
  assert.equal(stage.restored()?.rebuilt, undefined, 'once')
}))

test('a log that takes changes below where it had taken some before has lost those: found by the running app, before any leader was asked', () => onStage(async stage => {
  for (let round = 0; round < 7; round++) await stage.click(10)
  assert.equal(stage.position()?.epochOffset, 0, 'nothing was vouched for yet')
  stage.truncateChangelog()
  await stage.startBroker()
  await stage.click(10)
  assert.equal(stage.position()?.truncated, true)
  await stage.rest()
  await stage.click(200)
  await stage.stopApp()
  await stage.startApp()
  assert.match(stage.restored()?.rebuilt ?? '', /truncated/)
  assert.equal(stage.position()?.truncated, undefined)
}))
