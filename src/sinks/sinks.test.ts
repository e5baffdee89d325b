/** Tasks with sinks in the test driver: the true runtime, client, broker and commit, on a virtual machine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, deadLetter, f64, int64, record, text, topic, MillraceError } from 'millrace'
import { each, files, http, postgres, type TargetRow } from 'millrace/sinks'
import { testApp } from 'millrace/testing'

const Order = record({ id: text, customer: text, total: f64 })
const orders = topic('orders', { key: text, value: Order, partitions: 2 })
const order = (id: number): { id: string; customer: string; total: number } => ({ id: `o${id}`, customer: `c${id % 3}`, total: id })

test('each gets every row, in order per partition, with coordinates that are its own', async () => {
  const seen: TargetRow<string, { id: string }>[] = []
  const shop = await testApp(app('shop').task('t', ({ read }) => read(orders).map(({ id }) => ({ id })).to(each(rows => void seen.push(...rows)))))
  for (let id = 0; id < 50; id++) shop.input(orders).send(`c${id % 3}`, order(id))
  await shop.settle()
  assert.equal(seen.length, 50)
  assert.equal(new Set(seen.map(row => `${row.partition}@${row.offset}#${row.index}`)).size, 50)
  for (const partition of [0, 1]) assert.deepEqual(seen.filter(row => row.partition === partition).map(row => row.offset), seen.filter(row => row.partition === partition).map((_, index) => index))
  await shop.close()
})

test('rows of one record are numbered', async () => {
  const shop = await testApp(app('shop').task('t', ({ read }) => read(orders).flatMap(({ id }) => [{ id, half: 1 }, { id, half: 2 }]).to('halves', http({ url: 'http://nobody.invalid/' }))))
  shop.input(orders).send('c', order(1)).send('c', order(2))
  await shop.settle()
  assert.deepEqual(shop.rows('t', 'halves').map(row => [row.offset, row.index, row.value]), [[0, 0, { id: 'o1', half: 1 }], [0, 1, { id: 'o1', half: 2 }], [1, 0, { id: 'o2', half: 1 }], [1, 1, { id: 'o2', half: 2 }]])
  await shop.close()
})

test('behind a window each row comes through an internal topic, keeps its window, and comes once over kills', async () => {
  const T = 1_700_000_000_000
  const sales = topic('sales', { key: text, value: record({ item: text, at: int64 }), time: 'at', partitions: 2 })
  const shop = await testApp(app('shop').task('t', ({ read }) => read(sales).window({ tumbling: '1 minute', emit: 'final' }).count('n').map(n => ({ n })).to(postgres({ connection: 'postgres://nobody.invalid/', table: 'sales' }))))
  const key = 'i'
  for (let minute = 0; minute < 6; minute++) {
    shop.input(sales).send(key, { item: key, at: T + minute * 60_000 })
    await shop.settle()
    shop.kill()
    await shop.restart()
  }
  await shop.settle()
  const rows = shop.rows('t', 'postgres')
  assert.deepEqual(rows.map(row => [row.key, row.value]), Array.from({ length: 5 }, () => ['i', { n: 1 }]))
  assert.deepEqual(rows.map(row => (row.window?.end ?? 0) - (row.window?.start ?? 0)), Array.from({ length: 5 }, () => 60_000))
  assert.ok(rows.every(row => row.topic === 'shop.t.postgres.repartition'))
  await shop.close()
})

test('what a function refuses goes to the dead letters, with what it was and why; the rest is handed over', async () => {
  const seen: string[] = []
  const shop = await testApp(app('shop').task('t', ({ read }) => read(orders).to(each((rows, { refuse }) => {
    for (const row of rows) {
      if (row.value.total === 3) refuse(row, 'three is no price')
      else seen.push(row.value.id)
    }
  })), { onError: deadLetter('dead') }), { partitions: 1 })
  for (let id = 0; id < 6; id++) shop.input(orders).send('c', order(id))
  await shop.settle()
  const [letter, ...rest] = shop.outputOf('dead').records()
  assert.equal(rest.length, 0)
  assert.equal(letter?.value?.toString(), JSON.stringify(order(3)))
  assert.deepEqual(letter?.headers.filter(header => /stage|error/.test(header.key)).map(header => header.value?.toString()), ['deliver', 'three is no price'])
  assert.deepEqual([...new Set(seen)].sort(), ['o0', 'o1', 'o2', 'o4', 'o5'])
  await shop.close()
})

test('without a policy a refused row ends the task, with its coordinates', async () => {
  const shop = await testApp(app('shop').task('t', ({ read }) => read(orders).to(each((rows, { refuse }) => { for (const row of rows) refuse(row, 'no') }))), { partitions: 1 })
  shop.input(orders).send('c7', order(1))
  await assert.rejects(shop.settle(), (error: unknown) => error instanceof MillraceError && /made a row that its sink refuses/.test(error.message) && /orders\/\d@0 {3}key "c7"/.test(error.message))
})

test('a function that throws is called again, then ends the task', async () => {
  let calls = 0
  const shop = await testApp(app('shop').task('t', ({ read }) => read(orders).to(each(() => {
    calls += 1
    if (calls < 3) throw new Error('not yet')
  }))))
  shop.input(orders).send('c', order(1))
  await shop.settle()
  assert.equal(calls, 3)
  await shop.close()
  const broken = await testApp(app('shop').task('t', ({ read }) => read(orders).to(each(() => { throw new Error('never') }, { retryFor: '1 second' }))))
  broken.input(orders).send('c', order(1))
  await assert.rejects(broken.settle(), /the function throws on 1 rows, the first of them orders\/\d@0: never/)
})

test('files: finished ones are whole and numbered; what is committed survives kills, each row once', async () => {
  const shop = await testApp(app('shop').task('t', ({ read }) => read(orders).to(files({ directory: '/out', bytesMax: 400 }))), { partitions: 2 })
  for (let round = 0; round < 8; round++) {
    for (let id = 0; id < 10; id++) shop.input(orders).send(`c${id % 3}`, order(round * 10 + id))
    if (round % 2 === 0) await shop.settle()
    shop.kill()
    await shop.restart()
  }
  await shop.settle()
  await shop.close()
  const names = shop.filesIn('/out').filter(name => !name.startsWith('_'))
  const lines = names.flatMap(name => shop.file(`/out/${name}`).split('\n').slice(0, -1)).map(line => JSON.parse(line) as { id: string }) // What the sink wrote.
  assert.equal(lines.length, 80)
  assert.equal(new Set(lines.map(line => line.id)).size, 80)
  assert.ok(names.length > 4)
  for (const partition of [0, 1]) {
    const own = names.filter(name => name.startsWith(`shop.t.files-${partition}-`))
    assert.deepEqual(own, own.map((_, index) => `shop.t.files-${partition}-${String(index).padStart(8, '0')}.jsonl`))
  }
})

test('a file is finished when it is old enough, with nobody writing to it', async () => {
  const shop = await testApp(app('shop').task('t', ({ read }) => read(orders).to(files({ directory: '/out', line: row => `${row.key} ${row.value.total}`, extension: 'txt', finishAfter: '10 seconds' }))), { partitions: 1 })
  shop.input(orders).send('c', order(5))
  await shop.settle()
  assert.deepEqual(shop.filesIn('/out').filter(name => !name.startsWith('_')), [])
  await shop.advance('11 seconds')
  const [name = ''] = shop.filesIn('/out').filter(each => !each.startsWith('_'))
  assert.equal(shop.file(`/out/${name}`), 'c 5\n')
  await shop.close()
})

test('two unnamed sinks of a kind are an error that says what to do', () => {
  assert.doesNotThrow(() => app('a').task('t', ({ read }) => { read(orders).to('one', each(() => {})); read(orders).to(each(() => {})) }))
  const twice = app('a').task('t', ({ read }) => { read(orders).to(each(() => {})); read(orders).to(each(() => {})) })
  return assert.rejects(testApp(twice), /two sinks that would keep their positions under 'each': give this one a name/)
})
