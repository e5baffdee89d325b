/** librdkafka of today, through confluent-kafka for Python: transactions of version 1, consumer groups, admin. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import { need, PYTHON_PACKAGES } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('python')

const SCRIPT = `
import json, os, time
from confluent_kafka import Consumer, Producer, TopicPartition, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic, ConfigResource
bootstrap = {'bootstrap.servers': os.environ['BOOTSTRAP']}
admin = AdminClient(bootstrap)
for future in admin.create_topics([NewTopic('in', 3, 1), NewTopic('out', 1, 1)]).values(): future.result()
source = Producer({**bootstrap, 'enable.idempotence': True, 'compression.type': 'zstd'})
for i in range(900): source.produce('in', key=str(i % 50), value=str(i))
assert source.flush(20) == 0
consumer = Consumer({**bootstrap, 'group.id': 'copy', 'auto.offset.reset': 'earliest', 'enable.auto.commit': False, 'isolation.level': 'read_committed'})
consumer.subscribe(['in'])
producer = Producer({**bootstrap, 'transactional.id': 'py', 'transaction.timeout.ms': 30000})
producer.init_transactions(20)
copied, round_, deadline = 0, 0, time.time() + 60
while copied < 900 and time.time() < deadline:
    messages = [m for m in consumer.consume(60, 0.5) if m.error() is None]
    if not messages: continue
    producer.begin_transaction()
    for m in messages: producer.produce('out', value=m.value())
    producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 20)
    round_ += 1
    if round_ % 4 == 3:
        producer.abort_transaction(20)
        for position in consumer.committed(consumer.assignment(), 20):
            position.offset = max(position.offset, 0)
            consumer.seek(position)
    else:
        producer.commit_transaction(20)
        copied += len(messages)
zombie = Producer({**bootstrap, 'transactional.id': 'py'})
zombie.init_transactions(20)
fenced = False
try:
    producer.begin_transaction(); producer.produce('out', value=b'zombie'); producer.commit_transaction(20)
except KafkaException as error:
    fenced = error.args[0].fatal() or 'FENCED' in str(error) or 'epoch' in str(error)
reader = Consumer({**bootstrap, 'group.id': 'check', 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed', 'enable.partition.eof': True})
reader.assign([TopicPartition('out', 0, 0)])
values = []
while True:
    m = reader.poll(10)
    if m is None or m.error() is not None: break
    values.append(int(m.value()))
reader.close(); consumer.close()
groups = [g.group_id for g in admin.list_consumer_groups().result().valid]
config = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, 'in')])
names = len(list(config.values())[0].result())
print(json.dumps({'values': sorted(values), 'fenced': bool(fenced), 'groups': sorted(groups), 'configs': names}))
`

test('consume, transform and produce in transactions with aborts: exact; a zombie is fenced', async () => {
  const broker = await startBroker()
  try {
    const ran = await mustRun('python3', ['-c', SCRIPT], { env: { BOOTSTRAP: broker.bootstrap, PYTHONPATH: PYTHON_PACKAGES }, timeoutMs: 120_000 })
    const result: { values: number[]; fenced: boolean; groups: string[]; configs: number } = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '{}')
    assert.deepEqual(result.values, Array.from({ length: 900 }, (_, index) => index))
    assert.equal(result.fenced, true)
    assert.ok(result.groups.includes('copy'))
    assert.equal(result.configs, 33)
    assert.doesNotMatch(broker.log(), /malformed|request failed/)
  } finally {
    await broker.remove()
  }
})
