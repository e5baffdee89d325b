import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCode, errorName, isRetriable, KAFKA_ERRORS, kafkaCodeOf, kafkaError } from './error-codes.ts'

test('the table has every code of Kafka 4.1 once, in order', () => {
  assert.deepEqual(KAFKA_ERRORS.map(row => row.code), Array.from({ length: 135 }, (_, index) => index - 1))
  assert.equal(new Set(KAFKA_ERRORS.map(row => row.name)).size, 135)
  for (const { code, name } of KAFKA_ERRORS) {
    assert.equal(errorCode(name), code)
    assert.equal(errorName(code), name)
  }
})

test('an error says what was asked, what came back, and whether to try again', () => {
  const error = kafkaError(6, 'produce to orders-0', { topic: 'orders' })
  assert.equal(error.message, "produce to orders-0: NOT_LEADER_OR_FOLLOWER (the broker is not the partition's leader)")
  assert.equal(error.code, 'BROKER_ERROR')
  assert.equal(error.retriable, true)
  assert.deepEqual(error.detail, { topic: 'orders', kafkaCode: 6, kafkaError: 'NOT_LEADER_OR_FOLLOWER' })
  assert.equal(kafkaCodeOf(error), 6)
  assert.equal(kafkaCodeOf(new Error('no')), undefined)
  assert.equal(kafkaError(90, 'x').code, 'FENCED')
  assert.equal(kafkaError(120, 'x').code, 'TXN_ABORTABLE')
  assert.equal(kafkaError(35, 'x').code, 'VERSION_UNSUPPORTED')
})

test('a code from the future is not retriable and keeps its number', () => {
  assert.equal(errorName(999), 'UNKNOWN_CODE_999')
  assert.equal(isRetriable(999), false)
  assert.equal(kafkaError(999, 'x').detail['kafkaCode'], 999)
})
