/**
 * The oracle itself: Kafka Streams' TopologyTestDriver, run now.
 *
 * With MILLRACE_RECORD=1 it writes test/oracle/recorded.json anew; without, it fails where Java says something else than is recorded.
 * `MILLRACE_ORACLE_SEEDS=n` runs n random cases per topology besides (default 3); a failure names its seed.
 */
import { deepEqual, ok } from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { compare, millraceRows, randomCases, readRecorded, RECORDED, recordedCases, type Rows } from '../../oracle/compare.ts'
import type { OracleCase } from '../../oracle/cases.ts'
import { KAFKA_JARS, need, ROOT } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'
import { seededRandom } from '../../support/seeded-random.ts'

need('kafka')
const classes = mkdtempSync(join(tmpdir(), 'millrace-oracle-'))
const sources = join(ROOT, 'test', 'real', 'oracle', 'java')

before(() => mustRun('javac', ['-d', classes, '-cp', `${KAFKA_JARS}/*`, join(sources, 'Oracle.java'), join(sources, 'Topologies.java')]).then(() => undefined))
after(() => rmSync(classes, { recursive: true, force: true }))

async function javaRows(cases: readonly OracleCase[]): Promise<Rows> {
  const input = JSON.stringify(cases.map(({ name, topology, steps }) => ({ name, topology, steps })))
  const ran = await mustRun('java', ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-cp', `${classes}:${KAFKA_JARS}/*`, 'Oracle'], { input, timeoutMs: 300_000 })
  const rows: Rows = JSON.parse(ran.stdout)
  return rows
}

test('what is recorded of Kafka Streams is what it says', async () => {
  const cases = recordedCases()
  const rows = await javaRows(cases)
  if (process.env['MILLRACE_RECORD'] === '1') {
    writeFileSync(RECORDED, `{\n${cases.map(one => `${JSON.stringify(one.name)}: [\n${(rows[one.name] ?? []).map(row => JSON.stringify(row)).join(',\n')}\n]`).join(',\n')}\n}\n`)
  }
  const recorded = readRecorded()
  deepEqual(Object.keys(recorded).sort(), cases.map(one => one.name).sort(), 'the recorded cases are those of cases.ts')
  for (const one of cases) deepEqual(recorded[one.name], rows[one.name], one.name)
})

test('random input gives the same rows', async () => {
  const base = seededRandom()
  console.log(`random cases from ${base.seedText}`)
  const seeds = Array.from({ length: Number(process.env['MILLRACE_ORACLE_SEEDS'] ?? 3) }, () => base.below(2 ** 31))
  const cases = randomCases(seeds)
  const rows = await javaRows(cases)
  for (const one of cases) {
    const java = rows[one.name]
    ok(java !== undefined && one.steps.length > 0, one.name)
    compare(one, await millraceRows(one, one.steps.length % 13 + 3), java)
  }
})
