/** Go clients as their users have them (sarama, kafka-go, franz-go), from `go/`: topics, every codec, a group with its offsets, transactions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import { GO_CLIENTS, need } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('go')

const CODECS = { gzip: 100, lz4: 100, none: 100, snappy: 100, zstd: 100 }

async function run(client: string): Promise<unknown> {
  const broker = await startBroker()
  try {
    const ran = await mustRun(GO_CLIENTS, [client, broker.bootstrap], { timeoutMs: 120_000 })
    assert.doesNotMatch(broker.log(), /not served|malformed|request failed/)
    return JSON.parse(ran.stdout)
  } finally {
    await broker.remove()
  }
}

for (const client of ['sarama', 'franz-go']) {
  test(`${client}: every codec is read in a group, offsets are committed, an aborted transaction is not read`, async () => {
    assert.deepEqual(await run(client), { read: { ...CODECS, committed: 2 }, committed: 502, groups: [`${client}-group`], values: ['committed-0', 'committed-1'] })
  })
}

test('kafka-go: every codec is read in a group, offsets are committed', async () => {
  assert.deepEqual(await run('kafka-go'), { read: CODECS, committed: 500, groups: ['kafka-go-group'], values: null })
})
