/**
 * The recommender's two hot functions on one thread: scoring a session, and adding a click's pairs to the lists.
 *
 * Not measured: state, topics, decoding: what the topology adds. Lists are random, 50 to 100 neighbours each, sessions of six items.
 * The rate is per second of processor time, so that other programs on the machine change it little; the percentiles are of the wall clock.
 */
import { addPairs, scoreSession, SHOP_CAPACITY, type ItemList } from '../../demo/recommender/model/cooc.ts'
import { pairsOf } from '../../demo/recommender/model/session.ts'
import { seeded } from '../../demo/recommender/shop/shoppers.ts'

const ITEMS = 5000
const NOW = Date.UTC(2026, 5, 1)
const random = seeded(1)
const itemAt = (place: number): string => `item-${Math.floor(place * ITEMS)}`
const lists = new Map<string, ItemList>()

function event(item: string): Parameters<typeof pairsOf>[0] {
  return { type: 'view', session: '', item, at: NOW, frozen: false }
}

function session(): string[] {
  const start = random()
  return Array.from({ length: 6 }, () => itemAt((start + random() * 0.01) % 1))
}

function report(what: string, count: number, perCall: () => void): void {
  const times = new Float64Array(count)
  const started = process.cpuUsage()
  for (let index = 0; index < count; index += 1) {
    const before = performance.now()
    perCall()
    times[index] = performance.now() - before
  }
  // Of the whole process: the garbage collector's threads count too.
  const { user, system } = process.cpuUsage(started)
  const seconds = (user + system) / 1e6
  times.sort()
  const microseconds = (share: number): string => ((times[Math.floor(share * count)] ?? 0) * 1000).toFixed(1)
  console.log(`${what}: ${Math.round(count / seconds)}/s of processor time (${(seconds * 1e6 / count).toFixed(1)} µs each), p50 ${microseconds(0.5)} µs, p99 ${microseconds(0.99)} µs`)
}

function learn(): void {
  const [item = '', ...before] = session()
  for (const pairs of pairsOf(event(item), before, 1)) lists.set(pairs.item, addPairs(lists.get(pairs.item), pairs, { capacity: SHOP_CAPACITY }))
}

for (let index = 0; index < 100_000; index += 1) learn()
report('click with its five pairs learned (11 lists touched at most)', 50_000, learn)
report('session scored', 50_000, () => {
  scoreSession({ session: session(), now: NOW, list: item => lists.get(item), total: 100_000, count: 26, revisit: 1 })
})
