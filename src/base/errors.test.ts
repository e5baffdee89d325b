import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { AssertionError, assert as invariant } from './assert.ts'
import { ERROR_CODES, exitCodeOf, MillraceError } from './errors.ts'
import { createLogger, printable } from './logger.ts'

test('every error code leads to an exit code from 1 to 5', () => {
  for (const [code, exitCode] of Object.entries(ERROR_CODES)) assert.ok(exitCode >= 1 && exitCode <= 5, code)
  assert.equal(exitCodeOf(new MillraceError('PORT_IN_USE', 'taken')), 2)
  assert.equal(exitCodeOf(new Error('of user code')), 1)
})

test('an error keeps its cause and its detail', () => {
  const cause = new Error('below')
  const error = new MillraceError('LOG_CORRUPT', 'what, where, what next', { cause, detail: { offset: 7 } })
  assert.equal(error.cause, cause)
  assert.deepEqual(error.detail, { offset: 7 })
  assert.equal(error.retriable, false)
})

test('a failed assertion is its own kind of error', () => {
  assert.throws(() => invariant(false, 'broken'), AssertionError)
})

test('text from a peer cannot move the cursor or forge a log line', () => {
  const lines: string[] = []
  createLogger({ write: line => lines.push(line), now: () => 0 }).info('client', { id: 'a\u001b[2J\nforged' })
  assert.equal(lines.length, 1)
  assert.ok(lines[0]?.includes('\\u001b[2J\\u000aforged'), lines[0])
  assert.equal(printable('日本 ok'), '日本 ok')
})
