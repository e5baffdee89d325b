/** Needs root, a loop device, mkfs.ext4 and python3, for a file system that loses what was not synced. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deaths, isBalanced } from '../durability/deaths.ts'

test('power cuts under sync: what was acknowledged before a cut is there after it', async context => {
  const run = await deaths({ how: 'power', deaths: 30, seed: Math.floor(Math.random() * 1e9) })
  context.diagnostic(JSON.stringify(run))
  assert.ok(isBalanced(run), JSON.stringify(run))
})

test('a broker that acknowledges before it syncs is found out', async () => {
  const run = await deaths({ how: 'power', deaths: 8, seed: 5, durability: 'os' })
  assert.ok(run.account.lost > 0, JSON.stringify(run))
})
