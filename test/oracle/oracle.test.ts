/** Our operators against what Kafka Streams' TopologyTestDriver answered when `recorded.json` was made (test/real/oracle checks that it still does). */
import { deepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { uncovered, uncoveredRules } from './cases.ts'
import { compare, millraceRows, readRecorded, recordedCases } from './compare.ts'

const recorded = readRecorded()

test('every topology has a scripted case', () => deepEqual(uncovered(), []))
test('every operator has a case for each rule that concerns it', () => deepEqual(uncoveredRules(), []))

for (const one of recordedCases()) {
  test(`${one.topology}: ${one.name}${one.rules.length === 0 ? '' : ` (${one.rules.join(', ')})`}${one.departure === undefined ? '' : ' [departs]'}`, async () => {
    const java = recorded[one.name]
    ok(java !== undefined, `no rows are recorded for '${one.name}': run the oracle with MILLRACE_RECORD=1`)
    compare(one, await millraceRows(one), java)
    // Restarts in the middle change nothing (a departure from T2: clocks are kept).
    compare(one, await millraceRows(one, 7), java)
  })
}
