/** The ledger's Node verifier leaves out what aborted transactions wrote, however many of them overlap where a fetch begins. */
import { strict as assert } from 'node:assert'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../support/need.ts'
import { seededRandom } from '../support/seeded-random.ts'

interface Message {
  readonly offset: string
  readonly key: Buffer
  readonly isControlRecord: boolean
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean }
}
interface Aborted { readonly producerId: string; readonly firstOffset: string }
type Filter = (fetched: { readonly messages: readonly Message[]; readonly abortedTransactions: readonly Aborted[] | null }) => readonly Message[]

// Plain JavaScript, so that the verifier can be read and run by itself.
const { withoutAborted } = await import(pathToFileURL(join(ROOT, 'ledger', 'aborted.mjs')).href) as { readonly withoutAborted: Filter }
const theirs = createRequire(import.meta.url)('kafkajs/src/consumer/filterAbortedMessages.js') as Filter // kafkajs declares no types for its insides.

const KEY = Buffer.from('four')
const MARKERS = { abort: Buffer.from([0, 0, 0, 0]), commit: Buffer.from([0, 0, 0, 1]) }

const row = (offset: number, producer: number, inTransaction = true): Message =>
  ({ offset: String(offset), key: KEY, isControlRecord: false, batchContext: { producerId: String(producer), inTransaction } })
const marker = (offset: number, producer: number, kind: keyof typeof MARKERS): Message =>
  ({ offset: String(offset), key: MARKERS[kind], isControlRecord: true, batchContext: { producerId: String(producer), inTransaction: true } })
const rowsOf = (messages: readonly Message[]): readonly string[] => messages.filter(each => !each.isControlRecord).map(each => each.offset)

test('a fetch that begins inside six aborted transactions hands on none of their records; kafkajs by itself hands on five', () => {
  const abortedTransactions = [0, 1, 2, 3, 4, 5].map(producer => ({ producerId: String(producer), firstOffset: String(producer) }))
  const messages = [...[5, 4, 3, 2, 1, 0].map((producer, at) => row(100 + at, producer)), marker(106, 5, 'abort'), row(107, 5), row(108, 9, false)]
  assert.deepEqual(rowsOf(withoutAborted({ messages, abortedTransactions })), ['107', '108'])
  assert.ok(rowsOf(theirs({ messages, abortedTransactions })).length > 2, 'once kafkajs has mended it, this file and ledger/aborted.mjs can go')
})

test('rows of committed transactions and of none are handed on, and no others, from wherever a fetch begins', () => {
  const random = seededRandom()
  for (let log = 0; log < 200; log++) {
    const { messages, aborted, committed } = randomLog(random.below)
    const from = random.below(messages.length)
    const fetched = messages.slice(from)
    const abortedTransactions = aborted.filter(each => each.end >= from)
    assert.deepEqual(rowsOf(withoutAborted({ messages: fetched, abortedTransactions })), rowsOf(fetched).filter(offset => committed.has(offset)), random.seedText)
  }
  assert.deepEqual(rowsOf(withoutAborted({ messages: [row(0, 1), row(1, 2, false)], abortedTransactions: null })), ['0', '1'])
})

/** Five producers whose transactions overlap, each ended before the log is; `aborted` in the order of their ends, as brokers list them. */
function randomLog(below: (limit: number) => number): { readonly messages: Message[]; readonly aborted: (Aborted & { readonly end: number })[]; readonly committed: Set<string> } {
  const messages: Message[] = [], aborted: (Aborted & { end: number })[] = []
  const committed = new Set<string>()
  const open = new Map<number, number[]>()
  const end = (producer: number, offsets: readonly number[]): void => {
    const at = messages.length
    if (below(2) === 0) for (const offset of offsets) committed.add(String(offset))
    else aborted.push({ producerId: String(producer), firstOffset: String(offsets[0]), end: at })
    messages.push(marker(at, producer, aborted.at(-1)?.end === at ? 'abort' : 'commit'))
    open.delete(producer)
  }
  for (let step = 0; step < 60; step++) {
    const producer = below(5), offset = messages.length
    const offsets = open.get(producer)
    if (offsets !== undefined && below(4) === 0) end(producer, offsets)
    else if (below(8) === 0) { // Of a producer without transactions.
      messages.push(row(offset, 9, false))
      committed.add(String(offset))
    } else {
      messages.push(row(offset, producer))
      open.set(producer, [...offsets ?? [], offset])
    }
  }
  for (const [producer, offsets] of [...open]) end(producer, offsets)
  return { messages, aborted, committed }
}
