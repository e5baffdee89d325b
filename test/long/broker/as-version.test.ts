/** One broker as three releases: the Java clients of Apache Kafka 4.1 and librdkafka of today produce, join groups and run transactions against each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KAFKA_VERSIONS } from '../../../src/broker/as-version.ts'
import { startBroker } from '../../support/broker.ts'
import { kafkaTool } from '../../support/kafka.ts'
import { need, PYTHON_PACKAGES } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('kafka', 'python')

const SCRIPT = `
import json, os
from confluent_kafka import Consumer, Producer
bootstrap = {'bootstrap.servers': os.environ['BOOTSTRAP']}
producer = Producer({**bootstrap, 'transactional.id': 'py', 'compression.type': 'zstd'})
producer.init_transactions(20)
for round_ in range(4):
    producer.begin_transaction()
    for i in range(25): producer.produce('py', value=str(round_ * 25 + i))
    producer.abort_transaction(20) if round_ == 2 else producer.commit_transaction(20)
consumer = Consumer({**bootstrap, 'group.id': 'py', 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed'})
consumer.subscribe(['py'])
values = []
while len(values) < 75:
    m = consumer.poll(20)
    if m is None: break
    if m.error() is None: values.append(int(m.value()))
consumer.close()
print(json.dumps(sorted(values)))
`

for (const asVersion of KAFKA_VERSIONS) {
  test(`as ${asVersion}`, async () => {
    const broker = await startBroker({ asVersion })
    try {
      const tool = async (name: string, args: readonly string[], input?: string): Promise<string> => {
        const ran = await kafkaTool(`org.apache.kafka.tools.${name}`, args, { input })
        assert.equal(ran.exitCode, 0, `${name}\n${ran.stdout}\n${ran.stderr}`)
        return ran.stdout
      }
      const numbers = Array.from({ length: 200 }, (_, index) => String(index))
      await tool('ConsoleProducer', ['--bootstrap-server', broker.bootstrap, '--topic', 'in', '--request-timeout-ms', '60000'], numbers.join('\n'))
      const read = await tool('consumer.ConsoleConsumer', ['--bootstrap-server', broker.bootstrap, '--topic', 'in', '--group', 'console', '--from-beginning', '--max-messages', '200'])
      assert.deepEqual(read.trim().split('\n'), numbers)
      await tool('TopicCommand', ['--bootstrap-server', broker.bootstrap, '--create', '--topic', 'out'])
      await tool('TransactionalMessageCopier', ['--broker-list', broker.bootstrap, '--input-topic', 'in', '--input-partition', '0', '--output-topic', 'out', '--transactional-id', 'tx', '--consumer-group', 'copier', '--transaction-size', '20', '--max-messages', '200', '--enable-random-aborts'])
      const copied = await tool('consumer.ConsoleConsumer', ['--bootstrap-server', broker.bootstrap, '--topic', 'out', '--from-beginning', '--isolation-level', 'read_committed', '--max-messages', '200'])
      assert.deepEqual(copied.trim().split('\n'), numbers)
      assert.match(await tool('consumer.group.ConsumerGroupCommand', ['--bootstrap-server', broker.bootstrap, '--describe', '--group', 'console']), /console\s+in\s+0\s+200\s+200\s+0/)
      const ran = await mustRun('python3', ['-c', SCRIPT], { env: { BOOTSTRAP: broker.bootstrap, PYTHONPATH: PYTHON_PACKAGES }, timeoutMs: 120_000 })
      assert.deepEqual(JSON.parse(ran.stdout.trim()), [...Array.from({ length: 50 }, (_, index) => index), ...Array.from({ length: 25 }, (_, index) => 75 + index)])
      assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
    } finally {
      await broker.remove()
    }
  })
}
