import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { int64 } from '../serde/number.ts'
import { record } from '../serde/record.ts'
import { text } from '../serde/text.ts'
import { sessionWindowed, timeWindowed } from '../serde/window-key.ts'
import { testApp } from './driver.ts'

const Order = record({ user: text, item: text, amount: int64 })
const orders = topic('orders', { key: text, value: Order })
const large = topic('large', { key: text, value: Order })
const rest = topic('rest', { key: text, value: Order })
const totals = topic('totals', { key: text, value: int64 })

const shop = app('shop')
  .task('large', ({ read }) => read(orders).filter(order => order.amount >= 100).write(large))
  .task('totals', ({ read }) => read(orders)
    .keyBy(order => order.item)
    .aggregate('per-item', { zero: () => 0, add: (sum, order) => sum + order.amount, state: int64 })
    .write(totals))

test('Records go through stateless and repartitioned tasks on several partitions; order per key holds', async () => {
  const test = await testApp(shop, { partitions: 4 })
  for (let index = 0; index < 100; index++) test.input(orders).send(`u${index % 7}`, { user: `u${index % 7}`, item: `i${index % 5}`, amount: index * 2 })
  await test.settle()
  const records = test.output(large).records()
  assert.equal(records.length, 50)
  assert.ok(new Set(records.map(one => one.partition)).size > 1)
  const last = new Map<string, number>()
  for (const { key = '', value } of records) {
    assert.ok((value?.amount ?? 0) > (last.get(key) ?? -1))
    last.set(key, value?.amount ?? 0)
  }
  const expected = new Map<string, number>()
  for (let index = 0; index < 100; index++) expected.set(`i${index % 5}`, (expected.get(`i${index % 5}`) ?? 0) + index * 2)
  assert.deepEqual(new Map([...test.output(totals).table()].sort()), new Map([...expected].sort()))
  assert.deepEqual(new Map([...test.store('totals', 'per-item')].sort()), new Map([...expected].sort()))
  await test.close()
})

test('A kill loses nothing and doubles nothing, with the state on disk and without', async () => {
  const test = await testApp(shop, { partitions: 2, seed: 7 })
  const send = (from: number): void => { for (let index = from; index < from + 20; index++) test.input(orders).send('u', { user: 'u', item: 'one', amount: 1 }) }
  send(0)
  await test.settle()
  send(20)
  test.kill()
  await test.restart()
  await test.settle()
  send(40)
  test.kill()
  await test.restart({ withState: false })
  await test.settle()
  assert.deepEqual(test.output(totals).records().map(one => one.value), Array.from({ length: 60 }, (_, index) => index + 1))
  await test.close()
})

test('What a task has consumed of its repartition topic is deleted', async () => {
  const test = await testApp(shop, { partitions: 1 })
  const send = (): void => void test.input(orders).send('u', { user: 'u', item: 'one', amount: 1 })
  send()
  await test.settle()
  await test.advance('20 seconds')
  send()
  await test.settle()
  await test.advance('1 second')
  assert.ok(await test.startOffset('shop.totals.per-item.repartition', 0) >= 2)
  await test.close()
})

test('The same seed gives the same run', async () => {
  const trace = async (): Promise<string> => {
    const test = await testApp(shop, { seed: 3 })
    for (let index = 0; index < 30; index++) test.input(orders).send(`u${index}`, { user: 'u', item: `i${index % 3}`, amount: index })
    await test.settle()
    const text = JSON.stringify([test.output(totals).records(), test.now])
    await test.close()
    return text
  }
  assert.equal(await trace(), await trace())
})

test('A task that fails says where: topic, partition, offset and key', async () => {
  const broken = app('broken').task('boom', ({ read }) => read(orders).map(order => { if (order.amount === 3) throw new Error('three is too much'); return order }).write(large))
  const test = await testApp(broken, { partitions: 1 })
  for (let amount = 0; amount < 5; amount++) test.input(orders).send('u-1', { user: 'u-1', item: 'i', amount })
  await assert.rejects(test.settle(), (error: Error) => /Task "boom" failed on a record/.test(error.message) && /orders\/0@3/.test(error.message) && /u-1/.test(error.message) && /three is too much/.test(error.message))
})

test('Skip and dead letter: the record is left out in the transaction that commits its offset', async () => {
  const fail = (order: { user: string; item: string; amount: number }): typeof order => { if (order.amount === 3) throw new Error('three'); return order }
  const tolerant = app('tolerant')
    .task('skips', ({ read }) => read(orders).map(fail).write(large), { onError: 'skip' })
    .task('letters', ({ read }) => read(orders).map(fail).write(rest), { onError: { kind: 'deadLetter', topic: 'orders.dead' } })
  const test = await testApp(tolerant, { partitions: 1 })
  for (let amount = 0; amount < 5; amount++) test.input(orders).send('u-1', { user: 'u-1', item: 'i', amount })
  test.input(orders).sendBytes(Buffer.from('u-2'), Buffer.from('{"user":'))
  await test.settle()
  const amounts = (records: readonly { value: { amount: number } | undefined }[]): number[] => records.map(one => one.value?.amount ?? -1)
  assert.deepEqual(amounts(test.output(large).records()), [0, 1, 2, 4])
  assert.deepEqual(amounts(test.output(rest).records()), [0, 1, 2, 4])
  const letters = test.outputOf('orders.dead').records()
  assert.deepEqual(letters.map(one => one.valueBytes?.toString()), ['{"user":"u-1","item":"i","amount":3}', '{"user":'])
  const headers = new Map(letters[0]?.headers.map(header => [header.key, header.value?.toString()]))
  assert.deepEqual([headers.get('millrace.topic'), headers.get('millrace.offset'), headers.get('millrace.stage'), headers.get('millrace.error')], ['orders', '3', 'process', 'three'])
  assert.equal(new Map(letters[1]?.headers.map(header => [header.key, header.value?.toString()])).get('millrace.stage'), 'decode')
  await test.close()
})

for (const kind of ['tumbling', 'session'] as const) {
  test(`a ${kind} window whose final row is out does not come again after a kill, though its changelog still has it`, async () => {
    const T = 1_700_000_000_000
    const visits = topic('visits', { key: text, value: record({ at: int64 }), time: 'at', partitions: 1 })
    const ends = topic('ends', { key: kind === 'tumbling' ? timeWindowed(text, 60_000) : sessionWindowed(text), value: int64 })
    const shop = await testApp(app('shop').task('t', ({ read }) => {
      const stream = read(visits)
      const counted = kind === 'tumbling' ? stream.window({ tumbling: '1 minute', emit: 'final' }).count() : stream.window({ session: '30 seconds', emit: 'final' }).count()
      counted.write(ends)
    }))
    for (let minute = 0; minute < 6; minute++) {
      shop.input(visits).send('v', { at: T + minute * 60_000 })
      await shop.settle()
      shop.kill()
      await shop.restart({ withState: minute % 2 === 0 })
    }
    await shop.settle()
    assert.deepEqual(shop.output(ends).records().map(row => row.value), [1, 1, 1, 1, 1])
    await shop.close()
  })
}
