/** The durability programme in seconds: it finds nothing in the broker as it is, and each planted bug. `npm run durability` is the long form. */
import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../support/processes.ts'
import type { Account } from './part.ts'
import { simulatedCuts } from './simulated.ts'

const FOLDER = dirname(fileURLToPath(import.meta.url))

async function run(part: string, count: number, plant?: string): Promise<Account> {
  const planted = plant === undefined ? [] : ['--import', join(FOLDER, 'plant.js')]
  const ran = await runCommand(process.execPath, [...planted, join(FOLDER, 'part.js'), part, String(count), '3', '60'], { env: plant === undefined ? {} : { MILLRACE_PLANT: plant } })
  const line = ran.stdout.trim().split('\n').at(-1) ?? ''
  assert.ok(line.startsWith('{'), `${part} ${plant ?? ''} gave no account: ${ran.stdout} ${ran.stderr}`)
  const account = JSON.parse(line) as Account // What part.ts prints.
  assert.equal(ran.exitCode, account.wrong.length > 0 ? 1 : 0)
  return account
}

test('Power cuts and kills lose nothing that was acknowledged', async () => {
  const { wrong, count, figures } = await run('simulated', 14)
  assert.deepEqual(wrong, [])
  assert.ok(count >= 10 && (figures['records'] ?? 0) > 100 && (figures['transactions'] ?? 0) > 10, JSON.stringify({ count, figures }))
})

test('A power cut that tears the offset of the newest batch in two, in a log that was compacted, is a torn tail', async () => {
  assert.deepEqual((await simulatedCuts(202_611_240_051, 20)).wrong, [])
})

test('Damaged files are refused, found by the reader, or do no harm', async () => {
  const { wrong, figures } = await run('mutations', 60)
  assert.deepEqual(wrong, [])
  assert.ok((figures['refused'] ?? 0) > 10, JSON.stringify(figures))
})

test('A broker that does not sync is found out', async () => {
  assert.match((await run('simulated', 20, 'skip-fsync')).wrong.join(), /lost|known durable|OUT_OF_ORDER|offset/)
})

test('A broker that answers before what it answers is on disk is found out', async () => {
  assert.match((await run('simulated', 20, 'answer-before-write')).wrong.join(), /lost|known durable|OUT_OF_ORDER|offset/)
})

test('A broker that does not check a checksum is found out', async () => {
  assert.match((await run('mutations', 80, 'skip-crc')).wrong.join(), /silent/)
})
