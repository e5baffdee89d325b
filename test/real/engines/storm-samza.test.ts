/**
 * A Storm topology and a Samza application between two tasks of ours, killed and recounted behind the task that removes their duplicates:
 * `examples/linked/storm.ts`, `examples/linked/samza.ts`.
 */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { test } from 'node:test'
import { startKafka } from '../../support/kafka.ts'
import type { BalanceSpec } from '../../support/ledger.ts'
import { linkedKills, type LinkedKillsOptions } from '../../support/linked-kills.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { need, ROOT } from '../../support/need.ts'

need('kafka', 'engines', 'python')

const BALANCES: readonly BalanceSpec[] = [
  { name: 'clean', group: 'linked.clean', in: { topic: 'linked.clicks', id: 'value:id' }, out: { topic: 'linked.clean', id: 'value:id', order: 'value:seq' } },
  { name: 'count and once', group: 'linked.once', in: { topic: 'linked.clean', id: 'value:id' }, out: { topic: 'linked.counted', id: 'value:id', order: 'value:seq' } },
]
const chain = (engine: string, bootstrap: string): LinkedKillsOptions => ({
  entry: join(ROOT, 'dist', 'examples', 'linked', `${engine}.js`), bootstrap, input: 'linked.clicks', output: 'linked.counted', balances: BALANCES, kills: ['tasks-1', 'count', 'count'],
})

async function onKafka(work: (bootstrap: string) => Promise<void>): Promise<void> {
  const kafka = await startKafka()
  try {
    await work(kafka.bootstrap)
  } finally {
    await kafka.stop()
  }
}

/** The duplicates of the last two kills are counted by processes that live on. */
const exactBehindDistinct = (engine: string): Promise<void> => onKafka(async bootstrap => {
  const { dropped } = await linkedKills({ ...chain(engine, bootstrap), ...engine === 'storm' ? { measured: 'count' } : {}, drops: { task: 'once', why: 'distinct: duplicate' } })
  console.log(`${engine}: ${dropped} duplicates removed`)
})

async function redWithoutDistinct(engine: string): Promise<void> {
  const broker = await startTestBroker()
  try {
    const { accounts } = await linkedKills({ ...chain(engine, broker.bootstrap), kills: ['count', 'count'], exact: false, clients: ['node'], env: { LINKED_GUARANTEE: 'atLeastOnce' } })
    const doubled = accounts.flatMap(account => account.balances).reduce((sum, balance) => sum + balance.doubled, 0)
    assert.ok(doubled > 0, JSON.stringify(accounts))
    console.log(`${engine}: ${doubled} doubled`)
  } finally {
    await broker.stop()
    broker.remove()
  }
}

test('a Storm topology, killed twice like the tasks around it: its duplicates are counted and removed behind it, and the result is exact, on Apache Kafka', () => exactBehindDistinct('storm'))
test('a Samza application, killed twice like the tasks around it: its duplicates are counted and removed behind it, and the result is exact, on Apache Kafka', () => exactBehindDistinct('samza'))
test('Storm without that distinct: a kill of it is seen, and the books can turn red', () => redWithoutDistinct('storm'))
test('Samza without that distinct: a kill of it is seen, and the books can turn red', () => redWithoutDistinct('samza'))
