/**
 * Makes the input of a case, once for each share of it, before anything is measured: generated, seeded, preloaded.
 *
 * I1. Event time rises evenly over `SPAN_MS`; of each `DISORDERED_ONE_IN` records one is older by up to `DISORDER_MS`, less than any contender's bound. The
 *     record's own timestamp is the event's time.
 * I2. The key is the shopper, the jobs group by item: each job has to change the key.
 * I3. Each partition ends with events far ahead (`CLOSING_ITEM`), one for each partition that its item may go to: event time passes the last window before and
 *     behind a repartition. They are views, and left out of every result by their items. An open input has none yet: `closeInput` sends them.
 */
import { Admin, Cluster, partitionOf, Producer, realEnv } from 'millrace/client'
import { type Case, CLOSING_AFTER_MS, CLOSING_ITEM, DISORDER_MS, DISORDERED_ONE_IN, recordsOf, SEED, SPAN_MS } from './case.ts'

const TYPES = ['view', 'click', 'cart', 'purchase'] as const
const TIERS = ['basic', 'silver', 'gold', 'platinum'] as const
const SHOPPERS = 100_000
export const BASE_MS = Date.UTC(2026, 0, 1)
/** Turns of the loop between two looks at the sockets. */
const SLICE = 2_000

/** Inputs that are equal have the same name. */
export function inputName(one: Case, share: number): string {
  return `input-${recordsOf(one, share)}-${one.valueBytes}-${one.keys}-${one.zipfExponent}-${one.partitions}`
}

/** Makes it where it is not there yet. */
export async function makeInput(bootstrap: string, one: Case, share: number, open?: string): Promise<void> {
  const name = open ?? inputName(one, share)
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'bench-input' })
  try {
    const admin = new Admin(cluster)
    if ((await admin.listTopics()).includes(name)) return
    await admin.createTopics([{ name, partitions: one.partitions, replicas: 1, configs: { 'retention.ms': '-1', 'retention.bytes': '-1' } }])
    const producer = new Producer(cluster, { lingerMs: 5 })
    await producer.init()
    await cluster.partitions(name)
    const records = recordsOf(one, share)
    const next = events(one, records)
    for (let index = 0; index < records;) {
      for (const end = Math.min(records, index + SLICE); index < end; index++) {
        const { key, value, at } = next()
        producer.send(name, partitionOf(key, one.partitions), at, key, value)
      }
      if (producer.full) await producer.drained()
      else await new Promise(resolve => setImmediate(resolve))
    }
    if (open === undefined) sendClosing(producer, name, one)
    await producer.flush()
    await producer.close()
  } finally {
    await cluster.close()
  }
}

export function tableName({ partitions }: Case): string {
  return `table-shoppers-${partitions}`
}

/** The table of `join`: a row for nine shoppers of ten, all older than the first event. */
export async function makeTable(bootstrap: string, one: Case): Promise<void> {
  const name = tableName(one)
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'bench-table' })
  try {
    const admin = new Admin(cluster)
    if ((await admin.listTopics()).includes(name)) return
    await admin.createTopics([{ name, partitions: one.partitions, replicas: 1, configs: { 'cleanup.policy': 'compact' } }])
    const producer = new Producer(cluster, { lingerMs: 5 })
    await producer.init()
    await cluster.partitions(name)
    for (let number = 0; number < SHOPPERS; number++) {
      if (number % 10 === 9) continue
      const shopper = `s${padded(number)}`
      const key = Buffer.from(shopper, 'latin1')
      producer.send(name, partitionOf(key, one.partitions), BASE_MS - 1, key, Buffer.from(`{"shopper":"${shopper}","tier":"${TIERS[number % TIERS.length] ?? ''}","country":"${number % 7 === 0 ? 'DE' : 'FR'}"}`, 'latin1'))
      if (number % SLICE === 0) await (producer.full ? producer.drained() : new Promise(resolve => setImmediate(resolve)))
    }
    await producer.flush()
    await producer.close()
  } finally {
    await cluster.close()
  }
}

/** Sends the closing events of an open input. */
export async function closeInput(cluster: Cluster, name: string, one: Case): Promise<void> {
  const producer = new Producer(cluster)
  await producer.init()
  await cluster.partitions(name)
  sendClosing(producer, name, one)
  await producer.flush()
  await producer.close()
}

function sendClosing(producer: Producer, name: string, one: Case): void {
  const at = BASE_MS + SPAN_MS + CLOSING_AFTER_MS
  for (let partition = 0; partition < one.partitions; partition++) {
    for (const item of closingItems(one.partitions)) producer.send(name, partition, at, Buffer.from('s000000'), valueOf({ type: 'view', shopper: 's000000', item, price: 1, at }, one.valueBytes))
  }
}

/** One for each partition. */
export function closingItems(partitions: number): string[] {
  const found = new Map<number, string>()
  for (let number = 0; found.size < partitions; number++) {
    const item = `${CLOSING_ITEM}${number}`
    const partition = partitionOf(Buffer.from(item), partitions)
    if (!found.has(partition)) found.set(partition, item)
  }
  return [...found.values()]
}

/** The events of an input, one for each call; with `now` made at that time instead, in order. */
export function events(one: Case, records: number, { now }: { readonly now?: (() => number) | undefined } = {}): () => { readonly key: Buffer, readonly value: Buffer, readonly at: number } {
  const random = randomOf(SEED)
  const item = itemsOf(one.keys, one.zipfExponent, random)
  let index = 0
  return () => {
    const shopper = `s${padded(Math.floor(random() * SHOPPERS))}`
    const late = random() * DISORDERED_ONE_IN < 1 ? Math.floor(random() * DISORDER_MS) : 0
    const place = Math.floor(index++ * SPAN_MS / records)
    const at = now?.() ?? BASE_MS + place - Math.min(late, place)
    const value = valueOf({ type: TYPES[Math.floor(random() * TYPES.length)] ?? 'view', shopper, item: item(), price: 100 + Math.floor(random() * 9_000), at }, one.valueBytes)
    return { key: Buffer.from(shopper, 'latin1'), value, at }
  }
}

function valueOf(event: { readonly type: string, readonly shopper: string, readonly item: string, readonly price: number, readonly at: number }, bytes: number): Buffer {
  const text = `{"type":"${event.type}","shopper":"${event.shopper}","item":"${event.item}","price":${event.price},"at":${event.at},"note":"`
  return Buffer.from(`${text}${'.'.repeat(Math.max(0, bytes - text.length - 2))}"}`, 'latin1')
}

const padded = (number: number): string => String(number).padStart(6, '0')

/** A number in [0, 1): 32-bit multiply-and-xorshift. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e37_79b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0_aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x1_0000_0000
  }
}

/** Names of items, the first the most frequent by 1/rank^exponent. */
export function itemsOf(keys: number, exponent: number, random: () => number): () => string {
  if (exponent === 0) return () => `i${padded(Math.floor(random() * keys))}`
  const upTo = new Float64Array(keys)
  for (let rank = 0, sum = 0; rank < keys; rank++) upTo[rank] = sum += (rank + 1) ** -exponent
  const whole = upTo[keys - 1] ?? 1
  const names = Array.from({ length: keys }, (_, rank) => `i${padded(rank)}`)
  return () => {
    const drawn = random() * whole
    let [low, high] = [0, keys - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((upTo[middle] ?? 0) <= drawn) low = middle + 1
      else high = middle
    }
    return names[low] ?? ''
  }
}
