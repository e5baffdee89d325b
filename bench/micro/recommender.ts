/**
 * The recommender's hot functions on one thread: adding a click's pairs to the lists, writing a list as state, and scoring a session.
 *
 * Gates of the reference: an update under 20 µs an event, at least 5,000 recommendations a second and thread. Each line says whether it holds.
 * Not measured: topics, decoding, commits: what the topology adds. Settings are printed. Sessions are made beforehand, so that they cost nothing here.
 * The rate is per second of processor time (all threads of the process, the garbage collector's too), so that other programs on the machine change it
 * less; the percentiles are of the wall clock, over batches of ten.
 */
import { availableParallelism, loadavg } from 'node:os'
import { ByteWriter } from 'millrace'
import { scoreSession, SHOP_CAPACITY, type ItemList } from '../../demo/recommender/model/cooc.ts'
import { NeighborList, neighborList } from '../../demo/recommender/model/neighbor-list.ts'
import { pairsOf } from '../../demo/recommender/model/session.ts'
import { seeded } from '../../demo/recommender/shop/shoppers.ts'

const ITEMS = 5000
const SESSION_ITEMS = 6
const WARM_UP = 100_000
const TIMED = 50_000
const BATCH = 10
const NOW = Date.UTC(2026, 5, 1)
const UPDATE_MICROSECONDS_MAX = 20
const RECOMMENDATIONS_MIN = 5000

const random = seeded(1)
const lists = new Map<string, NeighborList>()
const sessions = Array.from({ length: WARM_UP + TIMED }, () => {
  const start = random()
  return [...new Set(Array.from({ length: SESSION_ITEMS }, () => `item-${Math.floor(((start + random() * 0.01) % 1) * ITEMS)}`))]
})

function timed(count: number, call: (index: number) => void): { microseconds: number; p50: number; p99: number } {
  const batches = new Float64Array(count / BATCH)
  const started = process.cpuUsage()
  for (let batch = 0; batch < batches.length; batch += 1) {
    const before = performance.now()
    for (let index = batch * BATCH; index < (batch + 1) * BATCH; index += 1) call(index)
    batches[batch] = (performance.now() - before) / BATCH
  }
  const { user, system } = process.cpuUsage(started)
  batches.sort()
  const at = (share: number): number => 1000 * (batches[Math.floor(share * batches.length)] ?? 0)
  return { microseconds: (user + system) / count, p50: at(0.5), p99: at(0.99) }
}

function report(what: string, { microseconds, p50, p99 }: ReturnType<typeof timed>, gate?: { readonly text: string; readonly holds: boolean }): void {
  const verdict = gate === undefined ? '' : `; gate ${gate.text}: ${gate.holds ? 'holds' : 'MISSED'}`
  console.log(`${what}: ${microseconds.toFixed(1)} µs of processor time, ${Math.round(1e6 / microseconds)}/s a thread (wall p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs)${verdict}`)
}

function learn(index: number): void {
  const [item = '', ...before] = sessions[index] ?? []
  for (const pairs of pairsOf({ type: 'view', session: '', item, at: NOW, frozen: false }, before, 1)) {
    let list = lists.get(pairs.item)
    if (list === undefined) lists.set(pairs.item, list = new NeighborList(pairs.epoch))
    list.add(pairs, { capacity: SHOP_CAPACITY })
  }
}

for (let index = 0; index < WARM_UP; index += 1) learn(index)
const lengths = [...lists.values()].map(list => list.length)
console.log(`${ITEMS} items, lists of ${Math.min(...lengths)} to ${Math.max(...lengths)} neighbours (mean ${Math.round(lengths.reduce((sum, length) => sum + length, 0) / lengths.length)}, capacity ${SHOP_CAPACITY}), sessions of ${SESSION_ITEMS} items; ${TIMED} calls after ${WARM_UP}; Node ${process.version}, ${availableParallelism()} cores, load ${loadavg().map(load => load.toFixed(1)).join(' ')}`)

const update = timed(TIMED, index => learn(WARM_UP + index))
report('update (a click with its pairs, 6 lists)', update, { text: `under ${UPDATE_MICROSECONDS_MAX} µs`, holds: update.microseconds < UPDATE_MICROSECONDS_MAX })

const states = [...lists.values()]
const writer = new ByteWriter()
report('a list written as state, at most once a commit', timed(TIMED, index => {
  writer.reset()
  const state = states[index % states.length]
  if (state !== undefined) neighborList.write(state, writer)
}))

const published = new Map<string, ItemList>([...lists].map(([item, list]) => [item, list.published()]))
const scored = timed(TIMED, index => {
  scoreSession({ session: sessions[index] ?? [], now: NOW, list: item => published.get(item), total: 100_000, count: 26, revisit: 1 })
})
report('recommendation (a session scored)', scored, { text: `at least ${RECOMMENDATIONS_MIN}/s`, holds: 1e6 / scored.microseconds >= RECOMMENDATIONS_MIN })
