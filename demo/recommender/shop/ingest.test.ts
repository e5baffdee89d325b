import assert from 'node:assert/strict'
import { test } from 'node:test'
import { itemOf } from './catalogue.ts'
import { EVENTS_PER_POST_MAX, readEvents } from './ingest.ts'

const NOW = 1_700_000_000_000
const read = (body: unknown, visitor?: string) => readEvents(body, { visitor, now: NOW })

test('an event of a browser needs an item alone; the catalogue knows the rest', () => {
  assert.deepEqual(read({ item: 'mug-1' }, 'v1'), [{
    visitor: 'v1', event: { type: 'view', item: 'mug-1', at: NOW, price: itemOf('mug-1')?.price, category: 'mug', source: 'direct', session: undefined, received: NOW },
  }])
})


test('a list of events names its visitors', () => {
  const events = read([{ visitor: 'a', item: 'x', type: 'cart', price: 3, category: 'c', session: 's', at: NOW - 5 }, { visitor: '张三', item: '灯' }])
  assert.ok(Array.isArray(events))
  assert.deepEqual(events.map(({ visitor, event }) => [visitor, event.type, event.item, event.at]), [['a', 'cart', 'x', NOW - 5], ['张三', 'view', '灯', NOW]])
})

test('what is wrong is said, with the number of the event', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [null, /event 1: not an object/], [[{ visitor: 'a', item: 'x' }, 3], /event 2: not an object/], [{ item: 'x' }, /"visitor"/], [{ visitor: 'a' }, /"item"/],
    [{ visitor: '#mark/1', item: 'x' }, /"visitor"/], [{ visitor: 'a', item: '#x' }, /"item"/], [{ visitor: 'a', item: 'x', type: 'look' }, /"type"/],
    [{ visitor: 'a', item: 'x', at: NOW + 3_600_000 }, /"at"/], [{ visitor: 'a', item: 'x', at: 'now' }, /"at"/], [{ visitor: 'a', item: 'x', price: -1 }, /"price"/],
    [{ visitor: 'a'.repeat(201), item: 'x' }, /"visitor"/], [Array.from({ length: EVENTS_PER_POST_MAX + 1 }, () => ({})), /at most/],
  ]
  for (const [body, message] of cases) {
    const result = read(body)
    assert.ok(typeof result === 'string', JSON.stringify(body))
    assert.match(result, message)
  }
})

test('names of the prototype are no fields', () => {
  assert.match(String(read(JSON.parse('{"__proto__": {"visitor": "a", "item": "x"}}'))), /"visitor"/)
})
