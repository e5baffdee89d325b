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
