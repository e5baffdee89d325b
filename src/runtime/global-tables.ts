/**
 * Global tables: whole topics, every partition, as tables that each shard of the worker can read (J5).
 *
 * GT1. `load` resolves when every partition has been read to the end that it had when loading began, by position (as E6): no shard runs before.
 * GT2. Afterwards rows follow the topic as it grows, between slices; there is no time alignment with the streams that read them.
 * GT3. The rows are in memory, as bytes until first looked at, and are read again from the topic at each start.
 * GT4. Rows come from committed records only (read_committed).
 */
import type { Logger } from '../base/logger.ts'
import type { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import type { FetchedBatches } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { Env } from '../env/env.ts'
import type { Serde } from '../serde/serde.ts'
import type { GlobalTableNode } from '../topology/node.ts'
import type { NativeTaskPlan } from '../topology/plan.ts'
import type { ReadableTable } from './operators/operator.ts'

interface Row {
  bytes: Buffer | undefined
  value: unknown
}

class GlobalTable implements ReadableTable {
  readonly node: GlobalTableNode
  readonly #rows = new Map<string, Row>()

  constructor(node: GlobalTableNode) {
    this.node = node
  }

  get size(): number {
    return this.#rows.size
  }

  get(key: unknown): unknown {
    if (key === undefined) return undefined
    const row = this.#rows.get(keyOf(this.node.key, key))
    if (row === undefined) return undefined
    if (row.bytes !== undefined) {
      row.value = this.node.value.deserialize(row.bytes, 0, row.bytes.length)
      row.bytes = undefined
    }
    return row.value
  }

  apply(key: string, value: Buffer | undefined): void {
    if (value === undefined) this.#rows.delete(key)
    else this.#rows.set(key, { bytes: value, value: undefined })
  }
}

/** The bytes of a key as a latin1 string. Text that is all ASCII is that already, which saves a look-up its two copies. */
function keyOf(serde: Serde<unknown>, key: unknown): string {
  if (typeof key === 'string' && serde.kind === 'text' && isAscii(key)) return key
  return serde.serialize(key).toString('latin1')
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

export interface GlobalTablesOptions {
  readonly env: Env
  readonly cluster: Cluster
  readonly admin: Admin
  readonly logger: Logger
}

interface Input {
  readonly tables: GlobalTable[]
  /** Partition → where loading ends; emptied as they are reached. */
  readonly ends: Map<number, number>
}

const STALL_LOG_MS = 10_000

export class GlobalTables {
  readonly #options: GlobalTablesOptions
  readonly #inputs = new Map<string, Input>()
  readonly #cursor = new FetchedCursor()
  #fetcher: Fetcher | undefined
  #failure: Error | undefined
  #arrived: () => void = () => {}
  readonly #onData: () => void

  constructor(options: GlobalTablesOptions, onData: () => void) {
    this.#options = options
    this.#onData = onData
  }

  /** By the store name of its node; a topic that several tasks read is read once. */
  async load(plan: NativeTaskPlan): Promise<ReadonlyMap<string, ReadableTable>> {
    const tables = new Map<string, ReadableTable>()
    for (const node of plan.globalTables) {
      const table = new GlobalTable(node)
      tables.set(node.store, table)
      await this.#loadTable(table)
      this.#options.logger.debug('global table loaded', { table: node.store, rows: table.size })
    }
    return tables
  }

  /** Applies what has come since. True where there was something. */
  receive(): boolean {
    let worked = false
    for (let batches = this.#fetcher?.poll(); batches !== undefined; batches = this.#fetcher?.poll()) {
      this.#apply(batches)
      worked = true
    }
    return worked
  }

  async close(): Promise<void> {
    await this.#fetcher?.close()
  }

  async #loadTable(table: GlobalTable): Promise<void> {
    const topic = table.node.topic.name
    const input: Input = this.#inputs.get(topic) ?? { tables: [], ends: new Map() }
    this.#inputs.set(topic, input)
    input.tables.push(table)
    const partitions = (await this.#options.cluster.partitions(topic)).map(meta => ({ topic, partition: meta.partition }))
    const ends = await this.#options.admin.listOffsets(partitions, 'latest', { isolation: 'read_uncommitted' })
    const starts = await this.#options.admin.listOffsets(partitions, 'earliest', { isolation: 'read_uncommitted' })
    this.#fetcher ??= new Fetcher(this.#options.cluster, {
      isolation: 'read_committed',
      onData: () => { this.#arrived(); this.#onData() },
      onError: (name, partition, error) => this.#onError(name, partition, error),
    })
    for (const { partition, offset } of starts) {
      const end = ends.find(entry => entry.partition === partition)?.offset ?? 0
      if (offset < end) input.ends.set(partition, end)
      this.#fetcher.unassign(topic, partition)
      this.#fetcher.assign(topic, partition, offset)
    }
    while (input.ends.size > 0) {
      if (this.#failure !== undefined) throw this.#failure
      if (!this.receive()) await this.#dataArrives(topic, input)
    }
  }

  #dataArrives(topic: string, input: Input): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#options.env.clock.setTimer(() => {
        this.#options.logger.info('a global table waits for the end of its topic', { topic, partitions: [...input.ends.keys()].join(', ') })
        resolve()
      }, STALL_LOG_MS)
      this.#arrived = () => { timer.cancel(); resolve() }
    })
  }

  #apply(batches: FetchedBatches): void {
    const input = this.#inputs.get(batches.topic)
    const cursor = this.#cursor.open(batches)
    while (input !== undefined && cursor.next()) {
      if (cursor.keyStart < 0) continue // K1: a row without a key is none.
      const key = cursor.buffer.toString('latin1', cursor.keyStart, cursor.keyEnd)
      const value = cursor.valueStart < 0 ? undefined : Buffer.from(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd))
      for (const table of input.tables) table.apply(key, value)
    }
    const end = input?.ends.get(batches.partition)
    if (end !== undefined && batches.offsetNext >= end) input?.ends.delete(batches.partition)
    batches.release()
  }

  #onError(topic: string, partition: number, error: Error): void {
    this.#options.logger.error('a global table no longer follows its topic', { topic, partition, problem: error.message })
    this.#failure = error
    this.#arrived()
  }
}
