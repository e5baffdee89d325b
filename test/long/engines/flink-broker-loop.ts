/**
 * Millrace → Flink → Millrace on three brokers of Apache Kafka: brokers, tasks, and Flink's own processes are killed at random moments while numbered clicks flow,
 * and two verifiers recount every hop. Flink counts, and the task behind it counts once more: both numbers must be right in every row.
 *
 *   node dist/test/long/engines/flink-broker-loop.js [--kills 100] [--seed 1]
 *
 * Ten kills of brokers and ten of processes are one turn: each broker alone, each with another one, all three; of processes both of ours, the task manager and
 * the job manager. As a command it ends with 0 where everything balances, and with one line of JSON.
 */
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { chainOf, onThreeBrokers } from '../../support/linked-chains.ts'
import { type BrokerKill, linkedKills, type LinkedKillsOptions, type LinkedKillsResult } from '../../support/linked-kills.ts'

const brokers = (ids: readonly number[], ...meanwhile: readonly string[]): BrokerKill => ({ brokers: ids, meanwhile })

/** Ten kills of brokers and ten of processes. */
export const TURN: LinkedKillsOptions['kills'] = [
  'count-taskmanager', brokers([1], 'tasks-1'), brokers([2, 3], 'count-taskmanager'), 'tasks-2', brokers([2], 'count-jobmanager'),
  brokers([3, 1], 'tasks-2'), 'count-jobmanager', brokers([3], 'count-taskmanager'), brokers([1, 2, 3], 'tasks-1'), 'tasks-2',
]

export async function flinkBrokerLoop(kills: LinkedKillsOptions['kills'], seed: number): Promise<LinkedKillsResult> {
  let result: LinkedKillsResult | undefined
  await onThreeBrokers(async kafka => {
    result = await linkedKills({ ...chainOf('flink'), bootstrap: kafka.bootstrap, brokers: kafka.brokers, kills, seed })
  })
  if (result === undefined) throw new Error('it has not run')
  return result
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { kills, seed } = parseArgs({ options: { kills: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } } }).values
  const turns = Math.ceil(Number(kills) / 10)
  const started = performance.now()
  const { sent, accounts } = await flinkBrokerLoop(Array.from({ length: turns }, () => TURN).flat(), Number(seed))
  console.log(JSON.stringify({ brokerKills: 10 * turns, processKills: 10 * turns, seconds: Math.round((performance.now() - started) / 1000), sent, accounts }))
}
