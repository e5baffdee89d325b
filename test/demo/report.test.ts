/** The report of `millrace demo recommender --events … --report json`, as a script reads it: one object on stdout; bad lines named on stderr. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { writeStream } from '../support/event-stream.ts'
import { millrace } from '../support/millrace.ts'

const MODELS = ['cooc', 'vmis', 'sequentialRules', 'recentlyViewed', 'popularity']
const PARTS = ['wholeStream', 'lastDay', 'frozenLastDay']

type Report = Readonly<Record<string, unknown>>

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-report-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function reportOf(path: string, format: string): Promise<{ report: Report; stderr: string }> {
  const { exitCode, stdout, stderr } = await millrace(['demo', 'recommender', '--events', path, '--format', format, '--report', 'json'])
  assert.equal(exitCode, 0, stderr)
  assert.equal(stdout.trimEnd().split('\n').length, 1, 'one object, on one line')
  const report: unknown = JSON.parse(stdout)
  return { report: objectOf(report), stderr }
}

function objectOf(value: unknown): Report {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `an object: ${JSON.stringify(value)}`)
  return Object.fromEntries(Object.entries(value))
}

function numbersOf(value: unknown, names: readonly string[]): number[] {
  const fields = objectOf(value)
  assert.deepEqual(Object.keys(fields).sort(), [...names].sort())
  return names.map(name => {
    const number = fields[name]
    assert.ok(typeof number === 'number' && Number.isFinite(number) && number >= 0, `${name}: ${String(number)}`)
    return number
  })
}

/** Everything that issue and reference promise of the shape; gives n of each part. */
function assertShape(report: Report, expected: readonly string[]): number[] {
  assert.deepEqual(Object.keys(report).sort(), ['events', 'skipped', ...PARTS, 'latency', 'throughput', 'settings'].sort())
  const [p50 = 0, p90 = 0, p99 = 0, count = 0] = numbersOf(report['latency'], ['p50', 'p90', 'p99', 'n'])
  assert.ok(p50 > 0 && p50 <= p90 && p90 <= p99 && count > 0)
  assert.ok((numbersOf(report['throughput'], ['eventsPerSecond', 'n'])[0] ?? 0) > 0)
  return PARTS.map(part => {
    const models = objectOf(report[part])
    assert.deepEqual(Object.keys(models).sort(), [...expected].sort())
    const counts = expected.map(model => {
      const [hr20 = 0, mrr20 = 0, novelHr20 = 0, n = 0] = numbersOf(models[model], ['hr20', 'mrr20', 'novelHr20', 'n'])
      assert.ok(hr20 <= 1 && mrr20 <= hr20 && novelHr20 <= 1, `${part}.${model}`)
      return n
    })
    assert.equal(new Set(counts).size, 1, `every model of ${part} answers the same clicks`)
    return counts[0] ?? 0
  })
}

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
