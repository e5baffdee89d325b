import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { csvFields } from './csv.ts'
import { readStream, type Format } from './stream.ts'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stream-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function read(path: string, format: Format) {
  const skipped: string[] = []
  const stream = await readStream({ path, format, onSkipped: (_file, line, reason) => skipped.push(`${line}: ${reason}`) })
  return { ...stream, reasons: skipped }
}

test('a folder of serenade: parts are told apart, joined in order of time, and bad lines are named', async t => {
  const folder = folderFor(t)
  writeFileSync(join(folder, 'train.txt'), 'SessionId\tItemId\tTime\n1\ta\t200.0\n1\tb\t100.0\n2\tc\n3\td\tsoon\n')
  writeFileSync(join(folder, 'valid.txt'), 'SessionId\tItemId\tTime\n8\tv\t250.0\n')
  writeFileSync(join(folder, 'test.txt'), 'SessionId\tItemId\tTime\n9\te\t300.0\n9\tf\t300.0\n')
  const { events, skipped, reasons } = await read(folder, 'serenade')
  assert.deepEqual(events.map(event => [event.item, event.isTraining, event.isScored]), [['b', true, false], ['a', true, false], ['v', false, false], ['e', false, true], ['f', false, true]])
  assert.equal(skipped, 2)
  assert.deepEqual(reasons, ['4: expected three columns: SessionId, ItemId, Time', '5: empty id, or a time that is not a number'])
  assert.equal((events[4]?.at ?? 0) - (events[3]?.at ?? 0), 2)
})

test('one gzipped file of serenade: the last day is scored', async t => {
  const path = join(folderFor(t), 'clicks.txt.gz')
  const day = 86_400
  writeFileSync(path, gzipSync(`SessionId\tItemId\tTime\n1\ta\t${day * 100}\n1\tb\t${day * 101 + 5}\n2\tc\t${day * 101 + 9}\n2\td\t${day * 101 + 10}\n`))
  const { events } = await read(path, 'serenade')
  assert.deepEqual(events.map(event => [event.item, event.isTraining, event.isScored]), [['a', true, false], ['b', false, false], ['c', false, true], ['d', false, true]])
})

test('retail: quotes, cancellations and nonsense', async t => {
  const path = join(folderFor(t), 'retail.csv')
  writeFileSync(path, [
    'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country',
    '1,85123A,"HEART, ""WHITE""",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
    'C2,85123A,HEART,-6,2010-12-01 08:30:00,2.55,17850.0,United Kingdom',
    '3,85123A,HEART,0,2010-12-01 08:30:00,2.55,,United Kingdom',
    '4,85123A,HEART,1,yesterday,2.55,,United Kingdom',
    '5,"85123A,HEART,1,2010-12-01 08:30:00,2.55,,United Kingdom',
  ].join('\r\n'))
  const { events, isBasket, reasons } = await read(path, 'retail')
  assert.equal(isBasket, true)
  assert.deepEqual(events.map(({ visitor, session, type, item, price, at }) => ({ visitor, session, type, item, price, at })), [{ visitor: '1', session: '1', type: 'purchase', item: '85123A', price: 2.55, at: Date.UTC(2010, 11, 1, 8, 26) }])
  assert.deepEqual(reasons, ['3: a cancellation', '4: a quantity that is not above 0', '5: empty id, or a date that cannot be read', '6: expected eight columns'])
})

test('jsonl: ISO times, numbers as ids, Chinese, and names of the prototype', async t => {
  const folder = join(folderFor(t), 'events')
  mkdirSync(folder)
  writeFileSync(join(folder, 'a.jsonl'), [
    '{"visitor":"张三","item":"灯","at":"2026-05-01T00:00:00Z","category":"家","price":3}', '{"visitor":7,"item":8,"type":"cart","at":1}', '{"__proto__":{"visitor":"x","item":"y"},"at":1}',
    '{"visitor":"a","item":"b","type":"stare","at":1}', '[]', '{"visitor":"a","item":"b"}', '{broken',
  ].join('\n'))
  const { events, reasons } = await read(folder, 'jsonl')
  assert.deepEqual(events.map(event => [event.visitor, event.item, event.type]), [['7', '8', 'cart'], ['张三', '灯', 'view']])
  assert.deepEqual(reasons.map(reason => reason.split(':')[0]), ['3', '4', '5', '6', '7'])
})

test('what is not there, or has nothing of the format, says so', async t => {
  const folder = folderFor(t)
  await assert.rejects(read(join(folder, 'nothing'), 'jsonl'), /no such file or folder/)
  await assert.rejects(read(folder, 'retail'), /no file of format retail/)
})

test('fields of a line of CSV', () => {
  assert.deepEqual(csvFields('a,,c'), ['a', '', 'c'])
  assert.deepEqual(csvFields('a,'), ['a', ''])
  assert.deepEqual(csvFields('"a ""b"", c",d'), ['a "b", c', 'd'])
  assert.equal(csvFields('"open'), undefined)
  assert.equal(csvFields('"a"b'), undefined)
})
