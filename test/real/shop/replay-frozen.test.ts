/** The frozen model's gate through the real topology on the embedded broker, exactly once. Says so where the data are not there. */
import { test } from 'node:test'
import { frozenGate, near, reportOf, withToy } from '../../support/serenade-gates.ts'

test('frozen model, embedded broker', withToy, async t => {
  const report = await reportOf({ only: 'frozen' }, text => t.diagnostic(text))
  frozenGate(report.frozenLastDay?.cooc)
  near(report.frozenLastDay?.vmis.hr20 ?? 0, 0.6402, 0.002, 'HR@20 of VMIS')
  near(report.frozenLastDay?.vmis.mrr20 ?? 0, 0.326, 0.003, 'MRR@20 of VMIS')
})
