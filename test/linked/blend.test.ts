/** examples/linked-engines: what each engine says moves a list, what is missing is named, and everything works on with any or all of them down. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { testApp, type TestApp } from 'millrace/testing'
import type { Click, Recs } from '../../demo/recommender/topics.ts'
import { ANSWER_MS_MAX, missingAt } from '../../examples/linked-engines/blend.ts'
import { ContributionTally } from '../../examples/linked-engines/contributions.ts'
import linked from '../../examples/linked-engines/app.ts'
import { type Blended, blended, categories, ENGINES, type EngineName, profiles, scores, shop, trends } from '../../examples/linked-engines/topics.ts'

const START = Date.UTC(2026, 0, 1)
const ITEMS = ['lamp-1', 'mug-1', 'mug-2', 'rug-1', 'lamp-2', 'mug-3', 'rug-2', 'lamp-3']
const PRICES: Readonly<Record<string, number>> = { lamp: 70, mug: 15, rug: 120 }
const { clicks, recs } = shop.topics

function click(item: string, at: number): Click {
  const [category = ''] = item.split('-')
  return { type: 'view', item, category, price: PRICES[category] ?? 0, source: '', at, origin: `0@${at}`, session: 1, position: 1, before: [], frozen: false, received: 0, sessionized: 0 }
}

function listAt(at: number, group = 'cooc'): Recs {
  return {
    at, session: 1, position: 1, item: 'vase-1', group, items: ITEMS.map((item, index) => ({ item, score: 1 / (index + 1), because: 'vase-1', support: 3 })), seen: ['vase-1'],
    origin: `0@${at}`, received: 0, sessionized: 0, recommended: 0,
  }
}

/** The engines' tasks do not run here: the test writes for them. Clicks of all items make them known. */
async function started(): Promise<TestApp> {
  const app = await testApp(linked, { partitions: 2 })
  for (const item of ITEMS) app.input(clicks).send('somebody', click(item, START), { time: START })
  await app.settle()
  return app
}

/** One engine's word, which moves something in the list of visitor v; all are about a click at `at`. */
function say(app: TestApp, engine: EngineName, at: number): void {
  const time = { time: at }
  switch (engine) {
    case 'flink': return void app.input(trends).send('rug-2', { clicks: 5, before: 0.5, at }, time)
    case 'spark': return void app.input(categories).send('rug', { views: 200, carts: 20, purchases: 5, lift: 1.4, at }, time)
    case 'storm': return void app.input(scores).send('v', { origin: `0@${at}`, score: 0.9, clicks: 14, carts: 3, at }, time)
    case 'samza': return void app.input(profiles).send('v', { origin: `0@${at}`, favourite: 'lamp', favouriteClicks: 6, clicks: 8, spent: 70, at }, time)
  }
}

/** Clicks go on and these engines answer; then visitor v gets a list. */
async function listWith(app: TestApp, engines: readonly EngineName[], at: number, group = 'cooc'): Promise<Blended> {
  for (const engine of engines) say(app, engine, at)
  // Who owes an answer is published a second of wall-clock time later.
  await app.settle()
  await app.advance('2 seconds')
  app.output(blended).take()
  app.input(recs).send('v', listAt(at + 1000, group), { time: at + 1000 })
  await app.settle()
  const [list] = app.output(blended).take().flatMap(({ value }) => value ?? [])
  assert.ok(list !== undefined, 'a list comes')
  return list
}

const order = (list: Blended): string[] => list.items.map(({ item }) => item)

for (const engine of ENGINES) {
  test(`what ${engine} says moves a list, by places and in words, and nobody else is said to have moved it`, async () => {
    const app = await started()
    try {
      const list = await listWith(app, [engine], START + 1000)
      assert.deepEqual(list.movedBy, [engine])
      assert.notDeepEqual(order(list), ITEMS)
      assert.deepEqual([...order(list)].sort(), [...ITEMS].sort(), 'nothing is lost or added')
      for (const [place, { item, moves }] of list.items.entries()) {
        // It alone has spoken: without it every item stands where the recommender had it.
        for (const move of moves) assert.deepEqual([move.by, move.places], [engine, ITEMS.indexOf(item) - place])
      }
      assert.match(list.items.flatMap(({ moves }) => moves)[0]?.why ?? '', { flink: /5 × in 5 s/, spark: /rug: 20 carts of 200 views/, storm: /14 clicks and 3 carts/, samza: /6 of this visitor's 8 clicks were on lamp, 70.00 spent/ }[engine])
    } finally {
      await app.close()
    }
  })

  test(`${engine} down: its say is left out and it is named missing, while the others go on`, async () => {
    const app = await started()
    try {
      const others = ENGINES.filter(each => each !== engine)
      const before = await listWith(app, ENGINES, START + 1000)
      assert.deepEqual([before.missing, [...before.movedBy].sort()], [[], [...ENGINES].sort()])
      // Clicks go on, and this one answers none of them.
      for (const at of [2000, 2000 + ANSWER_MS_MAX, 3000 + ANSWER_MS_MAX].map(ms => START + ms)) {
        app.input(clicks).send('somebody', click('mug-1', at), { time: at })
        await app.settle()
        for (const other of others) say(app, other, at)
        await app.settle()
      }
      const list = await listWith(app, others, START + 4000 + ANSWER_MS_MAX)
      assert.deepEqual(list.missing, [engine])
      assert.deepEqual([...list.movedBy].sort(), [...others].sort())
      const back = await listWith(app, ENGINES, START + 5000 + ANSWER_MS_MAX)
      assert.deepEqual([back.missing, [...back.movedBy].sort()], [[], [...ENGINES].sort()])
    } finally {
      await app.close()
    }
  })
}

test('all down: the lists are those of the recommender itself, and all four are named missing', async () => {
  const app = await started()
  try {
    const at = START + 2 * ANSWER_MS_MAX
    app.input(clicks).send('somebody', click('mug-1', at), { time: at })
    const list = await listWith(app, [], at)
    assert.deepEqual([order(list), list.missing, list.movedBy], [ITEMS, [...ENGINES], []])
  } finally {
    await app.close()
  }
})

test('what Storm and Samza write again after a kill changes nothing, and a visitor of the comparison group gets what is popular as it is', async () => {
  const app = await started()
  try {
    const first = await listWith(app, ENGINES, START + 1000)
    // Storm has lost its windows: the same click again, with another score.
    app.input(scores).send('v', { origin: `0@${START + 1000}`, score: 0, clicks: 1, carts: 0, at: START + 1000 }, { time: START + 1000 })
    say(app, 'samza', START + 1000)
    const again = await listWith(app, [], START + 1500)
    assert.deepEqual([order(again), again.movedBy], [order(first), first.movedBy])
    const compared = await listWith(app, [], START + 1600, 'popularity')
    assert.deepEqual([order(compared), compared.movedBy], [ITEMS, []])
  } finally {
    await app.close()
  }
})

test('nobody owes anything where nobody clicks; an engine is missing once it owes an answer for too long', () => {
  assert.deepEqual(missingAt(START, undefined), [...ENGINES])
  assert.deepEqual(missingAt(START + 3_600_000, { at: START, engines: [] }), [])
  const owed = { at: START, engines: [{ engine: 'storm', since: START }] }
  assert.deepEqual([missingAt(START + ANSWER_MS_MAX, owed), missingAt(START + ANSWER_MS_MAX + 1, owed)], [[], ['storm']])
})

test('contributions are counted of lists since the start, with the longest move of each engine in words', () => {
  const tally = new ContributionTally({ startedAt: START, nameOf: item => item.toUpperCase() })
  const list = (at: number, missing: readonly string[], places: number): Blended => ({
    ...listAt(at), missing, movedBy: places === 0 ? [] : ['flink'],
    items: [{ item: 'mug-1', score: 1, because: '', support: 0, moves: places === 0 ? [] : [{ by: 'flink', places, why: 'five clicks' }] }],
  })
  for (const each of [list(START - 1, [], 9), list(START, ['flink', 'storm'], 0), list(START + 1, ['storm'], 4), list(START + 2, ['storm'], 2), list(START + 3, ['storm'], 0)]) tally.list(each)
  tally.row('flink')
  const { lists, engines } = tally.all()
  assert.equal(lists, 4)
  assert.deepEqual(engines[0], { engine: 'flink', rows: 1, lists: 3, moved: 2, example: 'MUG-1: place 5 → 1; five clicks', isMissing: false })
  assert.deepEqual(engines[2], { engine: 'storm', rows: 0, lists: 0, moved: 0, example: null, isMissing: true })
})
