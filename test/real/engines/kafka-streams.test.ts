/** A real Kafka Streams application between two tasks of ours, killed and recounted: `examples/linked/kafka-streams.ts`. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JobRequest } from '../../../src/http/job-request.ts'
import { startKafka } from '../../support/kafka.ts'
import type { BalanceSpec } from '../../support/ledger.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { need, ROOT } from '../../support/need.ts'

need('kafka', 'engines', 'python')

const ENTRY = join(ROOT, 'dist', 'examples', 'linked', 'kafka-streams.js')
const KILLS = ['count-1', 'tasks-1', 'count-2']
const hop = (task: string, from: string, to: string): BalanceSpec => ({ name: task, group: `linked.${task}`, in: { topic: from, id: 'value:id' }, out: { topic: to, id: 'value:id', order: 'value:seq' } })
const CHAIN = { entry: ENTRY, input: 'linked.clicks', output: 'linked.counted', balances: [hop('clean', 'linked.clicks', 'linked.clean'), hop('count', 'linked.clean', 'linked.counted')] }

test('two instances of a Kafka Streams application, killed like the tasks before them, on Apache Kafka', async () => {
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

test('rescaled from two to three to one, and killed, while clicks flow through it: every click once, every count right', async () => {
  const broker = await startTestBroker()
  const scale = (instances: number): JobRequest => ({ name: 'count', action: { kind: 'scale', instances } })
  try {
    await linkedKills({ ...CHAIN, bootstrap: broker.bootstrap, kills: [scale(3), 'count-3', scale(1)], clients: ['node'] })
  } finally {
    await broker.stop()
    broker.remove()
  }
})

test('without its transactions a kill of it is seen: the books can turn red', async () => {
  const kafka = await startKafka()
  try {
    const { accounts, countsWrong } = await linkedKills({
      ...CHAIN, bootstrap: kafka.bootstrap, kills: ['count-1', 'count-2', 'count-1'], exact: false, clients: ['node'], env: { LINKED_GUARANTEE: 'atLeastOnce' },
    })
    const doubled = accounts.flatMap(account => account.balances).reduce((sum, balance) => sum + balance.doubled, 0)
    assert.ok(doubled > 0 || countsWrong > 0, JSON.stringify(accounts))
  } finally {
    await kafka.stop()
  }
})
