/**
 * The demo's own ends of its topics: a typed producer, and a reader of whole topics without a group.
 *
 * K1. A follower reads every partition, read committed, and keeps no offsets: any number of processes see everything.
 * K2. A record that does not decode is counted and left out: a stranger's bytes on a topic do not stop a page.
 */
import type { Topic } from 'millrace'
import { Admin, FetchedCursor, Fetcher, partitionOf, Producer, type Cluster } from 'millrace/client'

export interface Coordinates {
  readonly partition: number
  readonly offset: number
}

export type TopicToMake = Pick<Topic<unknown, unknown>, 'name' | 'partitions' | 'retentionMs' | 'cleanup' | 'segmentBytes'>

/** Makes the topics that are not there yet, as they are declared. */
export async function ensureTopics(cluster: Cluster, topics: readonly TopicToMake[]): Promise<void> {
  await new Admin(cluster).createTopics(topics.map(topic => ({
    name: topic.name,
    partitions: topic.partitions,
    configs: {
      ...(topic.retentionMs === undefined ? {} : { 'retention.ms': String(topic.retentionMs) }),
      ...(topic.cleanup === undefined ? {} : { 'cleanup.policy': topic.cleanup }),
      ...(topic.segmentBytes === undefined ? {} : { 'segment.bytes': String(topic.segmentBytes) }),
    },
  })), { existing: 'ok' })
}

export class TopicWriter {
  readonly #producer: Producer
  readonly #partitions: ReadonlyMap<string, number>

  private constructor(producer: Producer, partitions: ReadonlyMap<string, number>) {
    this.#producer = producer
    this.#partitions = partitions
  }

  static async open(cluster: Cluster, topics: readonly { readonly name: string }[]): Promise<TopicWriter> {
    const partitions = new Map<string, number>()
    for (const { name } of topics) partitions.set(name, (await cluster.partitions(name)).length)
    const producer = new Producer(cluster)
    await producer.init()
    return new TopicWriter(producer, partitions)
  }

  /** Queues one record; `flush` says when it is safe. */
  send<K, V>(topic: Topic<K, V>, key: K, value: V, time: number): void {
    const keyBytes = topic.key.serialize(key)
    this.#producer.send(topic.name, this.partitionOf(topic, key), time, keyBytes, topic.value.serialize(value))
  }

  partitionOf<K, V>(topic: Topic<K, V>, key: K): number {
    return partitionOf(topic.key.serialize(key), this.#partitions.get(topic.name) ?? 1)
  }

  get isFull(): boolean {
    return this.#producer.full
  }

  /** Resolves when everything sent is acknowledged. */
  flush(): Promise<void> {
    return this.#producer.flush()
  }

  close(): Promise<void> {
    return this.#producer.close()
  }
}

interface Followed {
  readonly take: (buffer: Buffer, cursor: FetchedCursor, at: Coordinates) => void
}

export class TopicFollower {
  readonly #cluster: Cluster
  readonly #fetcher: Fetcher
  readonly #cursor = new FetchedCursor()
  readonly #topics = new Map<string, Followed>()
  readonly #waiting: { readonly topic: string; readonly partition: number; readonly offset: number; readonly resolve: () => void }[] = []
  readonly #positions = new Map<string, Map<number, number>>()
  #isScheduled = false
  undecodable = 0

  constructor(cluster: Cluster, options: { readonly onError: (error: Error) => void }) {
    this.#cluster = cluster
    this.#fetcher = new Fetcher(cluster, {
      isolation: 'read_committed', reset: 'earliest',
      onData: () => this.#schedule(),
      onError: (_topic, _partition, error) => options.onError(error),
    })
  }

  /** Reads all of `topic` from its start, and what comes. `onRecord` gets `undefined` for a null value. */
  async follow<K, V>(topic: Pick<Topic<K, V>, 'name' | 'key' | 'value'>, onRecord: (key: K, value: V | undefined, at: Coordinates) => void): Promise<void> {
    this.#topics.set(topic.name, {
      take: (buffer, { record }, at) => {
        if (record.keyStart < 0) return
        let key: K
        let value: V | undefined
        try {
          key = topic.key.deserialize(buffer, record.keyStart, record.keyEnd)
          value = record.valueStart < 0 ? undefined : topic.value.deserialize(buffer, record.valueStart, record.valueEnd)
        } catch {
          // K2.
          this.undecodable += 1
          return
        }
        onRecord(key, value, at)
      },
    })
    for (const { partition } of await this.#cluster.partitions(topic.name)) this.#fetcher.assign(topic.name, partition, 'earliest')
  }

  /** Resolves when everything that was committed in `topic` at the time of the call has been read. */
  async caughtUp(topic: { readonly name: string }): Promise<void> {
    const partitions = (await this.#cluster.partitions(topic.name)).map(({ partition }) => ({ topic: topic.name, partition }))
    const ends = await new Admin(this.#cluster).listOffsets(partitions, 'latest', { isolation: 'read_committed' })
    await Promise.all(ends.map(end => this.#reached(end)))
  }

  #reached(at: { readonly topic: string; readonly partition: number; readonly offset: number }): Promise<void> {
    if ((this.#positions.get(at.topic)?.get(at.partition) ?? 0) >= at.offset) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ ...at, resolve }))
  }

  async close(): Promise<void> {
    await this.#fetcher.close()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#drain()
    })
  }

  #drain(): void {
    for (let fetched = this.#fetcher.poll(); fetched !== undefined; fetched = this.#fetcher.poll()) {
      const followed = this.#topics.get(fetched.topic)
      const cursor = this.#cursor.open(fetched)
      while (cursor.next()) followed?.take(cursor.buffer, cursor, { partition: fetched.partition, offset: cursor.offset })
      const positions = this.#positions.get(fetched.topic) ?? new Map<number, number>()
      this.#positions.set(fetched.topic, positions.set(fetched.partition, cursor.offsetNext))
      fetched.release()
    }
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      const waiting = this.#waiting[index]
      if (waiting === undefined || (this.#positions.get(waiting.topic)?.get(waiting.partition) ?? 0) < waiting.offset) continue
      this.#waiting.splice(index, 1)
      waiting.resolve()
    }
  }
}
