/**
 * The same requests, in each version of each API that is advertised, to the embedded broker; its answers are compared, field by field, with
 * those that Apache Kafka 4.1 gave (test/fixtures, recorded by test/long/broker/conformance-record.test.ts). What is compared and how:
 * test/support/conformance. Differences that stay: its `allowed.ts`.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { startBroker } from '../support/broker.ts'
import { ALLOWED, ALLOWED_MAX } from '../support/conformance/allowed.ts'
import { leavesOf, withLeafChanged } from '../support/conformance/compare.ts'
import { readRecording } from '../support/conformance/recording.ts'
import { judge, runScenarios, toRecordAgain, unasked } from '../support/conformance/suite.ts'
import type { Answered } from '../support/conformance/suite.ts'

/** Answers that Kafka gave before it had settled: recorded anew, this is to be 0. */
const TO_RECORD_AGAIN = 0

let theirs: readonly Answered[]
let ours: readonly Answered[]

before(async () => {
  const { now, answers } = readRecording()
  theirs = answers
  const broker = await startBroker()
  try {
    ours = await runScenarios(broker.port, now)
  } finally {
    await broker.remove()
  }
})

test('each API and version that is advertised is asked', () => assert.deepEqual(unasked(ours), []))

test('every answer is Kafka\'s, but for the differences that are allowed', () => {
  const { compared, allowed, differences, stale } = judge(theirs, ours, ALLOWED)
  console.log(`# ${compared} answers held to Kafka's, ${allowed} fields differ as allowed by ${ALLOWED.length} entries, ${toRecordAgain(theirs).length} answers of Kafka's are to be recorded again`)
  assert.deepEqual(differences.slice(0, 200), [], `${differences.length} differences`)
  assert.deepEqual(stale, [], 'allowed differences that no longer occur: take them out')
  assert.ok(ALLOWED.length <= ALLOWED_MAX)
})

test('no more of the recording is left out than is known, and no API whole', () => {
  const again = new Set(toRecordAgain(theirs))
  assert.equal(again.size, TO_RECORD_AGAIN)
  const compared = new Set(theirs.filter(({ where }) => !again.has(where)).map(({ api }) => api))
  assert.deepEqual([...new Set(ours.map(({ api }) => api))].filter(api => !compared.has(api)), [])
})

test('a wrong field in one answer of any API turns it red', () => {
  const again = new Set(toRecordAgain(theirs))
  const missed: string[] = []
  let [planted, red] = [0, 0]
  for (const api of new Set(ours.map(answered => answered.api))) {
    const answered = ours.find(each => each.api === api && !again.has(each.where) && leavesOf(each.answer).length > 0)
    assert.ok(answered !== undefined, api)
    const kafkas = theirs.filter(({ where }) => where === answered.where)
    // Each field in turn. What stays green are the differences that are allowed, and wordings beside an error (C4 of compare.ts).
    const leaves = leavesOf(answered.answer)
    const seen = leaves.filter(leaf => judge(kafkas, [{ ...answered, answer: withLeafChanged(answered.answer, leaf) }], ALLOWED).differences.length > 0)
    if (seen.length === 0) missed.push(api)
    planted += leaves.length
    red += seen.length
  }
  console.log(`# ${planted} wrong fields planted, ${red} of them turned it red`)
  assert.deepEqual(missed, [])
})
