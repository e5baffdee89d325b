/**
 * The shop of this example as a process: `node shop.js --bootstrap HOST:PORT [--port N] [--shoppers N] [--seed N]`, started by `millrace demo linked`.
 *
 * Simulated shoppers act on the blended lists; with `--port` there is a page too. It counts what each engine has contributed, keeps the
 * books of the lists, and tells its parent over IPC, `{ contributions, books }`, once a second. Ends on SIGTERM, SIGINT or when the parent goes away.
 */
import { parseArgs } from 'node:util'
import { Admin, Cluster, realEnv } from 'millrace/client'
import { TopicFollower, TopicWriter } from '../../demo/recommender/links.ts'
import { itemOf } from '../../demo/recommender/shop/catalogue.ts'
import { Feed } from '../../demo/recommender/shop/feed.ts'
import { rowsOf } from '../../demo/recommender/shop/rows.ts'
import { startShop } from '../../demo/recommender/shop/server.ts'
import type { ShopperEvent } from '../../demo/recommender/shop/shoppers.ts'
import { Traffic } from '../../demo/recommender/shop/traffic.ts'
import { isInComparison } from '../../demo/recommender/tasks/recommend.ts'
import { ListBooks } from './books.ts'
import { Bots } from './bots.ts'
import { ContributionTally } from './contributions.ts'
import { blended, categories, profiles, scores, shop, shopTopics, trends } from './topics.ts'

const TELL_EVERY_MS = 1000
const BOTS_EVERY_MS = 200
/** Half an hour of ten shoppers: lists have neighbours from the start, and no engine is busy with the past for long. */
const HISTORY = { ms: 30 * 60_000, shoppers: 10 }

const { values } = parseArgs({ options: { bootstrap: { type: 'string', default: '' }, port: { type: 'string' }, shoppers: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } } })
const [shoppers, seed] = [Number(values.shoppers), Number(values.seed)]
const onError = (error: Error): void => void process.stderr.write(`shop: ${error.message}\n`)
const startedAt = Date.now()

const cluster = await Cluster.connect(realEnv, { bootstrap: values.bootstrap, clientId: 'millrace-shop' })
const follower = new TopicFollower(cluster, { onError })
const tally = new ContributionTally({ startedAt, nameOf: item => itemOf(item)?.names.en ?? item })
const books = new ListBooks({ since: startedAt })
await follower.follow(blended, (visitor, list) => {
  if (list === undefined) return
  tally.list(list)
  books.blended(visitor, list)
})
await follower.follow(shop.topics.recs, (visitor, list) => { if (list !== undefined) books.made(visitor, list) })
await follower.follow(trends, () => tally.row('flink'))
await follower.follow(categories, () => tally.row('spark'))
await follower.follow(scores, () => tally.row('storm'))
await follower.follow(profiles, () => tally.row('samza'))

const writer = await TopicWriter.open(cluster, [shop.topics.events])
const bots = new Bots({ seed, now: startedAt })
const botTimer = setInterval(() => {
  for (const event of bots.until(Date.now())) sendEvent(event)
  writer.flush().catch(onError)
}, BOTS_EVERY_MS)
const teller = setInterval(() => process.send?.({ contributions: tally.all(), books: books.all() }), TELL_EVERY_MS)
const page = values.port === undefined ? await simulate() : await startShop({ env: realEnv, bootstrap: values.bootstrap, port: Number(values.port), shoppers, seed, history: HISTORY, topics: shopTopics, onError })
process.send?.({ ready: {} })

/** Shoppers without a page. */
async function simulate(): Promise<{ close(): Promise<void> }> {
  const feed = new Feed(cluster, shopTopics, { onList() { /* shoppers look for themselves */ }, onHot() { /* as above */ }, onIntent() { /* as above */ } }, onError)
  await feed.start()
  const traffic = new Traffic({
    seed, writer, topics: shop.topics, now: () => Date.now(), history: HISTORY, onError,
    rowOf: visitor => rowsOf({ language: 'en', list: feed.listOf(visitor), hot: feed.hot(), hotOf: name => feed.hot(name), isCompared: isInComparison(visitor) })[0]?.cards.map(card => card.id) ?? [],
  })
  const partitions = (await cluster.partitions(shop.topics.events.name)).map(({ partition }) => ({ topic: shop.topics.events.name, partition }))
  const isNew = (await new Admin(cluster).listOffsets(partitions, 'latest')).every(end => end.offset <= 0)
  if (isNew) await traffic.sendHistory()
  traffic.start(shoppers)
  return {
    close: async () => {
      traffic.stop()
      await feed.close()
    },
  }
}

function sendEvent({ visitor, type, item, source, at }: ShopperEvent): void {
  if (!writer.isFull) writer.send(shop.topics.events, visitor, { type, item: item.id, at, category: item.category, price: item.price, source }, at)
}

let isEnding = false
async function end(): Promise<void> {
  if (isEnding) return
  isEnding = true
  clearInterval(botTimer)
  clearInterval(teller)
  await page.close()
  await follower.close()
  await writer.close()
  await cluster.close()
  process.exit(0)
}
for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(event, () => void end().catch(onError))
