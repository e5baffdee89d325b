import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationMs, ms } from './duration.ts'

test('durations are read with full and short units', () => {
  assert.equal(durationMs('10 seconds'), 10_000)
  assert.equal(durationMs('1 minute'), 60_000)
  assert.equal(durationMs('1.5 hours'), 5_400_000)
  assert.equal(durationMs('250ms'), 250)
  assert.equal(durationMs('0 ms'), 0)
  assert.equal(durationMs('7 days'), 604_800_000)
  assert.deepEqual([ms('1 hour'), ms('1 hour'), ms('2h')], [3_600_000, 3_600_000, 7_200_000])
})

test('a misspelt unit names the one that was probably meant, and the option it stands in', () => {
  assert.throws(() => durationMs('10 secnods', 'grace'), { code: 'CONFIG_INVALID', message: "grace '10 secnods': 'secnods' is not a unit of time, did you mean '10 seconds'?" })
  assert.throws(() => durationMs('3 minuets'), /did you mean '3 minutes'/)
  assert.throws(() => durationMs('1 constructor'), { code: 'CONFIG_INVALID' })
})

test('what is no duration says how to write one', () => {
  for (const wrong of ['', 'ten seconds', '10', '-1 second', '1 000 ms']) assert.throws(() => durationMs(wrong), /write a number and a unit/)
  assert.throws(() => durationMs('99999999999999999999 days'), /too long/)
})
