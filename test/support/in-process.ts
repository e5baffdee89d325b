/**
 * Runs one task of an app in this thread: one shard per sub-topology, no broker. For tests of operators and state; the true runtime is
 * tested by the driver of `src/testing`.
 *
 * Records go in one at a time and have all their effects, through repartition topics too, before the next. As in Kafka Streams' TopologyTestDriver, time
 * is that of what has come in: an input that has nothing to say holds no watermark back.
 */
import { messageOf } from '../../src/base/errors.ts'
import type { Clock } from '../../src/env/env.ts'
import { compileSubTopology } from '../../src/runtime/operators/compile.ts'
import { NO_ROWS } from '../../src/runtime/operators/operator.ts'
import type { DropReason, Origin, Output, ReadableTable, SubTopologyRun } from '../../src/runtime/operators/operator.ts'
import { ShardState, type FrozenState } from '../../src/runtime/state/shard-state.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import type { StorePosition, StoreProvider } from '../../src/runtime/state/store.ts'
import { build, inputTopic } from '../../src/topology/build.ts'
import type { AppDescription, Header } from '../../src/topology/node.ts'
import type { NativeTaskPlan, SubTopology } from '../../src/topology/plan.ts'

export interface InputRecord {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly time: number
  readonly headers?: readonly Header[] | undefined
}

export interface OutputRecord {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly time: number
  readonly headers: readonly Header[]
}

export interface InProcessOptions {
  readonly stores?: StoreProvider | undefined
  readonly liveBytesMax?: number | undefined
  readonly storeLagMaxMs?: number | undefined
  readonly clock?: Clock | undefined
}

interface Shard {
  readonly sub: SubTopology
  readonly state: ShardState
  run: SubTopologyRun
  /** At the last commit. */
  clocks: string
}

/** Timers that never fire by themselves: stores are then written when something waits for them. */
const stillClock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  setTimer: () => ({ cancel: () => undefined }),
  defer: callback => void setImmediate(callback),
  sleep: () => Promise.resolve(),
}

export class InProcess {
  readonly output: OutputRecord[] = []
  /** Counts by `operator:reason`. */
  readonly dropped = new Map<string, number>()
  /** Records that were not decoded. */
  readInBytes = 0
  /** Changelog records of all commits, by store. */
  readonly changelog = new Map<string, { key: Buffer; value: Buffer | null }[]>()
  wallClockMs = 0
  readonly #task: NativeTaskPlan
  readonly #options: InProcessOptions
  readonly #stores: StoreProvider
  #shards: Shard[] = []
  readonly #globalTables = new Map<string, Map<string, unknown>>()
  readonly #internal: InputRecord[] = []
  #offset = 0
  #commits = 0

  private constructor(task: NativeTaskPlan, options: InProcessOptions) {
    this.#task = task
    this.#options = options
    this.#stores = options.stores ?? new MemoryStores()
  }

  static async start(app: AppDescription, options: InProcessOptions = {}): Promise<InProcess> {
    const task = build(app).tasks.find(one => one.kind === 'native')
    if (task === undefined) throw new Error('the app has no task of its own')
    const process = new InProcess(task, options)
    await process.#open()
    return process
  }

  /** Feeds one record; returns what it made come out. What is combined before it travels leaves at once, as TopologyTestDriver flushes its caches after each record. */
  pipe(record: InputRecord): OutputRecord[] {
    const from = this.output.length
    this.#internal.push(record)
    for (let next = this.#internal.shift(); next !== undefined; next = this.#internal.shift()) {
      this.#feed(next)
      for (const { run } of this.#shards) run.release(Infinity)
    }
    return this.output.slice(from)
  }

  advanceWallClock(ms: number): OutputRecord[] {
    const from = this.output.length
    this.wallClockMs += ms
    for (const { run } of this.#shards) run.wallClock(this.wallClockMs)
    for (let next = this.#internal.shift(); next !== undefined; next = this.#internal.shift()) this.#feed(next)
    return this.output.slice(from)
  }

  /** A whole commit: flush, freeze, changelog, store. Without `written` the stores may get it later. */
  async commit(options: { readonly written: boolean } = { written: true }): Promise<void> {
    for (const shard of this.#shards) this.#committed(shard, this.#freeze(shard))
    if (options.written) for (const shard of this.#shards) await shard.state.written()
  }

  /** What a failed commit does: everything since the last commit is forgotten, operators are built anew. */
  async rollback(): Promise<void> {
    for (const shard of this.#shards) {
      shard.run.flush()
      shard.state.freeze()
      await shard.state.rollback()
      shard.run = this.#compile(shard.sub, shard.state, shard.clocks)
    }
  }

  /** A clean stop and start again. */
  async restart(): Promise<void> {
    await this.close()
    await this.#open()
  }

  async close(): Promise<void> {
    for (const { state } of this.#shards) await state.close()
  }

  liveBytes(): number {
    return this.#shards.reduce((sum, { state }) => sum + state.liveBytes, 0)
  }

  async #open(): Promise<void> {
    this.#shards = []
    for (const sub of this.#task.subTopologies) {
      const state = new ShardState(await this.#stores.open(`${this.#task.name}/${sub.index}`), {
        clock: this.#options.clock ?? stillClock, stores: sub.stores.map(store => store.name),
        liveBytesMax: this.#options.liveBytesMax, storeLagMaxMs: this.#options.storeLagMaxMs,
      })
      const clocks = state.position()?.clocks ?? ''
      this.#shards.push({ sub, state, clocks, run: this.#compile(sub, state, clocks) })
    }
  }

  #compile(sub: SubTopology, state: ShardState, clocks: string): SubTopologyRun {
    const output: Output = {
      send: (topic, time, key, value, headers) => this.#send(topic, time, key, value, headers),
      append: (topic, time, keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, headers) => this.#send(topic, time,
        keyStart < 0 ? null : keyBuffer.subarray(keyStart, keyEnd), valueStart < 0 ? null : valueBuffer.subarray(valueStart, valueEnd), headers),
    }
    const run = compileSubTopology(sub, {
      partition: 0, state, output, rows: NO_ROWS, now: () => this.wallClockMs, globalTable: store => this.#globalTable(store),
      counters: { dropped: (operator: string, reason: DropReason) => void this.dropped.set(`${operator}:${reason}`, (this.dropped.get(`${operator}:${reason}`) ?? 0) + 1) },
    }, this.#task.globalTables)
    run.restoreClocks(clocks)
    return run
  }

  #send(topic: string, time: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[]): void {
    const record = { topic, time, key: key && Buffer.from(key), value: value && Buffer.from(value), headers: [...headers] }
    if (this.#task.repartitionTopics.some(repartition => repartition.name === topic)) this.#internal.push(record)
    else this.output.push(record)
  }

  #feed(record: InputRecord): void {
    for (const node of this.#task.globalTables) {
      if (node.topic.name !== record.topic || record.key === null) continue
      const rows = this.#rows(node.store)
      if (record.value === null) rows.delete(record.key.toString('latin1'))
      else rows.set(record.key.toString('latin1'), node.value.deserialize(record.value, 0, record.value.length))
    }
    const origin: Origin = {
      topic: record.topic, partition: 0, offset: this.#offset++, keyBytes: record.key ?? undefined, valueBytes: record.value ?? undefined, headers: () => record.headers ?? [], lateKey: () => undefined,
    }
    for (const { sub, run } of this.#shards) {
      for (const head of sub.sources) {
        if (inputTopic(head) !== record.topic) continue
        for (const topic of sub.inputTopics) if (topic !== record.topic) run.setIdle(topic, true)
        const bytes = record.value === null ? undefined : run.byteHeads.get(head.id)
        if (bytes !== undefined && record.value !== null && bytes.reader.read(record.value, 0, record.value.length) && Number.isSafeInteger(bytes.reader.time(record.time))) {
          const at = bytes.reader.time(record.time)
          this.readInBytes++
          if (at >= 0) bytes.operator.process(record.key === null ? undefined : head.key.deserialize(record.key, 0, record.key.length), undefined, at, origin)
          else this.dropped.set(`${record.topic}:negativeTime`, (this.dropped.get(`${record.topic}:negativeTime`) ?? 0) + 1)
          continue
        }
        const value = record.value === null ? undefined : head.value.deserialize(record.value, 0, record.value.length)
        const key = record.key === null ? undefined : head.key.deserialize(record.key, 0, record.key.length)
        const time = head.kind !== 'repartitionSource' && head.time !== undefined && value !== undefined ? head.time(value, record.time) : record.time
        // As the engine does (T1).
        if (time >= 0) run.sources.get(head.id)?.process(key, value, time, origin)
        else this.dropped.set(`${record.topic}:negativeTime`, (this.dropped.get(`${record.topic}:negativeTime`) ?? 0) + 1)
      }
    }
  }

  #rows(store: string): Map<string, unknown> {
    let rows = this.#globalTables.get(store)
    if (rows === undefined) this.#globalTables.set(store, rows = new Map())
    return rows
  }

  #globalTable(store: string): ReadableTable {
    const key = this.#task.globalTables.find(node => node.store === store)?.key
    return { get: value => this.#rows(store).get(key?.serialize(value).toString('latin1') ?? '') }
  }

  #freeze(shard: Shard): FrozenState {
    shard.run.flush()
    shard.clocks = shard.run.clocks()
    const frozen = shard.state.freeze()
    frozen.changes((store, key, value) => {
      const records = this.changelog.get(store) ?? []
      this.changelog.set(store, records)
      records.push({ key: Buffer.from(key), value: value && Buffer.from(value) })
    })
    return frozen
  }

  #committed(shard: Shard, frozen: FrozenState): void {
    const position: StorePosition = { changelogs: {}, committedAtMs: ++this.#commits, bootId: 'boot', cleanClose: false, clocks: shard.clocks }
    shard.state.committed(frozen, position)
  }
}

/** What `run` threw, as text. */
export function thrown(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return messageOf(error)
  }
  return 'nothing'
}
