/** The stream's gate through the real topology on the embedded broker: test, then learn, the last day event by event. Says so where the data are not there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportOf, withToy } from '../support/serenade-gates.ts'

test('test then learn, last day, embedded broker', withToy, async t => {
  const report = await reportOf({ only: 'prequential' }, text => t.diagnostic(text))
  const { lastDay } = report
  assert.equal(lastDay?.cooc.n, 931)
  assert.ok(lastDay.cooc.hr20 >= 0.685, `HR@20 of Cooc: ${lastDay.cooc.hr20}`)
  assert.ok(lastDay.cooc.hr20 > lastDay.vmis.hr20 && lastDay.popularity.hr20 < 0.1)
})
