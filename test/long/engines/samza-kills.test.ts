/**
 * Samza killed in the middle of its commits: it commits all the time, and what it writes is held back for about as long as a commit takes. Its store is as
 * the checkpoint has it all the same, as long as no object cache stands before it: `src/engines/samza-stores.ts`. With the cache
 * (`SAMZA_CONFIG='{"stores.clicks-per-key.object.cache.size":"1000"}'`) a round may turn red; then the test shows the rows around the first wrong ones,
 * and what Samza found at its starts: two copies of a store with one local offset.
 */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { test } from 'node:test'
import { onEmbedded, repeatingChainOf } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need, ROOT } from '../../support/need.ts'

need('engines')

const ROUNDS = 8
// Further settings of Samza's, by whom they are tried.
const more = JSON.parse(process.env['SAMZA_CONFIG'] ?? '{}') as Readonly<Record<string, string>>
const config = { 'task.commit.ms': '20', 'systems.kafka.producer.linger.ms': '8', ...more }

for (let round = 1; round <= ROUNDS; round++) {
  test(`Samza killed four times in the middle of its commits, round ${round} of ${ROUNDS}: its state fits its positions`, () => onEmbedded(async bootstrap => {
    const { sent, countsWrong } = await linkedKills({
      ...repeatingChainOf('samza'), entry: join(ROOT, 'dist', 'test', 'support', 'samza-commits-app.js'), bootstrap,
      kills: ['count', 'count', 'count', 'tasks-1', 'count'], seed: round, clients: ['node'], env: { SAMZA_CONFIG: JSON.stringify(config) },
    })
    assert.ok(sent > 0 && countsWrong === 0)
  }))
}
