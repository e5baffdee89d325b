/** aiokafka (Python, asyncio) against the embedded broker: every codec, a group of two, transactions with offsets, admin. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import { need, PYTHON_PACKAGES } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('python')

const SCRIPT = `
import asyncio, json, os
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
server = os.environ['BOOTSTRAP']

async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=server, client_id='aiokafka')
    await admin.start()
    await admin.create_topics([NewTopic('aio', 4, 1), NewTopic('aio-out', 1, 1)])
    for codec in [None, 'gzip', 'snappy', 'lz4', 'zstd']:
        producer = AIOKafkaProducer(bootstrap_servers=server, compression_type=codec, enable_idempotence=True)
        await producer.start()
        await asyncio.gather(*[producer.send_and_wait('aio', f'{codec}-{i}'.encode(), key=f'{i}'.encode()) for i in range(100)])
        await producer.stop()
    read, consumers = {}, []
    async def consume(consumer):
        async for message in consumer:
            codec = message.value.decode().split('-')[0]
            read[codec] = read.get(codec, 0) + 1
    for n in range(2):
        consumer = AIOKafkaConsumer('aio', bootstrap_servers=server, group_id='aio-group', auto_offset_reset='earliest', session_timeout_ms=10000)
        await consumer.start()
        consumers.append(consumer)
    tasks = [asyncio.create_task(consume(consumer)) for consumer in consumers]
    while sum(read.values()) < 500 or any(len(consumer.assignment()) != 2 for consumer in consumers):
        await asyncio.sleep(0.05)
    shares = sorted(len(consumer.assignment()) for consumer in consumers)
    for task in tasks: task.cancel()
    for consumer in consumers: await consumer.stop()
    producer = AIOKafkaProducer(bootstrap_servers=server, transactional_id='aio-tx')
    await producer.start()
    for kind, offset in [('committed', 7), ('aborted', 9)]:
        await producer.begin_transaction()
        await producer.send('aio-out', f'{kind}'.encode())
        await producer.send_offsets_to_transaction({TopicPartition('aio', 0): offset}, 'aio-tx-group')
        await (producer.commit_transaction() if kind == 'committed' else producer.abort_transaction())
    await producer.stop()
    plain = AIOKafkaProducer(bootstrap_servers=server)
    await plain.start()
    await plain.send_and_wait('aio-out', b'end')
    await plain.stop()
    reader = AIOKafkaConsumer('aio-out', bootstrap_servers=server, isolation_level='read_committed', auto_offset_reset='earliest')
    await reader.start()
    values = []
    async for message in reader:
        values.append(message.value.decode())
        if values[-1] == 'end': break
    await reader.stop()
    offsets = await admin.list_consumer_group_offsets('aio-tx-group')
    groups = sorted(group for group, _ in await admin.list_consumer_groups())
    await admin.delete_topics(['aio'])
    await admin.close()
    print(json.dumps({'read': read, 'shares': shares, 'values': values, 'offset': offsets[TopicPartition('aio', 0)].offset, 'groups': groups}))

asyncio.run(asyncio.wait_for(main(), 90))
`

test('every codec in a group of two, transactions with offsets', async () => {
  const broker = await startBroker()
  try {
    const ran = await mustRun('python3', ['-c', SCRIPT], { env: { BOOTSTRAP: broker.bootstrap, PYTHONPATH: PYTHON_PACKAGES }, timeoutMs: 120_000 })
    const { read, shares, values, offset, groups }: { read: Record<string, number>; shares: number[]; values: string[]; offset: number; groups: string[] } = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '{}')
    // The second member takes over what the first had read and not yet committed, so some may be read twice; nothing is left out.
    for (const codec of ['None', 'gzip', 'snappy', 'lz4', 'zstd']) assert.ok((read[codec] ?? 0) >= 100, `${codec}: ${read[codec]}`)
    assert.deepEqual({ shares, values, offset, groups }, { shares: [2, 2], values: ['committed', 'end'], offset: 7, groups: ['aio-group', 'aio-tx-group'] })
    assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
  } finally {
    await broker.remove()
  }
})
