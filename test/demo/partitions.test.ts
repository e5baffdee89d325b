/** The whole topology on one partition and on four: what an item weighs, and what binds two items, is the same to the last bit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testApp } from 'millrace/testing'
import { NeighborList } from '../../demo/recommender/model/neighbor-list.ts'
import { seeded } from '../../demo/recommender/shop/shoppers.ts'
import { recommender } from '../../demo/recommender/topology.ts'

const EVENTS = 150
/** Fewer than a list holds: nothing is pruned. */
const ITEMS = 20
const TYPES = ['view', 'view', 'view', 'cart', 'purchase'] as const

/** By item. */
interface Sums {
  readonly pairs: ReadonlyMap<unknown, { readonly mass: number, readonly sums: ReadonlyMap<string, number> }>
  readonly heat: ReadonlyMap<unknown, unknown>
}

async function sumsOn(partitions: number): Promise<Sums> {
  const { app, topics } = recommender({ name: 'sums', prefix: '', partitions, keepRecs: false, isBasket: false, compare: false, trace: false, publishMs: 1000 })
  const driver = await testApp(app, { partitions })
  const random = seeded(23)
  const events = driver.input(topics.events)
  // A few hours, within one epoch of every sum; visitors take turns, so that on several partitions their events arrive in another order.
  let at = Date.UTC(2025, 4, 1, 8)
  for (let index = 0; index < EVENTS; index++) {
    at += Math.floor(random() * 30_000)
    const number = Math.floor(ITEMS * random() ** 2)
    events.send(`v${Math.floor(random() * 25)}`, { type: TYPES[Math.floor(random() * TYPES.length)] ?? 'view', item: `item-${number}`, at, category: `c${number % 4}` }, { time: at })
  }
  await driver.settle()
  const lists = [...driver.store('cooc', 'lists')].map(([item, list]) => {
    assert.ok(list instanceof NeighborList)
    const { mass, items, weights } = list.published()
    return [item, { mass, sums: new Map(items.map((other, row) => [other, weights[row] ?? 0])) }] as const
  })
  const heat = driver.store('hot', 'heat')
  await driver.close()
  return { pairs: new Map(lists), heat }
}

test('item masses, pair sums and heat on four partitions equal those on one', async () => {
  const [one, four] = [await sumsOn(1), await sumsOn(4)]
  assert.ok(one.pairs.size > 15 && one.heat.size > 15 && [...one.pairs.values()].some(({ sums }) => sums.size > 5))
  assert.deepEqual(four.pairs, one.pairs)
  assert.deepEqual(four.heat, one.heat)
})
