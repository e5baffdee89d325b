/**
 * Engines whose jobs are exactly once by Kafka's transactions, on the embedded broker's: killed and recounted as in `test/real/engines` on Apache Kafka. Then the
 * broker itself is killed with SIGKILL: alone, and with processes of the engine that so have to come back from what they kept, at a broker that has restarted.
 */
import { test } from 'node:test'
import type { JobRequest } from '../../../src/http/job-request.ts'
import { connectKills } from '../../support/connect-kills.ts'
import { chainOf, onEmbedded, onKillableEmbedded } from '../../support/linked-chains.ts'
import { type BrokerKill, linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('engines', 'python')

const scale = (instances: number): JobRequest => ({ name: 'count', action: { kind: 'scale', instances } })

test('a Flink SQL job, its task manager and its job manager killed like the tasks before it', () => onEmbedded(async bootstrap => {
  await linkedKills({ ...chainOf('flink'), bootstrap, kills: ['count-taskmanager', 'tasks-1', 'count-jobmanager'] })
}))

test('two instances of a Kafka Streams application, killed like the tasks before them', () => onEmbedded(async bootstrap => {
  await linkedKills({ ...chainOf('kafka-streams'), bootstrap, kills: ['count-1', 'tasks-1', 'count-2'] })
}))

const brokerAnd = (...meanwhile: readonly string[]): BrokerKill => ({ brokers: [1], meanwhile })

test('the broker is killed under a Flink SQL job, alone and with its task manager and its job manager: back from the checkpoint, every click once, every count right', () => onKillableEmbedded(async cluster => {
  await linkedKills({ ...chainOf('flink'), ...cluster, kills: [brokerAnd(), brokerAnd('count-taskmanager'), brokerAnd('tasks-1'), brokerAnd('count-jobmanager'), brokerAnd()] })
}))

test('the broker is killed under two instances of Kafka Streams, alone and with each of them: every click once, every count right', () => onKillableEmbedded(async cluster => {
  await linkedKills({ ...chainOf('kafka-streams'), ...cluster, kills: [brokerAnd(), brokerAnd('count-1'), brokerAnd('tasks-1'), brokerAnd('count-1', 'count-2'), brokerAnd()] })
}))

test('Kafka Streams rescaled from two to three to one, and killed, while clicks flow through it: every click once, every count right', () => onEmbedded(async bootstrap => {
  await linkedKills({ ...chainOf('kafka-streams'), bootstrap, kills: [scale(3), 'count-3', scale(1)], clients: ['node'] })
}))

test('file → topic → task → topic → file: each worker of Kafka Connect is killed, and nothing is lost', () => onEmbedded(connectKills))
