/** The two ends of a test: topics that it writes to and topics that it reads, with the app's own types. */
import type { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { Producer } from '../client/producer.ts'
import type { Topic } from '../dsl/topic.ts'
import type { Header, TopicSpec } from '../topology/node.ts'
import { partitionOf } from '../wire/partitioner.ts'
import type { Sim } from './sim/sim.ts'

export interface DriverTools {
  readonly sim: Sim
  readonly cluster: Cluster
  readonly admin: Admin
  readonly producer: Producer
}

export interface SendOptions {
  /** The record's timestamp, epoch milliseconds; the virtual now without it. */
  readonly time?: number | undefined
  readonly partition?: number | undefined
  readonly headers?: readonly Header[] | undefined
}

export class InputTopic<K, V> {
  readonly #tools: DriverTools
  readonly #topic: Topic<K, V>

  constructor(tools: DriverTools, topic: Topic<K, V>) {
    this.#tools = tools
    this.#topic = topic
  }

  /** Queues a record; `settle` sends it. `null` as value deletes (for tables), `null` as key is none. */
  send(key: K | null, value: V | null, options: SendOptions = {}): this {
    return this.sendBytes(key === null ? null : this.#topic.key.serialize(key), value === null ? null : this.#topic.value.serialize(value), options)
  }

  /** The same with raw bytes, for what no serde would write. */
  sendBytes(key: Buffer | null, value: Buffer | null, options: SendOptions = {}): this {
    const count = this.#tools.cluster.partitionsKnown(this.#topic.name)?.length ?? 1
    const partition = options.partition ?? (key === null ? 0 : partitionOf(key, count))
    this.#tools.producer.send(this.#topic.name, partition, options.time ?? this.#tools.cluster.env.clock.now(), key, value, options.headers)
    return this
  }
}

/** A record as it came; `key` and `value` are decoded when they are looked at, and throw `SERDE_FAILED` where they are not what the topic declares. */
export interface OutputRecord<K, V> {
  /** `undefined`: null on the wire. */
  readonly key: K | undefined
  readonly value: V | undefined
  readonly keyBytes: Buffer | undefined
  readonly valueBytes: Buffer | undefined
  readonly time: number
  readonly partition: number
  readonly offset: number
  readonly headers: readonly Header[]
}

export class OutputTopic<K, V> {
  readonly #tools: DriverTools
  readonly #topic: TopicSpec
  readonly #next = new Map<number, number>()
  readonly #records: OutputRecord<K, V>[] = []
  #taken = 0

  constructor(tools: DriverTools, topic: TopicSpec) {
    this.#tools = tools
    this.#topic = topic
  }

  /** Everything committed, by partition, each in the order of its offsets. */
  records(): readonly OutputRecord<K, V>[] {
    return [...this.#records].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  /** What has come since `take` was last called. */
  take(): readonly OutputRecord<K, V>[] {
    const taken = this.#records.slice(this.#taken)
    this.#taken = this.#records.length
    return taken
  }

  /** The last value of each key; deleted keys are left out. */
  table(): Map<K | undefined, V> {
    const rows = new Map<K | undefined, V>()
    for (const { key, value } of this.#records) {
      if (value === undefined) rows.delete(key)
      else rows.set(key, value)
    }
    return rows
  }

  /** Reads what is committed now. Called by `settle`. */
  async receive(): Promise<void> {
    const { cluster, admin } = this.#tools
    const partitions = (await cluster.partitions(this.#topic.name)).map(meta => ({ topic: this.#topic.name, partition: meta.partition }))
    const ends = new Map((await admin.listOffsets(partitions, 'latest', { isolation: 'read_committed' })).map(entry => [entry.partition, entry.offset] as const))
    // Retention and purging may have taken what was not read yet.
    for (const { partition, offset } of await admin.listOffsets(partitions, 'earliest')) if (offset > (this.#next.get(partition) ?? 0)) this.#next.set(partition, offset)
    const waiting = new Set([...ends].filter(([partition, end]) => (this.#next.get(partition) ?? 0) < end).map(([partition]) => partition))
    if (waiting.size === 0) return
    let wake: () => void = () => {}
    const fetcher = new Fetcher(cluster, { isolation: 'read_committed', onData: () => wake() })
    for (const partition of waiting) fetcher.assign(this.#topic.name, partition, this.#next.get(partition) ?? 'earliest')
    const cursor = new FetchedCursor()
    while (waiting.size > 0) {
      const batches = fetcher.poll()
      if (batches === undefined) {
        await new Promise<void>(resolve => { wake = resolve })
        continue
      }
      cursor.open(batches)
      while (cursor.next()) this.#records.push(this.#record(batches.partition, cursor))
      this.#next.set(batches.partition, batches.offsetNext)
      if (batches.offsetNext >= (ends.get(batches.partition) ?? 0)) waiting.delete(batches.partition)
      batches.release()
    }
    await fetcher.close()
  }

  #record(partition: number, cursor: FetchedCursor): OutputRecord<K, V> {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
    const keyBytes = keyStart < 0 ? undefined : Buffer.from(buffer.subarray(keyStart, keyEnd))
    const valueBytes = valueStart < 0 ? undefined : Buffer.from(buffer.subarray(valueStart, valueEnd))
    const topic = this.#topic
    return {
      // The topic's serdes are those of K and V: `output` was given the topic.
      get key() { return keyBytes === undefined ? undefined : topic.key.deserialize(keyBytes, 0, keyBytes.length) as K },
      get value() { return valueBytes === undefined ? undefined : topic.value.deserialize(valueBytes, 0, valueBytes.length) as V },
      keyBytes, valueBytes, time: cursor.timestamp, partition, offset: cursor.offset,
      headers: cursor.headerCount === 0 ? [] : cursor.readHeaders().map(header => ({ key: header.key, value: header.value === null ? null : Buffer.from(header.value) })),
    }
  }
}
