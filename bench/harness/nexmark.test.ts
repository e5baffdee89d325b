import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { json, text, topic } from 'millrace'
import { testApp } from 'millrace/testing'
import { QUERIES, type Query } from './case.ts'
import { CLOSING_ID, type NexmarkEvent, nexmarkEvents } from './nexmark.ts'

const RECORDS = 1_500
const SETTING = { BOOTSTRAP: '', JOB: 'q0', INPUT: 'nexmark', OUTPUT: 'results', TABLE: '', NAME: 'nexmark', DIRECTORY: '', EMISSION: 'final', PARTITIONS: '2', THREADS: '0', COMMIT_MS: '100', GRACE_MS: '900000', GUARANTEE: 'exactly-once' }
for (const [name, value] of Object.entries(SETTING)) process.env[`BENCH_${name}`] = value

type Row = Readonly<Record<string, unknown>>
interface Person { readonly id: number, readonly name: string, readonly city: string, readonly state: string, readonly at: number }
interface Auction { readonly id: number, readonly item: string, readonly seller: number, readonly category: number, readonly at: number }
interface Bid { readonly auction: number, readonly bidder: number, readonly price: number, readonly channel: string, readonly url: string, readonly at: number }
interface House { readonly persons: Map<number, Person>, readonly auctions: Map<number, Auction>, readonly bids: Bid[] }

function house(): House {
  const next = nexmarkEvents(RECORDS)
  const all: House = { persons: new Map(), auctions: new Map(), bids: [] }
  for (let index = 0; index < RECORDS; index++) {
    const { kind, value } = next()
    const event: unknown = JSON.parse(value)
    // As nexmark.ts writes them.
    if (kind === 'person') all.persons.set((event as Person).id, event as Person)
    else if (kind === 'auction') all.auctions.set((event as Auction).id, event as Auction)
    else all.bids.push(event as Bid)
  }
  return all
}

function grouped<T, K>(of: readonly T[], keyOf: (each: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const each of of) groups.set(keyOf(each), [...groups.get(keyOf(each)) ?? [], each])
  return groups
}

const from = (at: number, sizeMs: number): number => at - at % sizeMs
const rowOf = ({ auction, bidder, price, at }: Bid): Row => ({ auction, bidder, price, at })

/** The queries, over everything at once. */
const LOOPS: Readonly<Record<Query, (of: House) => Row[]>> = {
  q0: ({ bids }) => bids.map(rowOf),
  q1: ({ bids }) => bids.map(bid => ({ ...rowOf(bid), price: bid.price * 908 })),
  q2: ({ bids }) => bids.filter(bid => bid.auction % 123 === 0).map(({ auction, price, at }) => ({ auction, price, at })),
  q3: ({ persons, auctions }) => [...auctions.values()].flatMap(({ id, seller, category, at }) => {
    const person = persons.get(seller)
    return person !== undefined && category === 10 && ['OR', 'ID', 'CA'].includes(person.state) ? [{ name: person.name, city: person.city, state: person.state, auction: id, at }] : []
  }),
  q7: ({ bids }) => [...grouped(bids, bid => from(bid.at, 10_000))].flatMap(([start, within]) => {
    const highest = Math.max(...within.map(({ price }) => price))
    return within.filter(({ price }) => price === highest).map(bid => ({ ...rowOf(bid), from: start }))
  }),
  q8: ({ persons, auctions }) => [...persons.values()].filter(({ id, at }) => [...auctions.values()].some(auction => auction.seller === id && from(auction.at, 10_000) === from(at, 10_000)))
    .map(({ id, name, at }) => ({ id, name, from: from(at, 10_000) })),
  q11: ({ bids }) => [...grouped(bids, ({ bidder }) => bidder)].flatMap(([bidder, own]) => {
    const visits: { bidder: number, count: number, from: number, to: number }[] = []
    for (const { at } of own.toSorted((a, b) => a.at - b.at)) {
      const last = visits.at(-1)
      if (last === undefined || at - last.to > 10_000) visits.push({ bidder, count: 1, from: at, to: at })
      else Object.assign(last, { count: last.count + 1, to: at })
    }
    return visits
  }),
  q17: ({ bids }) => [...grouped(bids, ({ auction }) => auction)].map(([auction, own]) => {
    const prices = own.map(({ price }) => price)
    return { auction, from: from(own[0]?.at ?? 0, 86_400_000), total: own.length, lowest: Math.min(...prices), highest: Math.max(...prices), sum: prices.reduce((sum, price) => sum + price, 0) }
  }),
  q18: ({ bids }) => [...grouped(bids, ({ bidder, auction }) => `${bidder}/${auction}`).values()].map(own => rowOf(own.toSorted((a, b) => b.at - a.at || b.price - a.price)[0] as Bid)), // No group is empty.
  q20: ({ bids, auctions }) => bids.flatMap(bid => {
    const auction = auctions.get(bid.auction)
    return auction?.category === 10 ? [{ ...rowOf(bid), seller: auction.seller }] : []
  }),
  q22: ({ bids }) => bids.map(bid => { const [one, two, three] = bid.url.split('/').slice(3); return { ...rowOf(bid), one, two, three } }),
}
/** What a query reads, where that is not bids alone; a topic that nobody reads is not there. */
const READS: Partial<Record<Query, readonly NexmarkEvent['kind'][]>> = { q3: ['person', 'auction'], q8: ['person', 'auction'], q20: ['auction', 'bid'] }
/** Those with windows behind a change of key. */
const FINAL: readonly Query[] = ['q7', 'q8', 'q11']
const KEYS: Partial<Record<Query, readonly string[]>> = { q17: ['auction'], q18: ['bidder', 'auction'] }

const textOf = (row: Row): string => JSON.stringify(Object.entries(row).sort(([a], [b]) => a < b ? -1 : 1))

for (const query of QUERIES) {
  test(`Nexmark ${query} in Millrace is what plain loops over all events give`, async () => {
    const { described, persons, auctions, bids } = await import('../contenders/millrace/nexmark.ts')
    const app = await testApp(described(query), { partitions: 2 })
    try {
      const next = nexmarkEvents(RECORDS)
      const send = ({ kind, value, at }: { readonly kind: NexmarkEvent['kind'], readonly value: unknown, readonly at: number }, key: string): void => {
        if (!(READS[query] ?? ['bid']).includes(kind)) return
        // As nexmark.ts writes them.
        if (kind === 'person') app.input(persons).send(key, value as Person, { time: at })
        else if (kind === 'auction') app.input(auctions).send(key, value as Auction, { time: at })
        else app.input(bids).send(key, value as Bid, { time: at })
      }
      let last = 0
      for (let index = 0; index < RECORDS; index++) {
        const { kind, key, value, at } = next()
        last = Math.max(last, at)
        send({ kind, value: JSON.parse(value), at }, key)
        // Partitions are never further apart than the grace.
        if (FINAL.includes(query) && index % 500 === 499) await app.settle()
      }
      await app.settle()
      // Time moves on in every partition; the topics take nothing from more than an hour ahead of the clock.
      const at = last + 1_100_000
      for (let id = CLOSING_ID; id < CLOSING_ID + 16; id++) {
        send({ kind: 'person', value: { id, name: 'x', city: 'x', state: 'x', at }, at }, String(id))
        send({ kind: 'auction', value: { id, item: 'x', seller: id, category: 1, at }, at }, String(id))
        send({ kind: 'bid', value: { auction: id, bidder: id, price: 1, channel: 'x', url: 'https://x/x/x/x/x', at }, at }, String(id))
      }
      await app.settle()
      const written = app.output(topic('results', { key: text, value: json<Row>() })).records().flatMap(({ value }) => value === undefined ? [] : [value])
        .filter(row => [row['auction'], row['bidder'], row['id']].every(id => typeof id !== 'number' || id < CLOSING_ID))
      const keys = KEYS[query]
      const rows = keys === undefined ? written : [...new Map(written.map(row => [keys.map(key => row[key]).join(), row])).values()]
      const expected = LOOPS[query](house())
      ok(expected.length > 0, 'the loops find something')
      equal(rows.length, expected.length)
      deepEqual(rows.map(textOf).sort(), expected.map(textOf).sort())
    } finally {
      await app.close()
    }
  })
}
