/**
 * The input of the Nexmark queries: an auction house's persons, auctions and bids (1 : 3 : 46), each in a topic of its own, generated and seeded as the other input is.
 *
 * X1. Event time rises evenly over `SPAN_MS`; of each `DISORDERED_ONE_IN` records one is older by up to `DISORDER_MS`.
 * X2. A bid names an auction, an auction a seller, that is at least `LAG_MS` older in event time, more than the disorder: whoever joins in the order of time finds it, and
 *     who joins in any order finds the same.
 * X3. Ids from `CLOSING_ID` up only move event time; no result of them is compared.
 */
import { Admin, Cluster, partitionOf, Producer, realEnv } from 'millrace/client'
import { type Case, CLOSING_AFTER_MS, DISORDER_MS, DISORDERED_ONE_IN, recordsOf, SEED, SPAN_MS } from './case.ts'
import { BASE_MS, randomOf } from './input.ts'

export const CLOSING_ID = 900_000_000
export const TOPICS = ['person', 'auction', 'bid'] as const
const LAG_MS = 3_000
/** Auctions that are bid on, and persons who sell and bid, are among so many of the newest. */
const [OPEN_AUCTIONS, ACTIVE_PERSONS] = [400, 200]
const ROUND = 50
const [CITIES, STATES] = [['Phoenix', 'Palo Alto', 'Seattle', 'Boise', 'Portland', 'Kent'], ['AZ', 'CA', 'WA', 'ID', 'OR', 'WY']] as const
const CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'] as const
const WORDS = ['abo', 'kri', 'mal', 'nos', 'pty', 'tuv'] as const
const SLICE = 2_000

export interface NexmarkEvent { readonly kind: typeof TOPICS[number], readonly key: string, readonly value: string, readonly at: number }

/** One event for each call. */
export function nexmarkEvents(records: number): () => NexmarkEvent {
  const random = randomOf(SEED)
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(random() * of.length)]
  const lag = Math.ceil(records * LAG_MS / SPAN_MS / ROUND) + 1
  let index = 0
  const older = (count: number, newest: number): number => Math.max(0, newest - Math.floor(random() * count))
  return () => {
    const round = Math.floor(index / ROUND)
    const place = Math.floor(index * SPAN_MS / records)
    const late = random() * DISORDERED_ONE_IN < 1 ? Math.floor(random() * DISORDER_MS) : 0
    const at = BASE_MS + place - Math.min(late, place)
    const within = index++ % ROUND
    if (within === 0) return person(round, pick(WORDS) ?? '', pick(CITIES) ?? '', pick(STATES) ?? '', at)
    if (within < 4) return auction(round * 3 + within - 1, older(ACTIVE_PERSONS, round - lag), 10 + Math.floor(random() * 5), at)
    return bid(older(OPEN_AUCTIONS, (round - lag) * 3), older(ACTIVE_PERSONS, round - lag), Math.floor(100 * 10 ** (random() * 5)), { channel: pick(CHANNELS) ?? '', url: `https://www.nexmark.com/${pick(WORDS) ?? ''}/${pick(WORDS) ?? ''}/${pick(WORDS) ?? ''}/item.htm?query=1` }, at)
  }
}

function person(id: number, word: string, city: string, state: string, at: number): NexmarkEvent {
  return { kind: 'person', key: String(id), at, value: `{"id":${id},"name":"${word} ${id}","city":"${city}","state":"${state}","at":${at}}` }
}

function auction(id: number, seller: number, category: number, at: number): NexmarkEvent {
  return { kind: 'auction', key: String(id), at, value: `{"id":${id},"item":"item ${id}","seller":${seller},"category":${category},"reserve":100,"at":${at}}` }
}

function bid(of: number, bidder: number, price: number, { channel, url }: { readonly channel: string, readonly url: string }, at: number): NexmarkEvent {
  return { kind: 'bid', key: String(of), at, value: `{"auction":${of},"bidder":${bidder},"price":${price},"channel":"${channel}","url":"${url}","at":${at}}` }
}

export function nexmarkName(one: Case, share: number): string {
  return `nexmark-${recordsOf(one, share)}-${one.partitions}`
}

/** Makes the three topics where they are not there yet; an open input has no closing events yet. */
export async function makeNexmark(bootstrap: string, one: Case, share: number, open?: string): Promise<void> {
  const name = open ?? nexmarkName(one, share)
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'bench-nexmark' })
  try {
    const admin = new Admin(cluster)
    if ((await admin.listTopics()).includes(`${name}.bid`)) return
    await admin.createTopics(TOPICS.map(kind => ({ name: `${name}.${kind}`, partitions: one.partitions, replicas: 1, configs: { 'retention.ms': '-1', 'retention.bytes': '-1' } })))
    const producer = new Producer(cluster, { lingerMs: 5 })
    await producer.init()
    for (const kind of TOPICS) await cluster.partitions(`${name}.${kind}`)
    const records = recordsOf(one, share)
    const next = nexmarkEvents(records)
    for (let index = 0; index < records;) {
      for (const end = Math.min(records, index + SLICE); index < end; index++) send(producer, name, one, next())
      await (producer.full ? producer.drained() : new Promise(resolve => setImmediate(resolve)))
    }
    if (open === undefined) sendClosing(producer, name, one)
    await producer.flush()
    await producer.close()
  } finally {
    await cluster.close()
  }
}

export async function closeNexmark(cluster: Cluster, name: string, one: Case): Promise<void> {
  const producer = new Producer(cluster)
  await producer.init()
  for (const kind of TOPICS) await cluster.partitions(`${name}.${kind}`)
  sendClosing(producer, name, one)
  await producer.flush()
  await producer.close()
}

function send(producer: Producer, name: string, one: Case, { kind, key, value, at }: NexmarkEvent, partition?: number): void {
  const bytes = Buffer.from(key, 'latin1')
  producer.send(`${name}.${kind}`, partition ?? partitionOf(bytes, one.partitions), at, bytes, Buffer.from(value, 'latin1'))
}

/** To each partition one for each partition that its ids may go to. */
function sendClosing(producer: Producer, name: string, one: Case): void {
  const at = BASE_MS + SPAN_MS + CLOSING_AFTER_MS
  const ids = new Map<number, number>()
  for (let id = CLOSING_ID; ids.size < one.partitions; id++) {
    const partition = partitionOf(Buffer.from(String(id)), one.partitions)
    if (!ids.has(partition)) ids.set(partition, id)
  }
  for (let partition = 0; partition < one.partitions; partition++) {
    for (const id of ids.values()) {
      for (const event of [person(id, 'x', 'x', 'x', at), auction(id, id, 1, at), bid(id, id, 1, { channel: 'x', url: 'https://x/x/x/x/x' }, at)]) send(producer, name, one, event, partition)
    }
  }
}
