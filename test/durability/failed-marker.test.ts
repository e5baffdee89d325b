import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Broker } from '../../src/broker/broker.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import { WireClient } from '../support/wire-client.ts'
import { loadCompression } from '../../src/wire/compression.ts'
import { addPartitions, end, initProducer, makeTopic, send } from './wire-steps.ts'

await loadCompression()

test('a disk that fails between two markers of a transaction stops the broker, and throws at nobody', async () => {
  const thrown: unknown[] = []
  const note = (error: unknown): void => void thrown.push(error)
  process.on('unhandledRejection', note)
  try {
    const sim = new Sim({ seed: 1 })
    const broker = await sim.run(Broker.start(sim.process('broker').env, { directory: '/data', port: 9092 }))
    const client = await sim.run(WireClient.connect(sim.process('client').env, 9092))
    await sim.run(makeTopic(client, 'moved', 2))
    const producer = await sim.run(initProducer(client, 'mover'))
    await sim.run(addPartitions(client, 'mover', producer, 'moved', [0, 1]))
    for (const partition of [0, 1]) await sim.run(send(client, 'moved', partition, ['value'], { ...producer, baseSequence: 0, transactional: true }, 'mover'))
    sim.disk.fault = operation => operation.kind === 'write' && operation.path.includes('/moved-1/') ? 'EIO' : undefined
    let ended = false
    void end(client, 'mover', producer, true).catch(() => {}).finally(() => { ended = true })
    assert.equal((await sim.run(broker.failed)).code, 'DISK_FAILED')
    await sim.runUntil(() => ended, { what: 'the client hears of it' })
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(thrown, [])
  } finally {
    process.off('unhandledRejection', note)
  }
})
