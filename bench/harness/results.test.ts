import { deepEqual, equal, ok } from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { spawnSync } from 'node:child_process'
import { type Case, CLOSING_AFTER_MS, DISORDER_MS, FULL, HEADLINE, QUICK, shortened, SPAN_MS } from './case.ts'
import { required } from './contenders.ts'
import { DOCUMENT, documentOf, drawingsOf, IMAGES } from './document.ts'
import { events, itemsOf } from './input.ts'
import { ROOT } from './places.ts'
import { allResults, type CaseResults, type LatencyResults, type Results, shownResults } from './results.ts'
import { figuresOf, type Round } from './round.ts'
import { ancestryOf, complaintsOf } from './standing.ts'
import { ratioOf, summaryOf } from './statistics.ts'
import { pageOf } from './tables.ts'
import { at } from './usage.ts'

const CASE = FULL[0] as Case // The list is not empty.

test('results in this checkout name a commit of its history, and those that are shown lack no rival', context => {
  const all = allResults()
  for (const results of all) {
    const ancestry = ancestryOf(results.commit, ROOT)
    if (ancestry === 'unknown') context.diagnostic(`${results.date}-${results.name}: whether ${results.commit} is of this history cannot be told: the checkout has no history`)
    ok(ancestry !== 'no', `${results.date}-${results.name}: ${results.commit} is no ancestor`)
  }
  for (const results of shownResults(all)) deepEqual(complaintsOf(results, ancestryOf(results.commit, ROOT)), [], `${results.date}-${results.name}`)
})

test('docs/benchmarks.md is what the results make, and says what is not measured', () => {
  const text = readFileSync(DOCUMENT, 'utf8')
  equal(text, documentOf(shownResults()), 'run: node dist/bench/harness/document.js')
  for (const results of shownResults()) for (const { name, svg } of drawingsOf(results)) equal(readFileSync(join(IMAGES, name), 'utf8'), svg, name)
  ok(text.includes('## What is not measured'))
})

const round = (index: number, recordsPerSecond: number): Round => ({
  index, at: '', load: 0, inputRecords: 1_000, kind: 'measured', equal: true, windowTooShort: false, recordsPerSecond, windowMs: 1_000, windowRecords: 600, jobUsPerRecord: 2, brokerUsPerRecord: 1,
  peakBytes: 2 ** 20, logBytesPerRecord: 10, rowsPerRecord: 1, startToFirstRowMs: 100,
})
const rivals = (job: Case['job'], leaveOut?: string): CaseResults => ({
  case: { ...CASE, job }, contenders: required(job).filter(({ engine }) => engine !== leaveOut)
    .map(({ engine, league }) => ({ name: `${engine} ${league}`, title: engine, engine, league, emission: 'updates', state: 'memory', share: 1, rounds: [0, 1, 2, 3, 4].map(index => round(index, 100 + index)) })),
})
const results = (...cases: CaseResults[]): Results => ({ format: 1, name: 'full', kind: 'full', date: '2026-01-01', commit: 'a'.repeat(40), dirty: false, machine: {}, broker: {}, roundsWanted: 5, cases, latency: [] })

test('a run that lacks a rival, every case or its commit is complained of', () => {
  const whole = results(rivals('rekey'), rivals('count'), rivals('sessions'))
  deepEqual(complaintsOf(whole, 'yes'), [])
  deepEqual(complaintsOf(whole, 'unknown'), [])
  equal(complaintsOf(whole, 'no').length, 1)
  equal(complaintsOf({ ...whole, commit: 'HEAD' }, 'yes').length, 1)
  equal(complaintsOf({ ...whole, dirty: true }, 'yes').length, 1)
  deepEqual(complaintsOf(results(), 'yes'), ['it has no case'])
  deepEqual(complaintsOf(results(rivals('rekey', 'Flink'), rivals('count'), rivals('sessions')), 'yes'), ['idiomatic', 'tuned'].map(league => `${CASE.id} has no measured round of Flink, ${league}`))
})

test('a headline run is shown, and complained of where it lacks Kafka Streams or Flink in a league; of the others it has none', () => {
  const of = (leaveOut?: string): Results => ({ ...results(...HEADLINE.map(one => ({ ...rivals(one.job, leaveOut), case: one }))), kind: 'headline', name: 'headline' })
  const withoutSpark = { ...of(), cases: of().cases.map(one => ({ ...one, contenders: one.contenders.filter(({ engine }) => engine !== 'Spark' && engine !== 'kafkats') })) }
  deepEqual(complaintsOf(withoutSpark, 'yes'), [])
  equal(complaintsOf(of('Kafka Streams'), 'yes').length, 4)
  equal(complaintsOf({ ...withoutSpark, kind: 'full' }, 'yes').length, 6)
  deepEqual(shownResults([of(), { ...of(), kind: 'smoke', name: 'smoke' }]).map(({ name }) => name), ['headline'])
})

test('an input too short for the grace of its case has the whole of it as grace, and the closing events come later', () => {
  equal(shortened(CASE, 200_000).finalGraceMs, SPAN_MS)
  equal(shortened(CASE, 2_000_000).finalGraceMs, CASE.finalGraceMs)
  ok(SPAN_MS < CLOSING_AFTER_MS)
})

test('a run of latency alone is complained of where it lacks a rival', () => {
  const plan = { perSecond: 1_000, commitMs: 100, warmS: 15, measuredS: 20 }
  const of = (contender: string): LatencyResults => ({ plan, contender, title: contender, league: 'tuned', rounds: [{ index: 0, load: 0, kind: 'measured', p50: 3, p90: 4, p99: 9, max: 20, rowsPerSecond: 750, keptUp: true }] })
  const whole = { ...results(), latency: ['millrace-closures', 'streams-tuned', 'flink-tuned'].map(of) }
  deepEqual(complaintsOf(whole, 'yes'), [])
  deepEqual(complaintsOf({ ...whole, latency: whole.latency.slice(0, 2) }, 'yes'), ['latency at 1000/s, commit 100 ms has no measured round of flink'])
  const [drawing] = drawingsOf(whole)
  ok(drawing !== undefined && drawing.name === 'benchmarks-full-100.svg' && ['millrace-closures', 'streams-tuned', 'flink-tuned'].every(title => drawing.svg.includes(`>${title}</text>`)))
  ok(documentOf([whole]).includes('](images/benchmarks-full-100.svg)'))
  ok(pageOf(whole).includes('| 1,000 | 100 | flink-tuned | tuned | 3 (3–3) | 4 (4–4) | 9 (9–9) | 1 of 1 | yes |'))
})

test('a commit is of the history, or not, or that cannot be told', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-history-'))
  try {
    const git = (cwd: string, ...args: string[]): string => {
      const ran = spawnSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, encoding: 'utf8' })
      equal(ran.status, 0, ran.stderr)
      return ran.stdout.trim()
    }
    equal(ancestryOf('a'.repeat(40), folder), 'unknown')
    git(folder, 'init', '-q', 'whole')
    const whole = join(folder, 'whole')
    const commits = ['one', 'two', 'three'].map(message => { git(whole, 'commit', '-q', '--allow-empty', '-m', message); return git(whole, 'rev-parse', 'HEAD') })
    equal(ancestryOf(commits[0] ?? '', whole), 'yes')
    equal(ancestryOf('a'.repeat(40), whole), 'no')
    git(folder, 'clone', '-q', '--depth', '1', `file://${whole}`, 'shallow')
    equal(ancestryOf(commits[0] ?? '', join(folder, 'shallow')), 'unknown')
    equal(ancestryOf(commits[2] ?? '', join(folder, 'shallow')), 'yes')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a ratio needs five rounds of each, and a range of 15 % at most (S1)', () => {
  const steady = summaryOf([100, 101, 99, 102, 98])
  deepEqual(steady, { rounds: 5, median: 100, lowest: 98, highest: 102, range: 0.04 })
  deepEqual(ratioOf(summaryOf([200, 202, 198, 204, 196]), steady), { kind: 'ratio', value: 2 })
  deepEqual(ratioOf(summaryOf([200, 202, 198, 250, 196]), steady), { kind: 'none', why: 'range 27 %' })
  deepEqual(ratioOf(summaryOf([200, 200, 200, 200]), steady), { kind: 'none', why: 'fewer than 5 rounds' })
  deepEqual(ratioOf(undefined, steady), { kind: 'none', why: 'not both ran' })
  equal(summaryOf([1, 4, 2, 3])?.median, 2.5)
})

test('the window begins where the warm-up is accounted for and ends with the last row (D1), and says when it is too short (D4)', () => {
  const sampler = { between: (from: number, to: number) => ({ jobUs: (to - from) * 1_000, brokerUs: (to - from) * 500 }) }
  const progress = Array.from({ length: 11 }, (_, step) => [1_000 + step * 500, step * 75] as const)
  // 750 kept of 1,000 read; 40 % warm-up is 300 rows, at 3,000 ms.
  deepEqual(figuresOf({ progress, sum: 750, lastMs: 6_000 }, sampler, { warmUpShare: 0.4, inputRecords: 1_000 }), {
    windowMs: 3_000, windowRecords: 600, windowTooShort: false, recordsPerSecond: 200, jobUsPerRecord: 5_000, brokerUsPerRecord: 2_500,
  })
  equal(figuresOf({ progress: [[0, 1], [5_000, 400], [10_000, 750]], sum: 750, lastMs: 10_000 }, sampler, { warmUpShare: 0.4, inputRecords: 1_000 }).windowTooShort, true)
})

test('processor time between two samples is interpolated (U1)', () => {
  const samples = [{ atMs: 0, jobUs: 0, brokerUs: 0 }, { atMs: 100, jobUs: 1_000, brokerUs: 10 }, { atMs: 300, jobUs: 2_000, brokerUs: 20 }]
  deepEqual(at(samples, 50), { atMs: 50, jobUs: 500, brokerUs: 5 })
  deepEqual(at(samples, 200), { atMs: 200, jobUs: 1_500, brokerUs: 15 })
  deepEqual(at(samples, 900), { atMs: 900, jobUs: 2_000, brokerUs: 20 })
})

test('an input is the same each time, of the size that is said, and out of order as far as is said (I1)', () => {
  for (const one of [{ ...CASE, valueBytes: 100 }, { ...CASE, valueBytes: 1_024, keys: 1_000_000, zipfExponent: 0 }]) {
    const [first, second] = [events(one, 20_000), events(one, 20_000)]
    let [highest, late] = [0, 0]
    for (let index = 0; index < 20_000; index++) {
      const event = first()
      deepEqual(event, second())
      equal(event.value.length, one.valueBytes)
      const parsed = JSON.parse(event.value.toString()) as { readonly at: number, readonly shopper: string } // As `valueOf` writes it.
      equal(parsed.at, event.at)
      equal(parsed.shopper, event.key.toString())
      ok(highest - event.at <= DISORDER_MS)
      if (event.at < highest) late++
      highest = Math.max(highest, event.at)
    }
    ok(late > 0 && late < 20_000 / 10)
    ok(highest - events(one, 20_000)().at < SPAN_MS)
  }
})

test('frequent items are as frequent as 1/rank, uniform ones all alike', () => {
  const sequence = (): (() => number) => { let at = 0; return () => (at = (at + 0.618_033_988_749) % 1) }
  const seen = new Map<string, number>()
  const zipf = itemsOf(2_500, 1, sequence())
  for (let index = 0; index < 100_000; index++) { const item = zipf(); seen.set(item, (seen.get(item) ?? 0) + 1) }
  // H(2500) = 8.40: the first has 11.9 %, the second half of that.
  ok(Math.abs((seen.get('i000000') ?? 0) - 11_900) < 120)
  ok(Math.abs((seen.get('i000001') ?? 0) - 5_950) < 120)
  const uniform = itemsOf(10, 0, sequence())
  deepEqual(new Set(Array.from({ length: 200 }, uniform)).size, 10)
})

test('a page names rounds that do not count, and takes no ratio from few rounds', () => {
  const [contender] = rivals('rekey').contenders
  ok(contender !== undefined)
  const page = pageOf(results({ case: CASE, contenders: [{ ...contender, rounds: [round(0, 1), { index: 1, at: '', load: 3, inputRecords: 1, kind: 'failed', why: 'the gate: expected 1, got 2' }] }] }))
  ok(page.includes('| 1 of 2 |') && page.includes('round 2: the gate: expected 1, got 2') && page.includes('0.0–3.0'))
  ok(pageOf({ ...results(), kind: 'smoke' }).includes('smoke run'))
})

test('the cases of a run have different names, and each leaves room for the last commit', () => {
  for (const cases of [FULL, QUICK, HEADLINE]) {
    equal(new Set(cases.map(({ id }) => id)).size, cases.length)
    for (const one of cases) ok(one.warmUpShare < 0.5 && one.records > 0 && one.finalGraceMs < CLOSING_AFTER_MS)
  }
})
