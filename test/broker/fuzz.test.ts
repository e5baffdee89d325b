/** Hostile requests and batches, from a fixed seed; many more by `npm run fuzz`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzBroker } from '../support/fuzz/broker-fuzz.ts'
import { fuzzDecoders } from '../support/fuzz/decoder-fuzz.ts'

const SEED = Number(process.env['MILLRACE_SEED'] ?? 20_261_123)

test('bent requests of every API and version and bent batches are read or refused, and nothing else', async () => {
  const { findings, decoded, refused, seedText } = await fuzzDecoders(60_000, SEED)
  assert.deepEqual(findings, [], seedText)
  assert.ok(decoded > 5_000 && refused > 5_000, `${decoded} read, ${refused} refused`)
})

test('a whole broker survives hostile requests, and opens its data after them', async () => {
  const { findings, seedText } = await fuzzBroker(1_500, SEED)
  assert.deepEqual(findings, [], seedText)
})
