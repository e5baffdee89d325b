/** `millrace demo linked` where no engine is installed: it runs all the same, and says what is left out and how it is installed. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { booksOf, contributedOf, type LinkedReport, type LinkedRow, showLinked } from '../../src/cli/linked-report.ts'
import { ANSWER_SECONDS_MAX, balanceOf, balanceText, ComingUp } from '../../src/cli/linked-window.ts'
import { Output } from '../../src/cli/render.ts'
import { freePorts } from '../support/kafka.ts'
import { millrace, startMillrace } from '../support/millrace.ts'
import { ListBooks } from '../../examples/linked-engines/books.ts'
import { until } from '../support/watched.ts'

test('without any engine installed the recommender works, each engine is left out with what to do, and Ctrl-C ends it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-linked-none-'))
  const [port, statusPort] = await freePorts(2)
  const started = startMillrace(['demo', 'linked', '--headless', '--shoppers', '100', '--data', directory, '--port', String(port), '--status-port', String(statusPort), '--json'], { env: { MILLRACE_ENGINES: join(directory, 'engines') } })
  const last = (): LinkedReport | undefined => {
    const line = started.stdout().slice(0, started.stdout().lastIndexOf('\n') + 1).split('\n').findLast(each => each.includes('"tasks":[{'))
    return line === undefined ? undefined : JSON.parse(line) as LinkedReport // Written by the command under test.
  }
  try {
    await until('lists come', () => Promise.resolve((last()?.lists ?? 0) > 10), () => started.stderr().slice(-4000))
    const report = last()
    assert.deepEqual(report?.missing, ['flink', 'spark', 'storm', 'samza'])
    for (const { engine, state, reason } of report.tasks) {
      if (engine === 'millrace') continue
      assert.equal(state, 'left out')
      assert.match(reason ?? '', new RegExp(`Run: millrace engines install ${engine}@|Java 17 or later is needed`))
    }
    assert.equal((await started.kill('SIGINT')).exitCode, 0, started.stderr().slice(-4000))
  } finally {
    await started.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
})

test('an engine that this example does not have is refused, with those that it has', async () => {
  const ran = await millrace(['demo', 'linked', '--without', 'heron'])
  assert.equal(ran.exitCode, 2)
  assert.match(ran.stderr, /--without takes engines of this example, flink, spark, storm, samza, not 'heron'/)
})

test('brokers of its own and named ones exclude each other, and Kafka that is not installed is named with what installs it', async () => {
  const both = await millrace(['demo', 'linked', '--cluster', '3', '--bootstrap', 'localhost:9'])
  assert.equal(both.exitCode, 2)
  assert.match(both.stderr, /--cluster starts brokers here, --bootstrap names some that run: give one of them/)
  const directory = mkdtempSync(join(tmpdir(), 'millrace-linked-cluster-'))
  const missing = await millrace(['demo', 'linked', '--cluster', '3', '--headless', '--data', directory], { env: { MILLRACE_ENGINES: join(directory, 'engines') } })
  rmSync(directory, { recursive: true, force: true })
  assert.notEqual(missing.exitCode, 0)
  assert.match(missing.stderr, /millrace engines install kafka@4\.1/)
})

test('the table says how many lists each engine has moved, or why it is missing in one line', () => {
  let text = ''
  const output = new Output({ stdout: { write: part => { text += String(part) } }, stderr: { write: () => true }, json: false, environment: {} })
  const flink = { engine: 'flink', rows: 1204, lists: 200, moved: 150, example: 'Oak Desk Lamp: place 7 → 3; clicked', isMissing: false }
  const row = { inPerSecond: 10, outPerSecond: null, out: 1204, lagRecords: 3, restarts: 1, copies: null }
  showLinked(output, {
    seconds: 20, lists: 250, missing: ['spark'], tasks: [
      { ...row, task: 'trend', engine: 'flink', state: 'running', contribution: flink, reason: null },
      { ...row, task: 'categories', engine: 'spark', state: 'failed', contribution: { ...flink, engine: 'spark', lists: 0, moved: 0, isMissing: true }, reason: 'it ended\n\tat a.b.C' },
      { ...row, task: 'blend', engine: 'millrace', state: 'running', copies: 12, contribution: null, reason: null },
    ],
  }, false)
  assert.match(text, /after 20 s {3}250 lists {3}missing: spark/)
  assert.match(text, /trend +flink +running +10\.0 +- +1,204 +3 +1 +150 of 200 \(75 %\)/)
  assert.match(text, /flink {2}trend: Oak Desk Lamp: place 7 → 3; clicked\n/)
  assert.match(text, /spark {2}is missing: it ended\n/)
  assert.match(text, /blend has taken out 12 records that came again\n/)
  assert.doesNotMatch(text, /a\.b\.C/)
})

test('what another process says over IPC is taken as it is declared, or not at all', () => {
  assert.equal(contributedOf({ ready: {} }), undefined)
  assert.equal(contributedOf({ contributions: { lists: '7', engines: [] } }), undefined)
  const flink = { engine: 'flink', rows: 1, lists: 2, moved: 1, example: null, isMissing: false }
  assert.deepEqual(contributedOf({ contributions: { lists: 7, engines: [flink, { engine: 'spark' }] } }), { lists: 7, engines: [flink] })
})

function reportAt(seconds: number, states: Readonly<Record<string, { readonly state: string, readonly rows?: number, readonly reason?: string }>>): LinkedReport {
  const row = { inPerSecond: null, outPerSecond: null, out: null, lagRecords: null, restarts: null, copies: null }
  return {
    seconds, lists: 0, missing: [], tasks: Object.entries(states).map(([engine, { state, rows = 0, reason = null }]): LinkedRow => ({
      ...row, task: `${engine}-task`, engine, state, reason, contribution: engine === 'millrace' ? null : { engine, rows, lists: 0, moved: 0, example: null, isMissing: rows === 0 },
    })),
  }
}

test('the time of --seconds begins when every engine contributes or is known to be missing, and each is said once', () => {
  const up = new ComingUp()
  assert.deepEqual(up.take(reportAt(10, { flink: { state: 'starting' }, spark: { state: 'failed', reason: 'no memory' }, storm: { state: 'left out' }, millrace: { state: 'running' } })), [])
  assert.equal(up.isUp, false, 'a job that failed may be tried again while others are started')
  assert.deepEqual(up.take(reportAt(40, { flink: { state: 'running' }, spark: { state: 'failed', reason: 'no memory\n at x' } })), ["flink runs 'flink-task' after 40 s"])
  up.jobsStarted(41)
  assert.deepEqual(up.take(reportAt(42, { flink: { state: 'running' }, spark: { state: 'failed', reason: 'no memory\n at x' } })), ['spark is missing: no memory'])
  assert.deepEqual([up.isUp, up.coming], [false, ['flink-task']])
  assert.deepEqual(up.take(reportAt(55, { flink: { state: 'running', rows: 3 }, spark: { state: 'failed' } })), ['flink contributes after 55 s'])
  assert.equal(up.isUp, true)
  assert.deepEqual(up.take(reportAt(60, { flink: { state: 'restarting' }, spark: { state: 'failed' } })), [], 'it has contributed, and is up')
})

test('an engine that runs and says nothing is missing after its time, and is not waited for', () => {
  const up = new ComingUp()
  up.jobsStarted(20)
  assert.equal(up.take(reportAt(20 + ANSWER_SECONDS_MAX, { samza: { state: 'running' } })).join(), `samza runs 'samza-task' after ${20 + ANSWER_SECONDS_MAX} s`)
  assert.equal(up.isUp, false)
  assert.match(up.take(reportAt(21 + ANSWER_SECONDS_MAX, { samza: { state: 'running' } })).join(), /^samza is missing: 'samza-task' has said nothing within 120 s of its start$/)
  assert.equal(up.isUp, true)
})

test('the books of the lists: what is not out yet is waited for, what is lost or comes twice is named, and what is older than the run is none of it', () => {
  const books = new ListBooks({ since: 100 })
  const list = (at: number): { at: number, origin: string, session: number, position: number } => ({ at, origin: `0@${at}`, session: 1, position: 1 })
  books.made('v', list(99))
  books.blended('v', list(99))
  books.made('v', list(101))
  books.blended('v', list(102))
  books.made('v', list(102))
  books.made('w', list(102))
  assert.deepEqual(books.all(), { made: 3, blended: 1, doubled: 0, unasked: 0, open: [0, 2] })
  assert.deepEqual(balanceOf(books.all(), 2), { isSettled: false, isBalanced: false, made: 2, lost: 1, doubled: 0 })
  books.blended('v', list(101))
  assert.match(balanceText(balanceOf(books.all(), 2)), /^the books balance: 2 lists of the recommender, 2 came out once, 0 lost, 0 doubled$/)
  books.blended('v', list(101))
  const twice = balanceOf(booksOf({ books: books.all() }) ?? assert.fail(), 2)
  assert.deepEqual([twice.isSettled, twice.isBalanced], [true, false])
  assert.match(balanceText(twice), /DO NOT BALANCE: .*, 1 doubled$/)
  assert.equal(booksOf({ books: { made: '3', open: [] } }), undefined)
})
