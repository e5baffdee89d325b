/** The ledger over kills of brokers: three of Apache Kafka, ten kills of them and ten of the app's processes; two verifiers that share nothing with Millrace recount. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { need } from '../../support/need.ts'
import { brokerKillLoop, isExact, TEN } from '../../real/runtime/broker-kill-loop.ts'

need('kafka', 'python')

test('three Kafka brokers, killed ten times, alone, two and three at once, and ten kills of processes: two verifiers find nothing lost, doubled or out of order', async () => {
  const outcome = await brokerKillLoop({ rounds: TEN, log: line => console.log(line) })
  assert.deepEqual([outcome.brokerKills, outcome.processKills], [10, 10])
  assert.ok(isExact(outcome), JSON.stringify(outcome))
  console.log(`${outcome.books.in} records, ${outcome.seconds} s, records flowed without one broker after ${outcome.rounds.flatMap(round => round.failoverMs ?? []).join(', ')} ms`)
})
