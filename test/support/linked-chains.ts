/** The chains of `examples/linked` that the kill tests run, and the clusters they run on. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { startBroker } from './broker.ts'
import { type Kafka, startKafka } from './kafka.ts'
import type { BalanceSpec } from './ledger.ts'
import { type KillableBroker, linkedKills, type LinkedKillsOptions } from './linked-kills.ts'
import { startTestBroker } from './millrace.ts'
import { ROOT } from './need.ts'

export const hop = (task: string, from: string, to: string): BalanceSpec => ({ name: task, group: `linked.${task}`, in: { topic: from, id: 'value:id' }, out: { topic: to, id: 'value:id', order: 'value:seq' } })

/** `clicks → clean (ours) → count (the engine's) → counted`; behind Flink a task of ours counts once more: `→ check → checked`. */
export const chainOf = (engine: 'flink' | 'kafka-streams'): Omit<LinkedKillsOptions, 'bootstrap' | 'kills'> => ({
  entry: join(ROOT, 'dist', 'examples', 'linked', `${engine}.js`), input: 'linked.clicks', output: engine === 'flink' ? 'linked.checked' : 'linked.counted',
  balances: [hop('clean', 'linked.clicks', 'linked.clean'), hop('count', 'linked.clean', 'linked.counted'), ...engine === 'flink' ? [hop('check', 'linked.counted', 'linked.checked')] : []],
})

/** `clicks → clean (ours) → count (the engine's, at least once) → once (ours, takes the repeated ones out) → counted`. */
export const repeatingChainOf = (engine: 'storm' | 'samza'): Omit<LinkedKillsOptions, 'bootstrap' | 'kills'> => ({
  entry: join(ROOT, 'dist', 'examples', 'linked', `${engine}.js`), input: 'linked.clicks', output: 'linked.counted', between: ['linked.clean', 'linked.raw'],
  balances: [hop('clean', 'linked.clicks', 'linked.clean'), { ...hop('once', 'linked.clean', 'linked.counted'), name: 'count and once' }],
})

export async function onKafka(work: (bootstrap: string) => Promise<void>): Promise<void> {
  const kafka = await startKafka()
  try {
    await work(kafka.bootstrap)
  } finally {
    await kafka.stop()
  }
}

/** Three brokers, replication 3, two in sync at least. */
export async function onThreeBrokers(work: (kafka: Kafka) => Promise<void>): Promise<void> {
  const kafka = await startKafka({ brokers: 3 })
  try {
    await work(kafka)
  } finally {
    await kafka.stop()
  }
}

export async function onEmbedded(work: (bootstrap: string) => Promise<void>): Promise<void> {
  const broker = await startTestBroker()
  try {
    await work(broker.bootstrap)
  } finally {
    await broker.stop()
    broker.remove()
  }
}

/** The embedded broker, to be killed too: it has the id 1. */
export async function onKillableEmbedded(work: (cluster: { readonly bootstrap: string; readonly brokers: readonly KillableBroker[] }) => Promise<void>): Promise<void> {
  const broker = await startBroker()
  try {
    await work({ bootstrap: broker.bootstrap, brokers: [{ id: 1, kill: () => broker.kill(), start: () => broker.start() }] })
  } finally {
    await broker.remove()
  }
}

/** A Python process between two tasks of ours, of which the first commits seldom. */
export const FOREIGN_CHAIN: Omit<LinkedKillsOptions, 'bootstrap' | 'kills'> = {
  entry: join(ROOT, 'dist', 'test', 'support', 'slow-commit-app.js'), input: 'fraud.events', output: 'fraud.risks', more: seq => ({ type: 'click', price: seq % 997, at: seq * 60_000 }),
  balances: [{ name: 'score', group: 'fraud.score', in: { topic: 'fraud.clicks', id: 'value:id' }, out: { topic: 'fraud.scores', id: 'value:id', order: 'value:seq' } }],
}

/** With the guard off (the engine's transactions, its reading committed records only, or the task that takes out what is repeated) the kills must show, in the accounts or in the counts. */
export async function turnsRed(chain: Omit<LinkedKillsOptions, 'bootstrap' | 'kills'>, bootstrap: string, kills: LinkedKillsOptions['kills'], env: Readonly<Record<string, string>> = { LINKED_GUARANTEE: 'atLeastOnce' }): Promise<void> {
  const { accounts, countsWrong } = await linkedKills({ ...chain, bootstrap, kills, exact: false, clients: ['node'], env })
  const doubled = accounts.flatMap(account => account.balances).reduce((sum, balance) => sum + balance.doubled, 0)
  assert.ok(doubled > 0 || (chain !== FOREIGN_CHAIN && countsWrong > 0), JSON.stringify(accounts))
}

/**
 * Spark commits no offsets: what comes out is held against what went in, up to where the task before it has committed. A batch stands still between its
 * write and its commit, so that a kill finds it there.
 */
export const SPARK_CHAIN: Omit<LinkedKillsOptions, 'bootstrap' | 'kills'> = {
  entry: join(ROOT, 'dist', 'examples', 'linked', 'spark.js'), input: 'linked.clicks', output: 'linked.counted', env: { LINKED_HOLD_MS: '1500' },
  balances: [
    { name: 'clean', group: 'linked.clean', in: { topic: 'linked.clicks', id: 'value:id' }, out: { topic: 'linked.clean', id: 'value:id', order: 'value:seq' } },
    { name: 'count', group: 'linked.clean', in: { topic: 'linked.clicks', id: 'value:id' }, out: { topic: 'linked.counted', id: 'value:id', order: 'value:seq' } },
  ],
}
