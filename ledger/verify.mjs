#!/usr/bin/env node
// The ledger's verifier: recounts from offset 0, read committed, what went into a topic and what came out of another.
// It imports nothing of Millrace; its Kafka client is kafkajs. Read it in five minutes; ledger/verify.py does the same in Python.
//
//   node ledger/verify.mjs --bootstrap localhost:9092 --ledger FILE.json [--watch] [--timeout SECONDS] [--patience SECONDS]
//
// FILE.json: { "balances": [ { "name", "group", "in": { "topic", "id" }, "out": { "topic", "id", "order"? } }, … ] }
//   `id` says what identifies a record: "coordinates" (partition@offset of the record itself), "key",
//   "value:a.b" (a field of its JSON value) or "header:name". The ids of `in` must come out once each in `out`.
//   `group` is the consumer group of the task between the two. Its committed offset is the cut: below it, every record
//   of `in` must be in `out` (the offset and the output were one transaction); from it on, a record may be under way.
//   `order` (optional): "value:field", a number that must not fall among the records of one key in `out`.
//
// Prints one JSON object; with --watch one a second while anything comes in or is under way, else one in ten seconds: { "balanced", "balances": [ { "name", "in", "counted", "pending",
// "lost", "doubled", "foreign", "outOfOrder", "examples" } ] }. Ends with 0 where the books balance, 1 where they do not,
// 2 for bad arguments, 3 where it could not finish reading; with --watch that is at once when it has lost its broker, or nothing came for 15 s where something
// should, so that whoever watches it starts it again.
//   lost: below the cut in `in`, not in `out`, and still not there after --patience (30 s).   doubled: further occurrences of an id in `out`.
//   foreign: in `out`, but in no record of `in`.     pending: not yet in `out`, and not (yet) lost.
// Why the patience: a transaction's offsets may be seen before its records, whose partition has its marker a moment later or is held by the open
// transaction of a process that was killed; and kafkajs tells a topic's end as one who reads committed records sees it.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { withoutAborted } from './aborted.mjs'
import { readEveryCodec } from './codecs.mjs'

// Before the rest of kafkajs is loaded, which takes its filter of aborted records from this file.
const require = createRequire(import.meta.url)
const filter = 'kafkajs/src/consumer/filterAbortedMessages.js'
require(filter)
require.cache[require.resolve(filter)].exports = withoutAborted
const kafkajs = require('kafkajs')
readEveryCodec(kafkajs)

const { values: args } = parseArgs({ options: {
  bootstrap: { type: 'string' }, ledger: { type: 'string' }, watch: { type: 'boolean', default: false }, timeout: { type: 'string', default: '120' },
  patience: { type: 'string', default: '30' },
} })
if (args.bootstrap === undefined || args.ledger === undefined) {
  console.error('usage: node ledger/verify.mjs --bootstrap HOST:PORT --ledger FILE.json [--watch] [--timeout SECONDS] [--patience SECONDS]')
  process.exit(2)
}
// kafkajs 2.2 arms a timer of negative delay for each connection, again and again: 700 wake-ups a second for nothing. It is there for
// throttled clients, for whom a second is soon enough.
const setTimer = globalThis.setTimeout
globalThis.setTimeout = (callback, delayMs, ...rest) => setTimer(callback, delayMs < 0 ? 1000 : delayMs, ...rest)

const { balances } = JSON.parse(readFileSync(args.ledger, 'utf8'))
const kafka = new kafkajs.Kafka({ clientId: 'ledger', brokers: args.bootstrap.split(','), logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 20, maxRetryTime: 2000 } })
const groupId = `ledger-${process.pid}-${Date.now()}`
const admin = kafka.admin()
// kafkajs reads committed unless told otherwise; `readUncommitted: false` says so aloud.
const consumer = kafka.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: args.watch ? 5000 : 500, sessionTimeout: 60_000 })

/** Per topic-partition the offset before which everything was read, and that before which every record is in the books. */
const position = new Map()
let lastReadAt = 0
const SILENT_MS_MAX = 15_000
const entered = new Map()
let lastEnteredAt = 0
/** Per balance what was seen. */
const books = balances.map(() => ({ in: new Map(), out: new Map(), missing: new Map(), lastOrder: new Map(), outOfOrder: 0, examples: [] }))
const topics = [...new Set(balances.flatMap(balance => [balance.in.topic, balance.out.topic]))]

try {
  await admin.connect()
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  // Also told of batches that held nothing but transaction markers, which `eachBatch` is not.
  consumer.on('consumer.end_batch_process', ({ payload }) => {
    const name = `${payload.topic}/${payload.partition}`
    position.set(name, Math.max(position.get(name) ?? 0, Number(payload.lastOffset) + 1))
    lastReadAt = Date.now()
  })
  // Its broker was killed: kafkajs joins its group again, which waits a minute or two for the member that it was itself. A fresh start from offset 0 is sooner.
  if (args.watch) consumer.on('consumer.crash', ({ payload }) => { console.error(`ledger: could not finish: ${payload.error.message}`); void finish(3) })
  await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 4, eachBatch: async ({ batch, heartbeat }) => {
    const name = `${batch.topic}/${batch.partition}`
    for (const message of batch.messages) {
      // A consumer that had to join its group again (a broker was killed) starts from the beginning: each offset is entered once.
      if (Number(message.offset) < (entered.get(name) ?? 0)) continue
      enter(batch.topic, batch.partition, message)
      entered.set(name, Number(message.offset) + 1)
      lastEnteredAt = Date.now()
    }
    await heartbeat()
  } })
  let balanced
  do {
    const cutAt = Date.now()
    let account = await cut()
    // One that ends with this account waits out its patience; one that watches comes back anyway.
    for (; !args.watch && account.balances.some(({ lost }, index) => books[index].missing.size > lost); account = await cut()) await new Promise(resolve => setTimeout(resolve, 200))
    balanced = account.balanced
    console.log(JSON.stringify(account))
    // With nothing pending, only a record can change the books.
    const isQuiet = () => lastEnteredAt < cutAt && account.balances.every(each => each.pending === 0) && Date.now() - cutAt < 10_000
    if (args.watch) do await new Promise(resolve => setTimeout(resolve, 1000)); while (isQuiet())
  } while (args.watch)
  await finish(balanced ? 0 : 1)
} catch (error) {
  console.error(`ledger: could not finish: ${error.message}`)
  await finish(3)
}

async function finish(code) {
  // Where no broker answers, a farewell is not waited for.
  setTimeout(() => process.exit(code), 2000)
  await consumer.disconnect().catch(() => {})
  await admin.deleteGroups([groupId]).catch(() => {})
  await admin.disconnect().catch(() => {})
  process.exit(code)
}

function enter(topic, partition, message) {
  balances.forEach((balance, index) => {
    const book = books[index]
    if (topic === balance.in.topic) book.in.set(idOf(balance.in.id, partition, message), { partition, offset: Number(message.offset) })
    if (topic === balance.out.topic) {
      const id = idOf(balance.out.id, partition, message)
      const times = (book.out.get(id) ?? 0) + 1
      book.out.set(id, times)
      if (times > 1) example(book, `doubled ${id}: ${topic}/${partition}@${message.offset}`)
      if (balance.out.order !== undefined) checkOrder(balance, book, partition, message)
    }
  })
}

function checkOrder(balance, book, partition, message) {
  const key = `${partition} ${message.key}`
  const now = Number(idOf(balance.out.order, partition, message))
  if (now < (book.lastOrder.get(key) ?? -Infinity)) {
    book.outOfOrder++
    example(book, `out of order: ${balance.out.topic}/${partition}@${message.offset}`)
  } else book.lastOrder.set(key, now)
}

function idOf(rule, partition, message) {
  if (rule === 'coordinates') return `${partition}@${message.offset}`
  if (rule === 'key') return String(message.key)
  if (rule.startsWith('header:')) return String(message.headers?.[rule.slice(7)])
  return String(rule.slice('value:'.length).split('.').reduce((value, field) => value?.[field], JSON.parse(String(message.value))))
}

function example(book, text) {
  if (book.examples.length < 10) book.examples.push(text)
}

/** Takes the groups' committed offsets first, then reads every topic at least to where it ended after that, then compares. */
async function cut() {
  const committed = new Map()
  for (const balance of balances) {
    const answer = await admin.fetchOffsets({ groupId: balance.group, topics: [balance.in.topic] })
    for (const { partition, offset } of answer[0].partitions) committed.set(`${balance.group} ${balance.in.topic}/${partition}`, Number(offset))
  }
  await readToEnd(topics)
  // An output may have come in whose input was written after that topic's end was asked for: what has no input now is
  // foreign only if it has none once the inputs were read again.
  const strangers = books.map(book => [...book.out.keys()].filter(id => !book.in.has(id)))
  await readToEnd([...new Set(balances.map(balance => balance.in.topic))])
  const accounts = balances.map((balance, index) => account(balance, books[index], committed, strangers[index].filter(id => !books[index].in.has(id))))
  return { balanced: accounts.every(each => each.lost + each.doubled + each.foreign + each.outOfOrder === 0), balances: accounts }
}

/** Seconds since it was first missed. */
function missedFor(book, id) {
  if (!book.missing.has(id)) book.missing.set(id, Date.now())
  return (Date.now() - book.missing.get(id)) / 1000
}

async function readToEnd(topics) {
  const begunAt = Date.now()
  for (const topic of topics) {
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
      const name = `${topic}/${partition}`
      while (Number(high) > Number(low) && (position.get(name) ?? 0) < Number(high)) {
        if (args.watch && Date.now() > Math.max(begunAt, lastReadAt) + SILENT_MS_MAX) throw new Error(`nothing came for ${SILENT_MS_MAX / 1000} s, and ${name} was read to ${position.get(name) ?? 0} of ${high}.`)
        if (Date.now() > begunAt + Number(args.timeout) * 1000) throw new Error(`${name} was read to ${position.get(name) ?? 0} of ${high} in ${args.timeout} s. An open transaction may hold it: its owner must commit, abort or time out.`)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
  }
}

function account(balance, book, committed, strangers) {
  let lost = 0, pending = 0, doubled = 0, counted = 0
  const examples = [...book.examples]
  for (const [id, { partition, offset }] of book.in) {
    if (book.out.has(id)) {
      counted++
      book.missing.delete(id)
    } else if (offset < (committed.get(`${balance.group} ${balance.in.topic}/${partition}`) ?? 0) && missedFor(book, id) >= Number(args.patience)) {
      lost++
      if (examples.length < 20) examples.push(`lost ${id}: ${balance.in.topic}/${partition}@${offset}`)
    } else pending++
  }
  for (const times of book.out.values()) doubled += times - 1
  for (const id of strangers.slice(0, 5)) examples.push(`foreign ${id}`)
  return { name: balance.name, in: book.in.size, counted, pending, lost, doubled, foreign: strangers.length, outOfOrder: book.outOfOrder, examples }
}
