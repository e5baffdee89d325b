/** A group of the new protocol (KIP-848) with librdkafka of today, through confluent-kafka for Python. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realEnv } from '../../../src/env/real/env.ts'
import { produce } from '../../../src/wire/apis/00-produce.ts'
import { createTopics } from '../../../src/wire/apis/19-create-topics.ts'
import { startBroker } from '../../support/broker.ts'
import { need, PYTHON_PACKAGES } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'
import { textBatch, WireClient } from '../../support/wire-client.ts'

need('python')

const SCRIPT = `
import json, os, sys, time
from confluent_kafka import Consumer, ConsumerGroupType, TopicPartition
from confluent_kafka.admin import AdminClient
config = {'bootstrap.servers': os.environ['BOOTSTRAP'], 'group.id': 'py', 'group.protocol': 'consumer', 'auto.offset.reset': 'earliest', 'enable.auto.commit': False}
def poll(members, done):
    deadline = time.time() + 40
    while not done() and time.time() < deadline:
        for member, name in members:
            m = member.poll(0.1)
            if m is not None and m.error() is None: got.append([name, m.value().decode()]); member.commit(m, asynchronous=False)
    assert done(), (got, [len(member.assignment()) for member, _ in members])
got = []
one = Consumer(config); one.subscribe(['py'])
poll([(one, 'one')], lambda: len(one.assignment()) == 4 and len(got) == 4)
two = Consumer({**config, 'group.remote.assignor': 'range'}); two.subscribe(['^p.*'])
poll([(one, 'one'), (two, 'two')], lambda: len(one.assignment()) == 2 and len(two.assignment()) == 2)
shared = sorted(p.partition for c in (one, two) for p in c.assignment())
admin = AdminClient({'bootstrap.servers': os.environ['BOOTSTRAP']})
listed = [(g.group_id, g.type.name) for g in admin.list_consumer_groups(types={ConsumerGroupType.CONSUMER}).result().valid]
group = admin.describe_consumer_groups(['py'])['py'].result()
one.close()
poll([(two, 'two')], lambda: len(two.assignment()) == 4)
committed = [p.offset for p in two.committed([TopicPartition('py', i) for i in range(4)], 10)]
two.close()
print(json.dumps({'shared': shared, 'got': len(got), 'listed': listed, 'members': len(group.members), 'type': group.type.name, 'state': group.state.name, 'committed': committed}))
`

test('librdkafka: join, share with an expression, leave; commits under the member epoch', async () => {
  const broker = await startBroker({ consumerSessionMs: 6000, consumerHeartbeatMs: 300 })
  const client = await WireClient.connect(realEnv, broker.port)
  await client.request(createTopics, 7, { topics: [{ name: 'py', numPartitions: 4, replicationFactor: 1 }], timeoutMs: 10_000 })
  const partitionData = [0, 1, 2, 3].map(index => ({ index, records: textBatch(['v'], undefined, Date.now()) }))
  await client.request(produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'py', partitionData }] })
  client.close()
  const ran = await mustRun('python3', ['-c', SCRIPT], { env: { BOOTSTRAP: broker.bootstrap, PYTHONPATH: PYTHON_PACKAGES }, timeoutMs: 120_000 })
  const result: unknown = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '{}')
  assert.deepEqual(result, { shared: [0, 1, 2, 3], got: 4, listed: [['py', 'CONSUMER']], members: 2, type: 'CONSUMER', state: 'STABLE', committed: [1, 1, 1, 1] }, ran.stderr)
  assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
  await broker.remove()
})
