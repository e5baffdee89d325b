/** Restoring a store on a simulated machine whose broker stops uncleanly: what is trusted, what is rebuilt, and in how large steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { silentLogger } from '../../src/base/logger.ts'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { CHUNK_RECORDS } from '../../src/runtime/changelog-replay.ts'
import { restoreShard } from '../../src/runtime/restore.ts'
import type { RestoreResult } from '../../src/runtime/restore.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { ShardState } from '../../src/runtime/state/shard-state.ts'
import type { ChangelogPosition, StateStore } from '../../src/runtime/state/store.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import { build } from '../../src/topology/build.ts'

const clicks = topic('clicks', { key: text, value: text })
const counts = topic('counts', { key: text, value: int64 })
const plan = build(app('counting').task('count', ({ read }) => read(clicks).aggregate('totals', { zero: () => 0, add: count => count + 1, state: int64 }).write(counts)))
const [task] = plan.tasks
assert.ok(task?.kind === 'native')
const stores = task.stores
const CHANGELOG = stores[0]?.changelog.name ?? ''

/** A machine with one changelog partition, and a store on another machine that outlives it. */
class Stage {
  readonly sim = new Sim({ seed: 5 })
  readonly memory = new MemoryStores({ defer: callback => this.sim.time.schedule({ alive: true }, 'io', 0, callback) })
  /** Keys per commit of the store, and where its changelog stood with it. */
  readonly commits: { keys: number, offsetNext: number }[] = []
  cancelAfter = Infinity
  #broker: Broker | undefined
  #cluster: Cluster | undefined

  async start(): Promise<void> {
    this.#broker = await this.sim.run(Broker.start(this.sim.process('broker').env, { directory: '/data', port: 9092, durability: 'os' }))
    this.#cluster = await this.sim.run(Cluster.connect(this.sim.process('app').env, { bootstrap: '127.0.0.1:9092' }))
  }

  get cluster(): Cluster {
    assert.ok(this.#cluster !== undefined)
    return this.#cluster
  }

  async stop(how: 'clean' | 'power cut'): Promise<void> {
    if (how === 'power cut') return this.sim.powerCut()
    await this.sim.run(this.cluster.close())
    if (this.#broker !== undefined) await this.sim.run(this.#broker.close())
  }

  async write(from: number, count: number, valueOf: (index: number) => string = String): Promise<void> {
    const producer = new Producer(this.cluster)
    await this.sim.run((async () => {
      await producer.init()
      for (let index = from; index < from + count; index++) producer.send(CHANGELOG, 0, 0, Buffer.from(`key-${index}`), Buffer.from(valueOf(index)))
      await producer.flush()
      await producer.close()
    })())
  }

  /** A transaction of the same keys each time; `value` undefined deletes them. */
  async transact(count: number, value: string | undefined, how: 'commit' | 'abort'): Promise<void> {
    const producer = new Producer(this.cluster, { transactionalId: 'counting' })
    await this.sim.run((async () => {
      await producer.init()
      producer.begin()
      for (let index = 0; index < count; index++) producer.send(CHANGELOG, 0, 0, Buffer.from(`key-${index}`), value === undefined ? null : Buffer.from(value))
      await producer.flush()
      await (how === 'commit' ? producer.commit() : producer.abort())
      await producer.close()
    })())
  }

  /** All that the store holds, as text. */
  async contents(): Promise<string[]> {
    const store = await this.memory.open('/store')
    const entries = [...store.range(Buffer.alloc(0), Buffer.alloc(64, 0xff))].map(({ key, value }) => `${key.toString('latin1')} ${value.toString('latin1')}`)
    await this.sim.run(store.close())
    return entries
  }

  async end(): Promise<number> {
    const [found] = await this.sim.run(new Admin(this.cluster).listOffsets([{ topic: CHANGELOG, partition: 0 }], 'latest', { isolation: 'read_uncommitted' }))
    return found?.offset ?? -1
  }

  /** Opens the store, restores it, and closes it again. */
  async restore(): Promise<RestoreResult & { readonly entries: number, readonly position: ChangelogPosition | undefined }> {
    const { env } = this.cluster
    const opened: StateStore[] = []
    const open = async (): Promise<ShardState> => {
      const store = await this.memory.open('/store')
      opened.push(store)
      const commit = store.commit.bind(store)
      store.commit = (changes, position) => {
        this.commits.push({ keys: changes.keys.length, offsetNext: position.changelogs['totals']?.offsetNext ?? -1 })
        return commit(changes, position)
      }
      return new ShardState(store, { clock: env.clock, stores: ['totals'] })
    }
    return this.sim.run((async () => {
      const state = await open()
      const result = await restoreShard({
        env, cluster: this.cluster, admin: new Admin(this.cluster), logger: silentLogger, bootId: 'boot-1', partition: 0, stores, state,
        reopenEmpty: async () => {
          await state.close()
          this.memory.remove('/store')
          return open()
        },
        onProgress: () => {}, cancelled: () => this.commits.length >= this.cancelAfter,
      })
      const entries = opened.at(-1)?.entryCount() ?? -1
      const position = result.state.position()?.changelogs['totals']
      await result.state.close()
      return { ...result, entries, position }
    })())
  }
}

async function onStage(act: (stage: Stage) => Promise<void>, configs: Readonly<Record<string, string>> = {}): Promise<void> {
  const stage = new Stage()
  await stage.start()
  await stage.sim.run(new Admin(stage.cluster).createTopics([{ name: CHANGELOG, partitions: 1, configs }]))
  await act(stage)
  await stage.stop('clean')
}

test('a changelog that was truncated below the store\'s position and has grown past it again is found out', () => onStage(async stage => {
  await stage.write(0, 60)
  await stage.stop('clean')
  await stage.start()
  await stage.write(60, 40)
  const before = await stage.restore()
  assert.deepEqual([before.rebuilt, before.records, before.position?.offsetNext, before.position?.leaderEpoch], [undefined, 100, 100, 0])
  await stage.stop('power cut')
  await stage.start()
  const left = await stage.end()
  assert.ok(left >= 60 && left < 100, `the power cut took something of what was not synced: ${left} are left`)
  await stage.write(200, 100)
  const after = await stage.restore()
  assert.match(after.rebuilt ?? '', /truncated/)
  assert.equal(after.entries, left + 100, 'nothing of what the log has lost is in the store')
  assert.equal(after.position?.leaderEpoch, 1)
  assert.equal((await stage.restore()).rebuilt, undefined, 'once')
}))

test('an unclean stop of the broker that lost nothing is no reason to rebuild', () => onStage(async stage => {
  await stage.write(0, 60)
  await stage.stop('clean')
  await stage.start()
  assert.equal((await stage.restore()).position?.offsetNext, 60)
  await stage.stop('power cut')
  await stage.start()
  await stage.write(60, 40)
  const after = await stage.restore()
  assert.deepEqual([after.rebuilt, after.records, after.entries, after.position?.leaderEpoch], [undefined, 40, 100, 1])
}))

test('R4: what one fetch brought is applied in small steps, and a restore that was stopped among them goes on there', () => onStage(async stage => {
  const total = CHUNK_RECORDS * 6 + 7
  await stage.write(0, total)
  stage.cancelAfter = 2
  const stopped = await stage.restore()
  assert.equal(stopped.position?.offsetNext, CHUNK_RECORDS * 2)
  stage.cancelAfter = Infinity
  const rest = await stage.restore()
  assert.deepEqual([rest.rebuilt, rest.records, rest.entries], [undefined, total - CHUNK_RECORDS * 2, total])
  assert.ok(stage.commits.every(({ keys }) => keys <= CHUNK_RECORDS), JSON.stringify(stage.commits))
  assert.deepEqual(stage.commits.map(({ offsetNext }) => offsetNext), [1, 2, 3, 4, 5, 6].map(chunk => chunk * CHUNK_RECORDS).concat(total))
}))

test('a changelog that was compacted meanwhile gives the same store, to who goes on from a position and to who begins anew', () => onStage(async stage => {
  const KEYS = 60
  const rounds = async (from: number, to: number): Promise<void> => {
    for (let round = from; round < to; round++) {
      await stage.transact(KEYS, `value ${round}`, 'commit')
      await stage.transact(KEYS / 2, 'never there', 'abort')
    }
    await stage.transact(5, undefined, 'commit')
    // Compaction has its turn.
    await stage.sim.run(stage.cluster.env.clock.sleep(60_000))
  }
  await rounds(0, 20)
  const first = await stage.restore()
  assert.equal(first.entries, KEYS - 5)
  assert.ok(first.records < 20 * KEYS, `${first.records} records of ${20 * KEYS + 5} are left`)
  await rounds(20, 40)
  const onward = await stage.restore()
  assert.equal(onward.rebuilt, undefined)
  assert.ok(onward.records < 20 * KEYS, `${onward.records} records of ${20 * KEYS + 5} are left`)
  const contents = await stage.contents()
  assert.equal(contents.length, KEYS - 5)
  assert.ok(contents.every(entry => entry.includes('value 39')), contents.join('\n'))
  stage.memory.remove('/store')
  await stage.restore()
  assert.deepEqual(await stage.contents(), contents)
}, { 'cleanup.policy': 'compact', 'segment.bytes': '16384' }))
