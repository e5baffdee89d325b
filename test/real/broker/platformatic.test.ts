/** @platformatic/kafka: a client that speaks only the newer, flexible versions. It runs from its own install, in a process of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import { need, OTHER_CLIENTS } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('clients')

const SCRIPT = `
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
const bootstrapBrokers = [process.env.BOOTSTRAP]
const admin = new Admin({ clientId: 'admin', bootstrapBrokers })
await admin.createTopics({ topics: ['plt'], partitions: 3, replicas: 1 })
const producer = new Producer({ clientId: 'producer', bootstrapBrokers, serializers: stringSerializers, idempotent: true, autocreateTopics: true })
for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  if (compression === 'zstd' && !('zstdCompressSync' in (await import('node:zlib')))) continue
  const messages = Array.from({ length: 100 }, (_, index) => ({ topic: 'plt', key: compression + index, value: compression + '-' + index, headers: { h: 'x' } }))
  await producer.send({ messages, compression, acks: -1 })
}
const consumer = new Consumer({ groupId: 'plt-group', clientId: 'consumer', bootstrapBrokers, deserializers: stringDeserializers, sessionTimeout: 10000, heartbeatInterval: 500 })
const stream = await consumer.consume({ topics: ['plt'], mode: 'earliest', autocommit: true, maxWaitTime: 100 })
const expected = ('zstdCompressSync' in (await import('node:zlib')) ? 5 : 4) * 100
const values = new Set()
for await (const message of stream) {
  values.add(message.value)
  if (values.size === expected) break
}
await stream.close()
const groups = await admin.listGroups()
await consumer.close(true)
await producer.close()
await admin.deleteTopics({ topics: ['plt'] })
await admin.close()
console.log(JSON.stringify({ read: values.size, expected, groups: [...groups.keys()] }))
process.exit(0)
`

test('create, produce idempotently with each codec it has, consume in a group, delete', async () => {
  const broker = await startBroker()
  try {
    const ran = await mustRun(process.execPath, ['--input-type=module', '-e', SCRIPT], { cwd: OTHER_CLIENTS, env: { BOOTSTRAP: broker.bootstrap }, timeoutMs: 60_000 })
    const result: { read: number; expected: number; groups: string[] } = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '{}')
    assert.equal(result.read, result.expected)
    assert.deepEqual(result.groups, ['plt-group'])
    assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
  } finally {
    await broker.remove()
  }
})
