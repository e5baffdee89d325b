/** docs/COMPATIBILITY.md is what the manifest and the kept results say; neither a missing test nor a failed one can look green. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ALLOWED } from '../support/conformance/allowed.ts'
import { CLIENT_NAMES, CLIENTS } from './clients.ts'
import type { Clients, Row, TestedRow } from './clients.ts'
import { FILES, PAGE, readResults, sources } from './files.ts'
import { problemsOf } from './manifest-check.ts'
import { pageOf, verdictOf } from './page.ts'
import { withRun } from './results.ts'
import type { Recorded, Run, TestResult } from './results.ts'

const FILE = 'test/broker/kafkajs.test.ts'
const [ONE, OTHER] = ['topics are created, described, grown and deleted', 'codec ZSTD: batches are stored as kafkajs packed them and come back as they were sent']
const ROW: TestedRow = { kind: 'tested', version: '1', pin: { file: 'package.json', text: '"millrace"' }, what: 'all', tests: [{ file: FILE, name: ONE }, { file: FILE, name: OTHER }] }
const clientsWith = (...rows: readonly Row[]): Clients => ({ ...CLIENTS, kafkajs: rows as Clients['kafkajs'] }) // Also what its type forbids: that is what is tried.

const runOf = (date: string, tests: readonly Pick<TestResult, 'name' | 'outcome'>[]): Run => ({
  format: 1, commit: 'abc1234', changed: false, date, node: 'v20', files: [FILE, 'test/other.test.ts'], tests: tests.map(each => ({ file: FILE, ms: 1, ...each })),
})
const WANTED = new Set([FILE])
const GREEN = withRun({}, runOf('2026-01-02', [{ name: ONE, outcome: 'passed' }, { name: OTHER, outcome: 'passed' }]), WANTED)
const colourAfter = (...tests: readonly Pick<TestResult, 'name' | 'outcome'>[]): string => verdictOf(ROW, withRun(GREEN, runOf('2026-01-03', tests), WANTED)).colour

test('the page is that of its manifest and its results: else `npm run compatibility`', () => {
  assert.equal(readFileSync(PAGE, 'utf8'), pageOf(CLIENTS, readResults(), ALLOWED))
})

test('every client that is wanted has a row; every test that is named is in its source; every version is the one in use', () => {
  assert.deepEqual(Object.keys(CLIENTS), [...CLIENT_NAMES])
  assert.deepEqual(problemsOf(CLIENTS, sources), [])
  const page = pageOf(CLIENTS, {}, ALLOWED)
  for (const client of CLIENT_NAMES) assert.ok(page.includes(`\n| ${client} | `), client)
})

test('results are kept of the files that the manifest names, and of no others', () => {
  assert.deepEqual(Object.keys(readResults()).filter(file => !FILES.has(file)), [])
})

test('a row without a test, with one that is in no source, with another version, or without a reason is refused', () => {
  const refused = (row: Row): string => problemsOf(clientsWith(row), sources).join('\n')
  assert.equal(refused(ROW), '')
  assert.match(refused({ ...ROW, tests: [] as unknown as TestedRow['tests'] }), /no test is named/) // What its type forbids.
  assert.match(refused({ ...ROW, tests: [{ file: FILE, name: 'topics are created' }] }), /has no test 'topics are created'/)
  assert.match(refused({ ...ROW, tests: [{ file: 'test/none.test.ts', name: ONE }] }), /there is no test\/none/)
  assert.match(refused({ ...ROW, pin: { file: 'package.json', text: '"kafkajs": "^9' } }), /does not say/)
  assert.match(refused({ kind: 'untested', version: '1', pin: ROW.pin, what: 'all', why: '' }), /no reason/)
  assert.match(problemsOf(clientsWith(), sources).join('\n'), /kafkajs: no row/)
})

test('green is every test passed; what failed, was skipped or did not report is red, what has not run is white', () => {
  const passed = { name: ONE, outcome: 'passed' } as const
  assert.equal(verdictOf(ROW, GREEN).colour, 'green')
  assert.equal(verdictOf(ROW, {}).colour, 'white')
  assert.equal(verdictOf({ ...ROW, tests: [] as unknown as TestedRow['tests'] }, GREEN).colour, 'red') // What its type forbids.
  assert.equal(verdictOf({ kind: 'untested', version: '1', pin: ROW.pin, what: 'all', why: 'none was written' }, GREEN).colour, 'red')
  assert.equal(colourAfter(passed, { name: OTHER, outcome: 'passed' }), 'green')
  assert.equal(colourAfter(passed, { name: OTHER, outcome: 'failed' }), 'red')
  assert.equal(colourAfter(passed, { name: OTHER, outcome: 'skipped' }), 'red')
  assert.equal(colourAfter(passed), 'red', 'its file ran, and it did not report')
  assert.equal(colourAfter(passed, { name: OTHER, outcome: 'passed' }, { name: OTHER, outcome: 'failed' }), 'red', 'the worst of two of a name')
  assert.equal(colourAfter(passed, { name: OTHER, outcome: 'passed' }, { name: null, outcome: 'failed' }), 'red', 'its file failed as a whole')
})

test('a later run replaces all of a file, an earlier one nothing, and files that nobody asks for are not kept', () => {
  const later = withRun(GREEN, runOf('2026-01-03', [{ name: ONE, outcome: 'failed' }]), WANTED)
  assert.deepEqual(later[FILE]?.tests, [{ name: ONE, outcome: 'failed', ms: 1 }])
  const earlier: Recorded = withRun(later, runOf('2026-01-01', [{ name: ONE, outcome: 'passed' }]), WANTED)
  assert.deepEqual(earlier, later)
  assert.deepEqual(Object.keys(earlier), [FILE])
})

test('a red row stands on the page with its reason, and is counted at the top', () => {
  const page = pageOf(clientsWith({ kind: 'untested', version: '1', pin: ROW.pin, what: 'a | b', why: 'none was written' }), {}, ALLOWED)
  assert.ok(page.includes('| kafkajs | 1 | a \\| b | 🟥 **no test** |  | none: none was written |'), page)
  const red = Object.values(CLIENTS).flat().filter(row => row.kind === 'untested').length + 1
  assert.match(page, new RegExp(`: 0 green, ${red} red, `))
})
