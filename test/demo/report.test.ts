/** The report of `millrace demo recommender --events … --report json`, as a script reads it: one object on stdout; bad lines named on stderr. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeStream } from '../support/event-stream.ts'
import { assertShape, folderFor, MODELS, objectOf, reportOf } from '../support/replay-report.ts'

test('clicks: the report has its shape, and lines that cannot be read are named with their numbers', { timeout: 200_000 }, async t => {
  const path = join(folderFor(t), 'events.jsonl')
  const seed = 17
  t.diagnostic(`seed ${seed}`)
  writeStream(path, seed)
  const { report, stderr } = await reportOf(path, 'jsonl')
  const [whole = 0, lastDay = 0, frozen = 0] = assertShape(report, MODELS)
  assert.ok(whole > lastDay && lastDay > 0)
  assert.equal(frozen, lastDay)
  assert.equal(report['skipped'], 3)
  for (const bad of [/events\.jsonl:1: not JSON/, /events\.jsonl:2: not JSON/, /events\.jsonl:3: "type" is none of/]) assert.match(stderr, bad)
})

test('baskets: what is in the basket is neither a target nor an answer', { timeout: 200_000 }, async t => {
  const path = join(folderFor(t), 'retail.csv')
  const lines = ['InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country', 'C1,A,"A, RETURNED",-1,2010-12-01 08:00:00,1,,United Kingdom']
  for (let invoice = 0; invoice < 12; invoice += 1) {
    const date = `2010-12-0${1 + Math.floor(invoice / 4)} 09:0${invoice % 4}:00`
    // B twice: a line that repeats an item of its basket.
    for (const item of ['A', 'B', 'B', 'C']) lines.push(`${100 + invoice},${item},${item},1,${date},1.5,,United Kingdom`)
  }
  writeFileSync(path, lines.join('\n'))
  const { report, stderr } = await reportOf(path, 'retail')
  assert.equal(report['events'], 48)
  assert.equal(report['skipped'], 1)
  assert.match(stderr, /retail\.csv:2: a cancellation/)
  // Of each basket's three later lines two name a new item.
  assert.deepEqual(assertShape(report, [...MODELS, 'itemKnn']), [24, 8, 8])
  const { hr20, novelHr20 } = objectOf(objectOf(report['wholeStream'])['recentlyViewed'])
  assert.deepEqual([hr20, novelHr20], [0, 0])
  assert.equal(objectOf(objectOf(report['frozenLastDay'])['cooc'])['hr20'], 1)
})
