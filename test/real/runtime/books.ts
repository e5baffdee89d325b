/**
 * The books of a kill test: numbered records go in, and a recount from offset 0 under read_committed says whether each came out once.
 * The reader here is Millrace's own fetcher; the ledger's verifiers (kafkajs, librdkafka) recount with other people's clients.
 */
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { FetchedCursor } from '../../../src/client/fetched-batches.ts'
import { Fetcher } from '../../../src/client/fetcher.ts'
import { Producer } from '../../../src/client/producer.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { partitionOf } from '../../../src/wire/partitioner.ts'

export interface Books {
  readonly in: number
  readonly out: number
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
  readonly groups: number
  readonly countsWrong: number
  readonly examples: readonly string[]
}

export const balanced = (books: Books): boolean => books.in > 0 && books.lost === 0 && books.doubled === 0 && books.outOfOrder === 0 && books.countsWrong === 0

/** Writes numbered records at `perSecond` until stopped; keys repeat, so that order per key can be checked. */
export class NumberedProducer {
  readonly #producer: Producer
  readonly #topic: string
  readonly #partitions: number
  #timer: NodeJS.Timeout | undefined
  sent = 0

  constructor(cluster: Cluster, topic: string, partitions: number) {
    this.#producer = new Producer(cluster, { lingerMs: 1 })
    this.#topic = topic
    this.#partitions = partitions
  }

  async start(perSecond: number): Promise<void> {
    await this.#producer.init()
    this.#timer = setInterval(() => this.send(Math.ceil(perSecond / 50)), 20)
  }

  send(count: number): void {
    for (let index = 0; index < count && !this.#producer.full; index++) {
      const id = this.sent++
      const key = Buffer.from(`k${id % 97}`)
      this.#producer.send(this.#topic, partitionOf(key, this.#partitions), Date.now(), key, Buffer.from(JSON.stringify({ id, group: `g${id % 13}` })))
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#producer.close()
  }
}

/**
 * Calls `each` for every committed record of the topic, from `from` (by partition; its start without it) to the log's end as it is now. A transaction
 * that is still open is waited for: what it holds back may be records like any others.
 */
export async function readAll(
  cluster: Cluster, topic: string, each: (partition: number, offset: number, key: string, value: string, timestamp: number) => void, from: ReadonlyMap<number, number> = new Map(),
): Promise<void> {
  const admin = new Admin(cluster)
  const parts = (await cluster.partitions(topic)).map(meta => ({ topic, partition: meta.partition }))
  const ends = new Map((await admin.listOffsets(parts, 'latest', { isolation: 'read_uncommitted' })).map(entry => [entry.partition, entry.offset] as const))
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed' })
  const cursor = new FetchedCursor()
  for (const [partition, end] of ends) if (end > (from.get(partition) ?? 0)) fetcher.assign(topic, partition, from.get(partition) ?? 'earliest')
    else ends.delete(partition)
  try {
    const deadline = Date.now() + 60_000
    while (ends.size > 0) {
      if (Date.now() > deadline) throw new Error(`${topic} could not be read to its end in 60 s`)
      const batches = fetcher.poll()
      if (batches === undefined) {
        await realEnv.clock.sleep(2)
        continue
      }
      cursor.open(batches)
      while (cursor.next()) each(batches.partition, cursor.offset, cursor.buffer.toString('utf8', cursor.keyStart, cursor.keyEnd), cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd), cursor.timestamp)
      if (batches.offsetNext >= (ends.get(batches.partition) ?? Infinity)) ends.delete(batches.partition)
      batches.release()
    }
  } finally {
    await fetcher.close()
  }
}

/** Recounts: every id of `input` once in `copies`, in order per key; in `counts` every group's count goes up by one (`combined`: goes up) to its number of records. */
export async function recount(bootstrap: string, prefix: string, options: { readonly combined?: boolean | undefined } = {}): Promise<Books> {
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'books' })
  try {
    const ids = new Map<number, number>()
    const perGroup = new Map<string, number>()
    await readAll(cluster, `${prefix}.input`, (_partition, _offset, _key, value) => {
      const { id, group } = JSON.parse(value) as { id: number; group: string } // Written by NumberedProducer.
      ids.set(id, 0)
      perGroup.set(group, (perGroup.get(group) ?? 0) + 1)
    })
    const examples: string[] = []
    const last = new Map<string, number>()
    let out = 0
    let outOfOrder = 0
    await readAll(cluster, `${prefix}.copies`, (partition, offset, key, value) => {
      const { id } = JSON.parse(value) as { id: number } // Written by the app under test.
      out++
      ids.set(id, (ids.get(id) ?? 0) + 1)
      if ((last.get(key) ?? -1) >= id && ids.get(id) === 1) {
        outOfOrder++
        if (examples.length < 5) examples.push(`copies/${partition}@${offset}: ${id} after ${last.get(key)}`)
      }
      last.set(key, Math.max(last.get(key) ?? -1, id))
    })
    const counted = new Map<string, number>()
    let countsWrong = 0
    await readAll(cluster, `${prefix}.counts`, (partition, offset, key, value) => {
      const { count } = JSON.parse(value) as { count: number } // Written by the app under test.
      const expected = (counted.get(key) ?? 0) + 1
      if (options.combined === true ? count < expected : count !== expected) {
        countsWrong++
        if (examples.length < 10) examples.push(`counts/${partition}@${offset}: ${key} counts ${count}, expected ${expected}`)
      }
      counted.set(key, count)
    })
    for (const [group, count] of perGroup) if (counted.get(group) !== count) {
      countsWrong++
      if (examples.length < 15) examples.push(`${group}: ${counted.get(group) ?? 0} counted of ${count}`)
    }
    const times = [...ids.values()]
    return {
      in: ids.size, out, lost: times.filter(time => time === 0).length, doubled: times.reduce((sum, time) => sum + Math.max(0, time - 1), 0),
      outOfOrder, groups: perGroup.size, countsWrong, examples,
    }
  } finally {
    await cluster.close()
  }
}

/**
 * Waits until nothing is left between what the groups of the app have committed and the ends of what they read, or `msMax` has passed. Upstream first:
 * once a task has committed all of its input, its output holds everything that the next one has to read.
 */
export async function drained(bootstrap: string, prefix: string, msMax: number): Promise<boolean> {
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'books' })
  try {
    const deadline = Date.now() + msMax
    const links = [['copy', `${prefix}.input`], ['count', `${prefix}.input`], ['count', `${prefix}.count.per-group.repartition`]] as const
    for (const [task, topic] of links) {
      while (await unread(cluster, `${prefix}.${task}`, topic) > 0) {
        if (Date.now() > deadline) return false
        await realEnv.clock.sleep(200)
      }
    }
    return true
  } finally {
    await cluster.close()
  }
}

/** Records that the group has not committed. Counted, not told from offsets: control records and aborted ones lie between. */
async function unread(cluster: Cluster, group: string, topic: string): Promise<number> {
  const parts = (await cluster.partitions(topic)).map(meta => ({ topic, partition: meta.partition }))
  const committed = await new Admin(cluster).groupOffsets(group, parts, { requireStable: true })
  let records = 0
  await readAll(cluster, topic, () => { records++ }, new Map(committed.map(entry => [entry.partition, Math.max(0, entry.offset)])))
  return records
}
