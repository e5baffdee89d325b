import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recs } from '../topics.ts'
import { ITEMS } from './catalogue.ts'
import { rowsOf } from './rows.ts'

function recs(more: Partial<Recs> = {}): Recs {
  return {
    at: 0, session: 1, position: 1, item: 'lamp-1', group: 'cooc', items: [], seen: ['lamp-1'], origin: '0@0', received: 0, sessionized: 0, recommended: 0, ...more,
  }
}

function rows(list: Recs | undefined, more: { readonly language?: 'en' | 'zh'; readonly isCompared?: boolean; readonly hot?: readonly string[] } = {}) {
  const hot = more.hot ?? ['mug-1', 'rug-2', 'vase-3']
  return rowsOf({ language: more.language ?? 'en', list: list === undefined ? undefined : { recs: list, version: 1 }, hot, hotOf: category => ITEMS.filter(item => item.category === category).map(item => item.id), isCompared: more.isCompared ?? false })
}

const item = (id: string, because = '', support = 0) => ({ item: id, score: 1, because, support })

test('a visitor without a list gets something of each category, and what is trending', () => {
  const [forYou, trending, ...rest] = rows(undefined)
  assert.equal(forYou?.name, 'for-you')
  assert.equal(new Set(forYou?.cards.map(card => card.id.split('-')[0])).size, 8)
  assert.deepEqual(trending?.cards.map(card => card.id), ['mug-1', 'rug-2', 'vase-3'])
  assert.deepEqual(rest, [])
})

test('a shop where nothing has happened yet shows picks of its own', () => {
  const [forYou, ...rest] = rowsOf({ language: 'en', list: undefined, hot: [], hotOf: () => [], isCompared: false })
  assert.equal(forYou?.cards.length, 8)
  assert.deepEqual(rest, [])
})

test('"for you" leaves out what was seen, "recently viewed" is it', () => {
  const all = rows(recs({ items: [item('rug-1'), item('lamp-2')], seen: ['lamp-1', 'rug-1'] }))
  assert.deepEqual(all.find(row => row.name === 'for-you')?.cards.map(card => card.id), ['lamp-2'])
  assert.deepEqual(all.find(row => row.name === 'recent')?.cards.map(card => card.id), ['lamp-1', 'rug-1'])
})

test('"because you viewed" names the item and how many shoppers speak for each', () => {
  const items = [item('rug-1', 'lamp-1', 412), item('rug-2', 'lamp-1', 7), item('mug-2', 'lamp-1', 3), item('mug-3', 'rug-4', 9)]
  const because = rows(recs({ items })).find(row => row.name === 'because')
  assert.equal(because?.title, 'Because you viewed Oak Desk Lamp')
  assert.deepEqual(because?.cards.map(card => card.id), ['rug-1', 'rug-2', 'mug-2'])
  assert.equal(because?.cards[0]?.why, 'because you viewed Oak Desk Lamp (412 shoppers)')
  assert.equal(because?.cards[0]?.whyLong, '412 shoppers who viewed Oak Desk Lamp went on to this')
})

test('too few reasons make no row', () => {
  assert.equal(rows(recs({ items: [item('rug-1', 'lamp-1', 4)] })).some(row => row.name === 'because'), false)
})

test('rows speak Chinese', () => {
  const all = rows(recs({ items: [item('rug-1', 'lamp-1', 4)] }), { language: 'zh' })
  assert.equal(all[0]?.title, '为您推荐')
  assert.match(all[0]?.cards[0]?.name ?? '', /地毯/)
  assert.match(all[0]?.cards[0]?.why ?? '', /橡木台灯/)
})

test('an item that the catalogue does not have is left out', () => {
  assert.deepEqual(rows(recs({ items: [item('<b>'), item('mug-4')] }))[0]?.cards.map(card => card.id), ['mug-4'])
})

test('who is in the comparison group is told so', () => {
  assert.match(rows(recs({ group: 'popularity' }), { isCompared: true })[0]?.title ?? '', /comparison group/)
})
