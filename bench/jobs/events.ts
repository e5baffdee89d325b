/**
 * The input of the measured jobs: seeded shop events as JSON, event time in order, and what the jobs must make of them.
 *
 *   {"type":"purchase","shopper":"shopper-000000012345","item":"item-01234","price":123.45,"at":1767225600000}
 *
 * V1. The same seed gives the same events in the same order: record `n` is a function of the seed and of those before it.
 * V2. Key: the shopper. Partition: murmur2 of it. Timestamp: `at`, which rises by one millisecond a record: no disorder within the topic, so none within a partition.
 * V3. Items follow Zipf's law with exponent 1 over `keys` items; the four types are even; shoppers are uniform over 20,000.
 * V4. `close` adds closing events, a day later, for as many items as it takes that every partition of a topic keyed by item gets some: they close the windows
 *     before them, and are left out of all sums. They are for when everything else was consumed: a partition that is at its end while others are not would
 *     otherwise make all that the others still have too late, in any engine that re-keys and has no watermark of each input partition.
 */
import { Admin, partitionOf, Producer } from 'millrace/client'
import type { Cluster } from 'millrace/client'

export interface InputOptions {
  readonly topic: string
  readonly records: number
  readonly partitions: number
  readonly keys: number
  readonly seed: number
}

/** What is in an input, so that a run can be checked. */
export interface InputFacts {
  readonly records: number
  /** Of a type other than `view`. */
  readonly kept: number
  readonly bytes: number
}

/** The price as it stands in the JSON. */
interface ShopEvent { readonly type: string; readonly shopper: string; readonly item: string; readonly price: string; readonly at: number }

export const TYPES = ['view', 'click', 'cart', 'purchase'] as const
const SHOPPERS = 20_000
const STARTS_AT = Date.UTC(2026, 0, 1)
const CLOSES_AFTER_MS = 86_400_000
const CLOSING_ITEMS = 64

/** Numbers in [0, 1), 32 bits of state. */
export function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Every event, in order. */
export function* events(options: Pick<InputOptions, 'records' | 'keys' | 'seed'>): Generator<ShopEvent> {
  const random = randomOf(options.seed)
  const weights = cumulative(options.keys)
  const digits = Math.max(5, String(options.keys).length)
  for (let index = 0; index < options.records; index++) {
    const type = TYPES[Math.floor(random() * TYPES.length)] ?? 'view'
    const shopper = `shopper-${String(Math.floor(random() * SHOPPERS)).padStart(12, '0')}`
    const item = `item-${String(rank(weights, random())).padStart(digits, '0')}`
    // Two digits after the point, as prices have.
    const price = `${1 + Math.floor(random() * 499)}.${String(1 + Math.floor(random() * 99)).padStart(2, '0')}`
    yield { type, shopper, item, price: String(Number(price)), at: STARTS_AT + index }
  }
}

/** Makes the topic and fills it. */
export async function fill(cluster: Cluster, options: InputOptions): Promise<InputFacts> {
  await new Admin(cluster).createTopics([{ name: options.topic, partitions: options.partitions, configs: { 'retention.ms': '-1' } }])
  const producer = new Producer(cluster, { lingerMs: 20, batchBytesMax: 512 * 1024 })
  await producer.init()
  let [records, kept, bytes] = [0, 0, 0]
  for (const { type, shopper, item, price, at } of events(options)) {
    if (producer.full) await producer.drained()
    bytes += send(producer, options, { type, shopper, item, price, at })
    records++
    if (type !== 'view') kept++
  }
  await producer.flush()
  await producer.close()
  return { records, kept, bytes }
}

/** See V4. */
export async function close(cluster: Cluster, options: Pick<InputOptions, 'topic' | 'records' | 'partitions'>): Promise<void> {
  const producer = new Producer(cluster)
  await producer.init()
  const at = STARTS_AT + options.records + CLOSES_AFTER_MS
  for (let index = 0; index < CLOSING_ITEMS; index++) send(producer, options, { type: 'close', shopper: `shopper-${String(index).padStart(12, '0')}`, item: `close-${String(index).padStart(4, '0')}`, price: '1', at })
  await producer.flush()
  await producer.close()
}

function send(producer: Producer, { topic, partitions }: Pick<InputOptions, 'topic' | 'partitions'>, { type, shopper, item, price, at }: ShopEvent): number {
  const key = Buffer.from(shopper, 'latin1')
  const value = Buffer.from(`{"type":"${type}","shopper":"${shopper}","item":"${item}","price":${price},"at":${at}}`, 'latin1')
  producer.send(topic, partitionOf(key, partitions), at, key, value)
  return value.length
}

/** What `fill` with these options puts there, without a cluster. */
export function factsOf(options: Pick<InputOptions, 'records' | 'keys' | 'seed'>): Omit<InputFacts, 'bytes'> {
  let kept = 0
  for (const { type } of events(options)) if (type !== 'view') kept++
  return { records: options.records, kept }
}

/** Sums of 1/rank, scaled to end at 1. */
function cumulative(keys: number): Float64Array {
  const sums = new Float64Array(keys)
  let sum = 0
  for (let index = 0; index < keys; index++) sums[index] = sum += 1 / (index + 1)
  return sums.map(value => value / sum)
}

function rank(sums: Float64Array, at: number): number {
  let low = 0
  for (let high = sums.length - 1; low < high;) {
    const middle = (low + high) >>> 1
    if ((sums[middle] ?? 1) <= at) low = middle + 1
    else high = middle
  }
  return low
}
