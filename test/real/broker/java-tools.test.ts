/** The console, perf and admin tools of Apache Kafka 4.1 (its Java client: the newest versions of the protocol). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import type { BrokerProcess } from '../../support/broker.ts'
import { kafkaTool, startKafkaTool } from '../../support/kafka.ts'
import { millrace } from '../../support/millrace.ts'
import { need } from '../../support/need.ts'

need('kafka')

let broker: BrokerProcess
before(async () => { broker = await startBroker() })
after(() => broker.remove())

async function tool(name: string, args: readonly string[], input?: string): Promise<string> {
  const server = name.includes('Command') || name.includes('Console') || name.includes('ConsumerPerformance') || name === 'GetOffsetShell' ? ['--bootstrap-server', broker.bootstrap] : []
  // The console producer gives up after four tries of 1.5 s, says so in a log that nobody sees, and ends with 0.
  const patience = name === 'ConsoleProducer' ? ['--request-timeout-ms', '60000'] : []
  const ran = await kafkaTool(`org.apache.kafka.tools.${name}`, [...server, ...patience, ...args], { input })
  assert.equal(ran.exitCode, 0, `${name} ${args.join(' ')}\n${ran.stdout}\n${ran.stderr}`)
  return ran.stdout
}

test('topics: create, describe, grow, delete', async () => {
  await tool('TopicCommand', ['--create', '--topic', 'orders', '--partitions', '3', '--config', 'retention.ms=86400000', '--config', 'cleanup.policy=compact,delete'])
  const described = await tool('TopicCommand', ['--describe', '--topic', 'orders'])
  assert.match(described, /PartitionCount: 3\s+ReplicationFactor: 1/)
  assert.match(described, /cleanup.policy=compact,delete/)
  await tool('TopicCommand', ['--alter', '--topic', 'orders', '--partitions', '5'])
  assert.match(await tool('TopicCommand', ['--describe', '--topic', 'orders']), /PartitionCount: 5/)
  const refused = await kafkaTool('org.apache.kafka.tools.TopicCommand', ['--bootstrap-server', broker.bootstrap, '--create', '--topic', 'wide', '--replication-factor', '3'])
  assert.match(refused.stdout + refused.stderr, /replication factor/i)
  await tool('TopicCommand', ['--delete', '--topic', 'orders'])
  assert.doesNotMatch(await tool('TopicCommand', ['--list']), /orders/)
})

test('configs: describe, set, delete, refuse what is unknown', async () => {
  const configs = (args: readonly string[]): Promise<string> => kafkaTool('kafka.admin.ConfigCommand', ['--bootstrap-server', broker.bootstrap, ...args]).then(ran => ran.stdout + ran.stderr)
  await tool('TopicCommand', ['--create', '--topic', 'tuned'])
  assert.match(await configs(['--alter', '--entity-type', 'topics', '--entity-name', 'tuned', '--add-config', 'max.message.bytes=2000,segment.ms=60000']), /Completed/)
  assert.match(await configs(['--describe', '--entity-type', 'topics', '--entity-name', 'tuned']), /max.message.bytes=2000 .*DYNAMIC_TOPIC_CONFIG:max.message.bytes=2000, DEFAULT_CONFIG:message.max.bytes=1048588/)
  assert.match(await configs(['--alter', '--entity-type', 'topics', '--entity-name', 'tuned', '--delete-config', 'segment.ms']), /Completed/)
  assert.match(await configs(['--alter', '--entity-type', 'topics', '--entity-name', 'tuned', '--add-config', 'no.such=1']), /Unknown topic config name/)
  assert.match(await configs(['--describe', '--entity-type', 'brokers', '--entity-name', '1', '--all']), /auto.create.topics.enable=true/)
})

test('console producer and consumer in a group; the group is described, reset and deleted', async () => {
  await tool('ConsoleProducer', ['--topic', 'spoken', '--property', 'parse.key=true', '--property', 'key.separator=:'], Array.from({ length: 200 }, (_, index) => `k${index}:${index}`).join('\n'))
  const read = await tool('consumer.ConsoleConsumer', ['--topic', 'spoken', '--group', 'listeners', '--from-beginning', '--max-messages', '200'])
  assert.equal(new Set(read.trim().split('\n')).size, 200)
  assert.match(await tool('consumer.group.ConsumerGroupCommand', ['--describe', '--group', 'listeners']), /listeners\s+spoken\s+0\s+200\s+200\s+0/)
  assert.match(await tool('consumer.group.ConsumerGroupCommand', ['--list', '--state']), /listeners\s+Empty/)
  await tool('consumer.group.ConsumerGroupCommand', ['--reset-offsets', '--group', 'listeners', '--topic', 'spoken', '--to-offset', '50', '--execute'])
  assert.match(await tool('consumer.group.ConsumerGroupCommand', ['--describe', '--group', 'listeners']), /listeners\s+spoken\s+0\s+50\s+200\s+150/)
  await tool('consumer.group.ConsumerGroupCommand', ['--delete-offsets', '--group', 'listeners', '--topic', 'spoken'])
  await tool('consumer.group.ConsumerGroupCommand', ['--delete', '--group', 'listeners'])
  assert.doesNotMatch(await tool('consumer.group.ConsumerGroupCommand', ['--list']), /listeners/)
})

test('each codec, as Java packs it, is stored so and read by the Java consumer and by ours', async () => {
  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
  const valuesOf = (codec: string): string[] => Array.from({ length: 200 }, (_, index) => `${codec} ${index} ${'mill'.repeat(50)}`)
  const stored: number[] = []
  for (const codec of codecs) {
    await tool('ConsoleProducer', ['--topic', codec, '--compression-codec', codec], valuesOf(codec).join('\n'))
    const segment = readFileSync(join(broker.directory, `${codec}-0`, '00000000000000000000.log'))
    stored.push(segment.readInt16BE(21) & 7)
    if (codec === 'snappy') assert.equal(segment.toString('latin1', 62, 68), 'SNAPPY', "xerial's framing")
    const ours = await millrace(['topic', 'tail', codec, '-o', 'earliest', '-e', '-f', '%v\n', '--bootstrap', broker.bootstrap])
    assert.deepEqual(ours.stdout.trim().split('\n'), valuesOf(codec), ours.stderr)
  }
  assert.deepEqual(stored, [0, 1, 2, 3, 4])
  const theirs = await tool('consumer.ConsoleConsumer', ['--include', codecs.join('|'), '--from-beginning', '--max-messages', String(codecs.length * 200)])
  assert.deepEqual(theirs.trim().split('\n').sort(), codecs.flatMap(valuesOf).sort())
})

test('a running group shows its members, and is not deleted while it runs', async () => {
  await tool('TopicCommand', ['--create', '--topic', 'live', '--partitions', '2'])
  const consumers = [1, 2].map(() => startKafkaTool('org.apache.kafka.tools.VerifiableConsumer', ['--bootstrap-server', broker.bootstrap, '--topic', 'live', '--group-id', 'living', '--session-timeout', '10000']))
  for (const consumer of consumers) await consumer.waitFor(/partitions_assigned","partitions":\[\{/)
  const deadline = Date.now() + 90_000
  const oneEach = /living\s+\S+\s+\/127.0.0.1\s+\S+\s+1\s*\n\s*living\s+\S+\s+\/127.0.0.1\s+\S+\s+1/
  let members = ''
  while (!oneEach.test(members) && Date.now() < deadline) members = await tool('consumer.group.ConsumerGroupCommand', ['--describe', '--group', 'living', '--members'])
  assert.match(members, oneEach)
  const refused = await kafkaTool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', ['--bootstrap-server', broker.bootstrap, '--delete', '--group', 'living'])
  assert.match(refused.stdout + refused.stderr, /GroupNotEmptyException|is not empty/)
  for (const consumer of consumers) await consumer.kill('SIGTERM')
})

test('offsets, deleted records, log directories', async () => {
  await tool('ConsoleProducer', ['--topic', 'measured'], Array.from({ length: 100 }, (_, index) => String(index)).join('\n'))
  assert.match(await tool('GetOffsetShell', ['--topic', 'measured', '--time', '-1']), /measured:0:100/)
  const { writeFileSync } = await import('node:fs')
  const file = `${broker.directory}/../delete.json`
  writeFileSync(file, JSON.stringify({ partitions: [{ topic: 'measured', partition: 0, offset: 40 }], version: 1 }))
  assert.match(await tool('DeleteRecordsCommand', ['--offset-json-file', file]), /low_watermark: 40/)
  assert.match(await tool('GetOffsetShell', ['--topic', 'measured', '--time', '-2']), /measured:0:40/)
  assert.match(await tool('LogDirsCommand', ['--describe', '--topic-list', 'measured']), /"partition":"measured-0","size":[1-9]/)
})

test('transactions: copied exactly, listed, described, none hanging', async () => {
  await tool('TopicCommand', ['--create', '--topic', 'tx-out'])
  await tool('ConsoleProducer', ['--topic', 'tx-in'], Array.from({ length: 500 }, (_, index) => String(index)).join('\n'))
  const copied = await kafkaTool('org.apache.kafka.tools.TransactionalMessageCopier', ['--broker-list', broker.bootstrap, '--input-topic', 'tx-in', '--input-partition', '0', '--output-topic', 'tx-out',
    '--transactional-id', 'tx-1', '--consumer-group', 'tx-group', '--transaction-size', '50', '--max-messages', '500', '--enable-random-aborts'])
  assert.match(copied.stdout, /ShutdownComplete/, copied.stderr)
  const read = await tool('consumer.ConsoleConsumer', ['--topic', 'tx-out', '--from-beginning', '--isolation-level', 'read_committed', '--max-messages', '500'])
  assert.deepEqual(read.trim().split('\n'), Array.from({ length: 500 }, (_, index) => String(index)))
  assert.match(await tool('TransactionsCommand', ['list']), /tx-1\s+1\s+\d+\s+Complete/)
  assert.match(await tool('TransactionsCommand', ['describe', '--transactional-id', 'tx-1']), /tx-1/)
  assert.match(await tool('TransactionsCommand', ['describe-producers', '--topic', 'tx-out', '--partition', '0']), /None/)
  await tool('TransactionsCommand', ['find-hanging', '--broker-id', '1'])
})

test('perf tools: 300,000 records in, 300,000 out', async () => {
  const produced = await kafkaTool('org.apache.kafka.tools.ProducerPerformance', ['--topic', 'perf', '--num-records', '300000', '--record-size', '100', '--throughput', '-1', '--producer-props', `bootstrap.servers=${broker.bootstrap}`, 'acks=all'])
  assert.match(produced.stdout, /300000 records sent/)
  const consumed = await tool('ConsumerPerformance', ['--topic', 'perf', '--messages', '300000'])
  assert.match(consumed, /, 300000, /)
})

test('nothing was asked that is not served', () => {
  assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
})
