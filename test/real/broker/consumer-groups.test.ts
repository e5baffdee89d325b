/** Groups of the new protocol (KIP-848) with the Java consumer and the tools of Apache Kafka 4.1. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { realEnv } from '../../../src/env/real/env.ts'
import { produce } from '../../../src/wire/apis/00-produce.ts'
import { createTopics } from '../../../src/wire/apis/19-create-topics.ts'
import { startBroker } from '../../support/broker.ts'
import type { BrokerProcess } from '../../support/broker.ts'
import { kafkaTool } from '../../support/kafka.ts'
import { KAFKA_JARS, need, ROOT } from '../../support/need.ts'
import { mustRun, startProcess } from '../../support/processes.ts'
import type { Started } from '../../support/processes.ts'
import { textBatch, WireClient } from '../../support/wire-client.ts'

need('kafka')

const MEMBERS_MS_MAX = 60_000
let broker: BrokerProcess
let client: WireClient
const classes = mkdtempSync(join(tmpdir(), 'millrace-members-'))

before(async () => {
  const compiled = mustRun('javac', ['-d', classes, '-cp', `${KAFKA_JARS}/*`, join(ROOT, 'test/real/broker/java/GroupMembers.java')])
  broker = await startBroker({ consumerSessionMs: 6000, consumerHeartbeatMs: 300 })
  client = await WireClient.connect(realEnv, broker.port)
  await compiled
})
after(async () => {
  client.close()
  await broker.remove()
  rmSync(classes, { recursive: true, force: true })
})

const create = (name: string, numPartitions: number): Promise<unknown> => client.request(createTopics, 7, { topics: [{ name, numPartitions, replicationFactor: 1 }], timeoutMs: 10_000 })
const javaMembers = (...members: readonly string[]): Started => startProcess('java', ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-cp', `${classes}:${KAFKA_JARS}/*`, 'GroupMembers', broker.bootstrap, ...members])

async function send(topic: string, partition: number, values: readonly string[]): Promise<void> {
  const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: topic, partitionData: [{ index: partition, records: textBatch(values, undefined, Date.now()) }] }] })
  assert.equal(answer.responses[0]?.partitionResponses[0]?.errorCode, 0)
}

/** What the member last said it has. */
function has(member: Started, name: string): string[] {
  const lines = [...member.stdout().matchAll(new RegExp(`^${name} has(.*)$`, 'gm'))]
  return (lines.at(-1)?.[1] ?? '').trim().split(' ').filter(partition => partition !== '')
}

async function until(what: string, holds: () => boolean, members: readonly Started[]): Promise<void> {
  const deadline = Date.now() + MEMBERS_MS_MAX
  while (!holds()) {
    if (Date.now() > deadline) assert.fail(`${what} did not come true\n${members.map(member => `${member.stdout().slice(-2000)}${member.stderr().slice(-2000)}`).join('\n')}\n${broker.log()}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const reads = (member: Started, name: string): string[] => [...member.stdout().matchAll(new RegExp(`^${name} read (\\S+ \\S+)$`, 'gm'))].flatMap(match => match[1] ?? [])

test('Java: two members share, an expression finds new topics, a killed member is replaced, a killed broker is not noticed', async () => {
  await create('kip', 4)
  const first = javaMembers('a shared kip uniform', 'r patterned ~ki.* range')
  await until('a has all', () => has(first, 'a').length === 4 && has(first, 'r').length === 4, [first])
  const second = javaMembers('b shared kip uniform')
  await until('each has half', () => has(first, 'a').length === 2 && has(second, 'b').length === 2, [first, second])
  assert.deepEqual([...has(first, 'a'), ...has(second, 'b')].sort(), ['kip-0', 'kip-1', 'kip-2', 'kip-3'])
  for (const partition of [0, 1, 2, 3]) await send('kip', partition, ['x', 'y'])
  await until('all is read', () => reads(first, 'a').length + reads(second, 'b').length === 8, [first, second])
  await create('kip-2', 2)
  await until('the new topic is found', () => has(first, 'r').length === 6, [first])
  const described = await kafkaTool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', ['--bootstrap-server', broker.bootstrap, '--describe', '--group', 'shared', '--members', '--verbose'])
  assert.match(described.stdout, /shared\s+\S+\s+\/127.0.0.1\s+a\s+2/, described.stderr)
  await second.kill('SIGKILL')
  await until('a has all again', () => has(first, 'a').length === 4, [first])
  const changes = (): number => [...first.stdout().matchAll(/^a (?:assigned|revoked|lost)/gm)].length
  const before = changes()
  await broker.kill()
  await broker.start()
  client = await WireClient.connect(realEnv, broker.port)
  for (const partition of [0, 1, 2, 3]) await send('kip', partition, ['after'])
  await until('what came after is read', () => reads(first, 'a').filter(line => line.endsWith(' after')).length === 4, [first])
  assert.equal(changes(), before, 'no rebalance for a restart of the broker')
  const ended = first.exited
  first.child.stdin?.end()
  assert.equal((await ended).exitCode, 0, first.stderr())
  assert.match(first.stdout(), /^a left$/m)
  assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
})
