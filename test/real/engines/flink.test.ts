/** A real Flink SQL job between two tasks of ours, killed and recounted: `examples/linked/flink.ts`. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { test } from 'node:test'
import { startKafka } from '../../support/kafka.ts'
import type { BalanceSpec } from '../../support/ledger.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { need, ROOT } from '../../support/need.ts'

need('kafka', 'engines', 'python')

const ENTRY = join(ROOT, 'dist', 'examples', 'linked', 'flink.js')
const KILLS = ['count-taskmanager', 'tasks-1', 'count-jobmanager']
const hop = (task: string, from: string, to: string): BalanceSpec => ({ name: task, group: `linked.${task}`, in: { topic: from, id: 'value:id' }, out: { topic: to, id: 'value:id', order: 'value:seq' } })
const CHAIN = { entry: ENTRY, input: 'linked.clicks', output: 'linked.counted', balances: [hop('clean', 'linked.clicks', 'linked.clean'), hop('count', 'linked.clean', 'linked.counted')] }

test('a Flink SQL job, its task manager and its job manager killed like the tasks before it, on Apache Kafka', async () => {
  const kafka = await startKafka()
  try {
    await linkedKills({ ...CHAIN, bootstrap: kafka.bootstrap, kills: KILLS })
  } finally {
    await kafka.stop()
  }
})

test('the same on the embedded broker', async () => {
  const broker = await startTestBroker()
  try {
    await linkedKills({ ...CHAIN, bootstrap: broker.bootstrap, kills: KILLS })
  } finally {
    await broker.stop()
    broker.remove()
  }
})

test('without its transactions a kill of it is seen: the books can turn red', async () => {
  const kafka = await startKafka()
  try {
    const { accounts, countsWrong } = await linkedKills({
      ...CHAIN, bootstrap: kafka.bootstrap, kills: ['count-taskmanager', 'count-jobmanager'], exact: false, clients: ['node'], env: { LINKED_GUARANTEE: 'atLeastOnce' },
    })
    const doubled = accounts.flatMap(account => account.balances).reduce((sum, balance) => sum + balance.doubled, 0)
    assert.ok(doubled > 0 || countsWrong > 0, JSON.stringify(accounts))
  } finally {
    await kafka.stop()
  }
})
