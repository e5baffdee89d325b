import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ITEMS, itemOf } from './catalogue.ts'
import { isInComparison } from '../tasks/recommend.ts'
import { likingBetween, Shoppers, SHOPPERS_MAX, type ShopperEvent } from './shoppers.ts'
import { wilson } from './wilson.ts'

const START = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000

function simulate(options: { readonly seed?: number; readonly hours?: number; readonly count?: number; readonly rowOf?: (visitor: string) => readonly string[]; readonly change?: (shoppers: Shoppers) => void } = {}): ShopperEvent[] {
  const shoppers = new Shoppers({ seed: options.seed ?? 1, now: START, rowOf: options.rowOf ?? (() => []) })
  shoppers.setCount(options.count ?? 50, START)
  options.change?.(shoppers)
  return shoppers.until(START + (options.hours ?? 4) * HOUR)
}

test('the same seed gives the same events, another seed others', () => {
  assert.deepEqual(simulate({ hours: 0.2 }), simulate({ hours: 0.2 }))
  assert.notDeepEqual(simulate({ hours: 0.2 }), simulate({ hours: 0.2, seed: 2 }))
})

test('rates are those of RetailRocket: events a visitor, carts and purchases per view', () => {
  const events = simulate({ count: 100 })
  const views = events.filter(event => event.type === 'view').length
  const carts = events.filter(event => event.type === 'cart').length
  const purchases = events.filter(event => event.type === 'purchase').length
  assert.ok(views > 100_000, `${views} views`)
  assert.ok(Math.abs(carts / views - 0.026) < 0.005, `carts ${carts / views}`)
  assert.ok(Math.abs(purchases / views - 0.0084) < 0.003, `purchases ${purchases / views}`)
})

test('events are in order of time, at most two thousand shoppers, none when nobody is there', () => {
  const events = simulate({ hours: 0.5 })
  for (let index = 1; index < events.length; index += 1) assert.ok((events[index]?.at ?? 0) >= (events[index - 1]?.at ?? 0))
  const shoppers = new Shoppers({ seed: 1, now: START, rowOf: () => [] })
  shoppers.setCount(99_999, START)
  assert.equal(shoppers.count, SHOPPERS_MAX)
  shoppers.setCount(0, START)
  assert.deepEqual(shoppers.until(START + HOUR), [])
})

test('popularity has a long tail', () => {
  const counts = new Map<string, number>()
  for (const event of simulate()) counts.set(event.item.id, (counts.get(event.item.id) ?? 0) + 1)
  const sorted = [...counts.values()].sort((a, b) => b - a)
  const total = sorted.reduce((sum, count) => sum + count, 0)
  const head = sorted.slice(0, Math.round(ITEMS.length / 10)).reduce((sum, count) => sum + count, 0)
  assert.ok(head / total > 0.25 && head / total < 0.7, `a tenth of the items has ${head / total} of the events`)
})

test('what is held back appears only when it is brought in', () => {
  assert.equal(simulate().some(event => event.item.isNew), false)
  let added = ''
  const events = simulate({ change: shoppers => { added = shoppers.addNew()?.id ?? '' } })
  assert.notEqual(added, '')
  assert.ok(events.some(event => event.item.id === added))
  assert.deepEqual([...new Set(events.filter(event => event.item.isNew).map(event => event.item.id))], [added])
})

test('a shift of the trend changes what is looked at', () => {
  const share = (events: readonly ShopperEvent[], style: number, category: string): number =>
    events.filter(event => event.item.style === style && event.item.category === category).length / events.length
  let trend = { style: -1, category: '' }
  const after = simulate({ change: shoppers => { trend = shoppers.shiftTrend() } })
  assert.ok(share(after, trend.style, trend.category) > 3 * share(simulate(), trend.style, trend.category))
})

test('a row of what the shopper likes is clicked more than a row of what nobody asked for', () => {
  const last = new Map<string, string>()
  const clicksWith = (wanted: (current: string) => string[]): number => {
    last.clear()
    const shoppers = new Shoppers({ seed: 5, now: START, rowOf: visitor => wanted(last.get(visitor) ?? '') })
    shoppers.setCount(50, START)
    let clicks = 0
    for (let minute = 0; minute < 240; minute += 1) {
      for (const event of shoppers.until(START + minute * 500)) {
        last.set(event.visitor, event.item.id)
        if (event.source === 'for-you') clicks += 1
      }
    }
    return clicks
  }
  const ranked = (current: string, sign: number): string[] => {
    const item = itemOf(current)
    return item === undefined ? [] : ITEMS.filter(other => other !== item).sort((a, b) => sign * (likingBetween(item, b) - likingBetween(item, a))).slice(0, 8).map(other => other.id)
  }
  assert.ok(clicksWith(current => ranked(current, 1)) > 3 * clicksWith(current => ranked(current, -1)))
})

test('who is in the comparison group acts no differently before the same row: what differs on the page comes from the lists', () => {
  const row = ITEMS.filter(item => !item.isNew).slice(0, 8).map(item => item.id)
  const events = simulate({ count: 200, rowOf: () => row })
  const counts = [false, true].map(isCompared => {
    const own = events.filter(event => isInComparison(event.visitor) === isCompared)
    return { views: own.filter(event => event.type === 'view').length, clicks: own.filter(event => event.source === 'for-you').length, carts: own.filter(event => event.type === 'cart').length }
  })
  const [ours, compared] = counts
  assert.ok(ours !== undefined && compared !== undefined && compared.clicks > 500, `${compared?.clicks} clicks`)
  for (const what of ['clicks', 'carts'] as const) {
    const [a, b] = [wilson(ours[what], ours.views), wilson(compared[what], compared.views)]
    assert.ok(a.low < b.high && b.low < a.high, `${what}: ${JSON.stringify(counts)}`)
  }
})
