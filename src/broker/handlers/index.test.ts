import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { APIS } from '../../wire/apis/index.ts'
import { ROOT } from '../../../test/support/need.ts'
import { SERVED } from './index.ts'

test('the list is in order of the keys, once each, within the tables of wire', () => {
  const keys = SERVED.map(handler => handler.api.key)
  assert.deepEqual(keys, [...new Set(keys)].sort((a, b) => a - b))
  for (const { api, versionMin, versionMax } of SERVED) {
    assert.equal(APIS.get(api.key), api, api.name)
    assert.ok(versionMin >= api.versionMin && versionMax <= api.versionMax && versionMin <= versionMax, `${api.name} ${versionMin}–${versionMax}`)
  }
})

/** What the project's reference asks of a broker (kafka-protocol, section 2): tiers A (every client), B (groups), C (transactions) and of D what is named beside them. Key, first and last version. */
const ASKED: readonly (readonly [key: number, versionMin: number, versionMax: number])[] = [
  [18, 0, 4], [3, 0, 13], [0, 0, 13], [1, 4, 18], [2, 1, 10], [23, 2, 4],
  [10, 0, 6], [11, 0, 9], [14, 0, 5], [12, 0, 4], [13, 0, 5], [8, 2, 9], [9, 1, 9],
  [22, 0, 5], [24, 0, 5], [25, 0, 4], [26, 0, 5], [28, 0, 5], [61, 0, 0], [65, 0, 0], [66, 0, 2], [27, 1, 1],
  [19, 2, 7], [20, 1, 6], [37, 0, 3], [21, 0, 2], [32, 1, 4], [44, 0, 1], [16, 0, 5], [15, 0, 6], [69, 0, 1], [42, 0, 2], [60, 0, 2],
]

test('every API of the tiers A to C, and those of administration beside them, is served in the versions that are asked for', () => {
  for (const [key, first, last] of ASKED) {
    const handler = SERVED.find(each => each.api.key === key)
    assert.deepEqual([handler?.advertisedFrom ?? handler?.versionMin, handler?.versionMax], [first, last], `API ${key}`)
  }
  // The tables of wire know more: ConsumerGroupHeartbeat, which is of tier B.
  assert.deepEqual([APIS.get(68)?.versionMin, APIS.get(68)?.versionMax], [0, 1])
})

test('transactions version 2 is finalized only with what it needs (KIP-890)', () => {
  const versionMax = (key: number): number => SERVED.find(handler => handler.api.key === key)?.versionMax ?? -1
  assert.ok(versionMax(0) >= 12 && versionMax(26) >= 5 && versionMax(28) >= 5)
})

/** `MILLRACE_WRITE=1` writes the table anew. */
test('the documentation lists exactly what is served', () => {
  const path = join(ROOT, 'docs/reference/broker-apis.md')
  const rows = SERVED.map(({ api, versionMin, versionMax, advertisedFrom }) => `| ${api.key} | ${api.name} | ${versionMin === versionMax ? versionMin : `${versionMin}–${versionMax}`} | ${advertisedFrom === undefined ? '' : `advertised from ${advertisedFrom}: old librdkafka would stop compressing otherwise (KAFKA-18659)`} |`)
  const table = ['| Key | API | Versions | |', '|---|---|---|---|', ...rows].join('\n')
  const page = readFileSync(path, 'utf8')
  const [head, , tail] = page.split(/<!-- table -->\n?/)
  const wanted = `${head}<!-- table -->\n${table}\n<!-- table -->\n${tail ?? ''}`
  if (process.env['MILLRACE_WRITE'] === '1') writeFileSync(path, wanted)
  else assert.equal(page, wanted)
})
