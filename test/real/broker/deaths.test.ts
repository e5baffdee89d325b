import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deaths, isBalanced } from '../../durability/deaths.ts'
import { need } from '../../support/need.ts'

need('strace')

test('the broker dies before its N-th change of the disk, for the first few N: nothing acknowledged is lost', async context => {
  const run = await deaths({ how: 'write', deaths: 6, seed: 1 })
  context.diagnostic(JSON.stringify(run))
  assert.ok(isBalanced(run), JSON.stringify(run))
})
