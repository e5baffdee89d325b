/** A few of the 500 deaths of `npm run durability`. Needs Node alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deaths, isBalanced } from '../durability/deaths.ts'

test('the embedded broker is killed while clients go on, and while it recovers: nothing acknowledged is lost, doubled or half there', async context => {
  const run = await deaths({ how: 'kill', deaths: 4, seed: Math.floor(Math.random() * 1e9) })
  context.diagnostic(JSON.stringify(run))
  assert.ok(isBalanced(run), JSON.stringify(run))
})
