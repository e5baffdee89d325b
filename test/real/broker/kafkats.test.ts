/** @kafkats/client against the embedded broker: gzip, a group with its offsets, transactions committed and aborted. It runs from its own install, on Node 24. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import { need, NODE_24, OTHER_CLIENTS } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('clients', 'node24')

const SCRIPT = `
import { KafkaClient } from '@kafkats/client'
const client = new KafkaClient({ clientId: 'kafkats', brokers: [process.env.BOOTSTRAP] })
await client.connect()
const admin = client.admin()
await admin.createTopics([{ name: 'kts', numPartitions: 3, replicationFactor: 1 }])
for (const compression of ['none', 'gzip']) {
  const producer = client.producer({ compression, idempotent: true })
    await producer.send('kts', Array.from({ length: 100 }, (_, index) => ({ key: compression + index, value: Buffer.from(compression + '-' + index) })))
  await producer.disconnect()
}
const producer = client.producer({ transactionalId: 'kts-tx' })
await producer.transaction(async tx => { await tx.send('kts', [{ key: 'a', value: Buffer.from('committed-0') }, { key: 'b', value: Buffer.from('committed-1') }]) })
const aborted = await producer.transaction(async tx => {
  await tx.send('kts', [{ key: 'a', value: Buffer.from('aborted-0') }])
  throw new Error('on purpose')
}).then(() => 'not aborted', error => String(error?.cause?.message ?? error.message))
await producer.disconnect()
const read = {}
const consumer = client.consumer({ groupId: 'kts-group', autoOffsetReset: 'earliest' })
let count = 0
for await (const { message } of consumer.stream('kts')) {
  const value = message.value.toString()
  read[value.split('-')[0]] = (read[value.split('-')[0]] ?? 0) + 1
  if (++count === 202) break
}
consumer.stop()
const groups = (await admin.listGroups()).map(group => group.groupId)
console.log(JSON.stringify({ read, aborted, groups }))
process.exit(0)
`

test('idempotent produce, a group, transactions: what is aborted is not read', async () => {
  const broker = await startBroker()
  try {
    const ran = await mustRun(NODE_24, ['--input-type=module', '-e', SCRIPT], { cwd: OTHER_CLIENTS, env: { BOOTSTRAP: broker.bootstrap }, timeoutMs: 90_000 })
    const { read, aborted, groups }: { read: unknown; aborted: string; groups: string[] } = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '{}')
    assert.deepEqual(read, { none: 100, gzip: 100, committed: 2 })
    assert.match(aborted, /on purpose/)
    assert.deepEqual(groups, ['kts-group'])
    assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
  } finally {
    await broker.remove()
  }
})
