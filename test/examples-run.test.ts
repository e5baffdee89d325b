/**
 * Every example, run in the test driver: the true runtime, client and broker on a virtual machine. Input is typed by the example's own topics,
 * and the output compared row by row. Topics have two partitions, so that repartition topics count.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { test } from 'node:test'
import type { Topic } from 'millrace'
import { testApp } from 'millrace/testing'
import { App } from '../src/dsl/app.ts'

const T = 1_700_000_000_000
const MINUTE = 60_000

type Row = readonly [key: string, value: unknown]

interface Case {
  /** Topics in the order in which they are written, each settled before the next. */
  readonly input: Readonly<Record<string, readonly Row[]>>
  /** Per output topic all rows, sorted by key, those of a key in order; with `time` where it is event time. */
  readonly output: Readonly<Record<string, readonly (readonly [key: string, value: unknown, time?: number])[]>>
  /** Rows of sinks, by `<task>.<sink>`: key and value, sorted by key. */
  readonly rows?: Readonly<Record<string, readonly Row[]>>
}

const cases: Readonly<Record<string, Case>> = {
  '01-hello': { input: { 'hello.names': [['a', '世界'], ['b', 'World']] }, output: { 'hello.greetings': [['a', 'Hello 世界!'], ['b', 'Hello World!']] } },
  '02-filter-and-rekey': {
    input: { orders: [['o1', { id: 'o1', customer: 'ann', total: 150 }], ['o2', { id: 'o2', customer: 'bob', total: 50 }]] },
    output: { 'large-orders': [['ann', { id: 'o1', customer: 'ann', total: 150 }]] },
  },
  '03-sessions': {
    input: { views: [['x', { visitor: 'v', page: 'a', at: T }], ['x', { visitor: 'v', page: 'b', at: T + 5 * MINUTE }], ['x', { visitor: 'v', page: 'c', at: T + 90 * MINUTE }]] },
    output: { visits: [['v', { visitor: 'v', from: T, to: T + 5 * MINUTE, pages: 2 }, T + 5 * MINUTE]] },
  },
  '04-stream-table-join': {
    input: { customers: [['ann', { name: 'Ann', city: 'Ulm' }]], orders: [['o1', { id: 'o1', customer: 'ann', total: 150 }], ['o2', { id: 'o2', customer: 'bob', total: 50 }]] },
    output: { bills: [['ann', { id: 'o1', name: 'Ann', city: 'Ulm', total: 150 }]] },
  },
  '05-deduplication': {
    input: { payments: [0, 1, 11].map(minute => ['a', { id: 'p', account: 'x', amount: 1, at: T + minute * MINUTE }] as const) },
    output: { 'unique-payments': [['p', { id: 'p', account: 'x', amount: 1, at: T }, T], ['p', { id: 'p', account: 'x', amount: 1, at: T + 11 * MINUTE }, T + 11 * MINUTE]] },
  },
  '06-timers': {
    input: { 'cart-events': [['a', { shopper: 's', type: 'add', at: T }], ['a', { shopper: 's', type: 'add', at: T + MINUTE }], ['a', { shopper: 't', type: 'add', at: T + 2 * MINUTE }],
      // Shopper u is in the partition of s and t: what happens later there is what lets their timers fire.
      ['a', { shopper: 't', type: 'checkout', at: T + 3 * MINUTE }], ['a', { shopper: 'u', type: 'add', at: T + 90 * MINUTE }]] },
    output: { reminders: [['s', { shopper: 's', items: 2 }, T + 61 * MINUTE]] },
  },
  '07-windows': {
    input: { 'shop.events': [['a', { type: 'purchase', shopper: 's', item: 'i', price: 1.5, at: T }], ['a', { type: 'view', shopper: 's', item: 'i', price: 9, at: T }], ['a', { type: 'purchase', shopper: 's', item: 'i', price: 2, at: T + 1 }]] },
    output: { 'shop.sales': [[`i@${T - 20_000}`, { item: 'i', from: T - 20_000, count: 1, revenue: 1.5 }, T], [`i@${T - 20_000}`, { item: 'i', from: T - 20_000, count: 2, revenue: 3.5 }, T + 1]] },
  },
  '08-branch-and-merge': {
    input: { messages: [['a', { kind: 'invoice', from: 'x', body: '', amount: 3 }], ['b', { kind: 'chat', from: 'y', body: '你好' }], ['c', { kind: 'spam', from: 'z', body: '?' }]] },
    output: { notices: [['a', { from: 'x', line: 'invoice over 3.00' }], ['b', { from: 'y', line: '你好' }]], 'unknown-messages': [['c', { kind: 'spam', from: 'z', body: '?', amount: undefined }]] },
  },
  '09-global-table': {
    input: { catalogue: [['i1', { name: 'Tea', price: 3 }]], baskets: [['s', { shopper: 's', items: ['i1', 'i2'] }]] },
    output: { 'basket-lines': [['s', { shopper: 's', name: 'Tea', price: 3 }], ['s', { shopper: 's', name: 'unknown i2', price: 0 }]] },
  },
  '10-table-of-counts': {
    input: { 'item-views': [['v', { visitor: 'v', item: 'i' }], ['v', { visitor: 'w', item: 'i' }]] },
    output: { 'ranked-views': [['i', { visitor: 'v', item: 'i', views: 1 }], ['i', { visitor: 'w', item: 'i', views: 2 }]], popularity: [['i', 1], ['i', 2]] },
  },
  '11-errors': {
    input: { readings: [['s', { sensor: 's', raw: 'ff', at: T }], ['s', { sensor: 's', raw: 'zz', at: T }], ['s', { sensor: 's', raw: '10', at: T }]] },
    output: { values: [['s', { sensor: 's', value: 255 }], ['s', { sensor: 's', value: 16 }]] },
  },
  '12-exactly-once': {
    input: { transfers: [['t', { id: 't', from: 'a', to: 'b', amount: 5 }], ['u', { id: 'u', from: 'b', to: 'a', amount: 2 }]] },
    output: { bookings: [['a', { account: 'a', amount: -5 }], ['a', { account: 'a', amount: 2 }], ['b', { account: 'b', amount: 5 }], ['b', { account: 'b', amount: -2 }]], balances: [['a', -5], ['a', -3], ['b', 5], ['b', 3]] },
  },
  '13-sinks': {
    input: { 'till.sales': [['a', { shop: 'a', amount: 5, at: T }], ['a', { shop: 'a', amount: 2000, at: T + 1 }], ['a', { shop: 'a', amount: 1, at: T + 2 * MINUTE }]] },
    output: {},
    rows: {
      'archive.files': [['a', { shop: 'a', amount: 5, at: T }], ['a', { shop: 'a', amount: 2000, at: T + 1 }], ['a', { shop: 'a', amount: 1, at: T + 2 * MINUTE }]],
      'revenue.postgres': [['a', { shop: 'a', minute: '2023-11-14T22:13:00.000Z', revenue: 2005 }]],
      'large.http': [['a', { shop: 'a', amount: 2000, at: T + 1 }]],
    },
  },
  '14-any-function': {
    input: { mails: [['m', { to: 'ann@example.org', subject: 'Hello' }], ['n', { to: 'nobody', subject: '?' }], ['o', { to: 'bob@example.org', subject: '你好' }]] },
    output: {}, rows: { 'send.each': [['m', { to: 'ann@example.org', subject: 'Hello' }], ['o', { to: 'bob@example.org', subject: '你好' }]] },
  },
}

const dist = join(dirname(fileURLToPath(import.meta.url)), '..')

test('every example has a case', () => {
  assert.deepEqual(readdirSync(join(dist, 'examples')).filter(name => name.endsWith('.js')).map(name => name.slice(0, -3)).sort(), Object.keys(cases))
})

for (const [name, each] of Object.entries(cases)) {
  test(`examples/${name} does what it says`, async () => {
    const module: { readonly default?: unknown } = await import(pathToFileURL(join(dist, 'examples', `${name}.js`)).href)
    const app = module.default
    assert.ok(app instanceof App)
    const running = await testApp(app, { partitions: 2 })
    try {
      for (const [topic, rows] of Object.entries(each.input)) {
        for (const [key, value] of rows) running.input(topicOf(app, topic)).send(key, value, { time: T })
        await running.settle()
      }
      for (const [topic, rows] of Object.entries(each.output)) assert.deepEqual(sorted(running.output(topicOf(app, topic)).records(), rows.some(row => row.length === 3)), rows, topic)
      for (const [sink, rows] of Object.entries(each.rows ?? {})) {
        const [task = '', name = ''] = sink.split('.')
        assert.deepEqual(sorted(running.rows(task, name), false), rows, sink)
      }
    } finally {
      await running.close()
    }
  })
}

/** The topic of that name among those the app's tasks read and write. */
function topicOf(app: App, name: string): Topic<unknown, unknown> {
  const topics = app.tasks.flatMap(task => task.kind === 'native' ? task.nodes.flatMap(node => 'topic' in node && typeof node.topic === 'object' ? [node.topic] : []) : [])
  const topic = topics.find(each => each.name === name)
  assert.ok(topic !== undefined, `the example has no topic ${name}`)
  return { ...topic, timeField: undefined }
}

/** Rows in order of keys, those of a key in the order in which they came; with their time if asked. */
function sorted(records: readonly { readonly key: unknown; readonly value: unknown; readonly time: number }[], withTime: boolean): unknown[] {
  const rows = records.map(({ key, value, time }) => ({ key: String(key), row: withTime ? [key, value, time] : [key, value] }))
  return rows.sort((left, right) => left.key < right.key ? -1 : left.key > right.key ? 1 : 0).map(({ row }) => row)
}
