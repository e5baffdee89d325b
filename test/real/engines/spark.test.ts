/** A real Spark Structured Streaming job between tasks of ours, killed and recounted: `examples/linked/spark.ts`. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { test } from 'node:test'
import { startKafka } from '../../support/kafka.ts'
import type { BalanceSpec } from '../../support/ledger.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need, ROOT } from '../../support/need.ts'

need('kafka', 'engines', 'python')

const ENTRY = join(ROOT, 'dist', 'examples', 'linked', 'spark.js')
/** Spark commits no offsets: what comes out is held against what went in, up to where the task before it has committed. */
const BALANCES: readonly BalanceSpec[] = [
  { name: 'clean', group: 'linked.clean', in: { topic: 'linked.clicks', id: 'value:id' }, out: { topic: 'linked.clean', id: 'value:id', order: 'value:seq' } },
  { name: 'count', group: 'linked.clean', in: { topic: 'linked.clicks', id: 'value:id' }, out: { topic: 'linked.counted', id: 'value:id', order: 'value:seq' } },
]
/** A batch stands still between its write and its commit, so that a kill finds it there. */
const CHAIN = { entry: ENTRY, input: 'linked.clicks', output: 'linked.counted', balances: BALANCES, env: { LINKED_HOLD_MS: '1500' } }

test('a Spark driver, killed between write and commit, and the tasks around it: behind the distinct on the ids of its rows the result is exact, on Apache Kafka', async () => {
  const kafka = await startKafka()
  try {
    await linkedKills({ ...CHAIN, bootstrap: kafka.bootstrap, kills: ['count', 'tasks-1', 'count'] })
  } finally {
    await kafka.stop()
  }
})

test('without that distinct a kill of the driver is seen: the books can turn red', async () => {
  const kafka = await startKafka()
  try {
    const { accounts, countsWrong } = await linkedKills({
      ...CHAIN, bootstrap: kafka.bootstrap, kills: ['count'], exact: false, clients: ['node'], env: { ...CHAIN.env, LINKED_GUARANTEE: 'atLeastOnce' },
    })
    const doubled = accounts.flatMap(account => account.balances).reduce((sum, balance) => sum + balance.doubled, 0)
    assert.ok(doubled > 0 && countsWrong > 0, JSON.stringify(accounts))
    console.log(`${doubled} doubled, ${countsWrong} counts wrong without the distinct`)
  } finally {
    await kafka.stop()
  }
})
