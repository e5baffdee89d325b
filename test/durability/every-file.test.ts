import assert from 'node:assert/strict'
import { test } from 'node:test'
import { damageFiles } from './every-file.ts'

/** A few of the 20,000 that `npm run durability` makes. */
const COUNT = 160

test('damage anywhere in a data directory is healed or refused, never lost in silence or served as if it were sound', async context => {
  const seed = Math.floor(Math.random() * 1e9)
  const run = await damageFiles({ count: COUNT, seed })
  context.diagnostic(`seed ${seed}: ${JSON.stringify(run.outcomes)}`)
  assert.equal(run.outcomes.silent, 0, `seed ${seed}\n${run.examples.join('\n')}`)
  assert.ok(run.outcomes.refused + run.outcomes.refusedByReader > 0, `seed ${seed}: damage was seen`)
})

test('a broker that cuts what is damaged and goes on is found out', async () => {
  const run = await damageFiles({ count: 60, seed: 7, careless: true })
  assert.ok(run.outcomes.silent > 0, JSON.stringify(run.outcomes))
})
