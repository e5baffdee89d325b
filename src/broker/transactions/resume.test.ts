/** What Flink's exactly-once sink does after a restart: it ends a transaction of which it knows id, producer id and epoch, and nothing more. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Sim } from '../../testing/sim/sim.ts'
import { produce } from '../../wire/apis/00-produce.ts'
import { listOffsets } from '../../wire/apis/02-list-offsets.ts'
import { createTopics } from '../../wire/apis/19-create-topics.ts'
import { initProducerId } from '../../wire/apis/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../../wire/apis/24-add-partitions-to-txn.ts'
import { endTxn } from '../../wire/apis/26-end-txn.ts'
import { loadCompression } from '../../wire/compression.ts'
import { errorName } from '../../wire/error-codes.ts'
import { readPartition, textBatch, WireClient } from '../../../test/support/wire-client.ts'
import { Broker } from '../broker.ts'

before(() => loadCompression())

async function start(sim: Sim): Promise<WireClient> {
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/data', port: 9092 }))
  return sim.run(WireClient.connect(sim.process('client').env, 9092))
}

for (const version of [1, 2] as const) {
  for (const committed of [true, false]) {
    test(`version ${version}: after a power cut an open transaction is ${committed ? 'committed' : 'aborted'} by its owner, without InitProducerId`, async () => {
      const sim = new Sim({ seed: version })
      const client = await start(sim)
      const run = sim.run.bind(sim)
      await run(client.request(createTopics, 7, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1 }] }))
      const { producerId, producerEpoch } = await run(client.request(initProducerId, 4, { transactionalId: 'sink-1', transactionTimeoutMs: 600_000 }))
      if (version === 1) await run(client.request(addPartitionsToTxn, 3, { v3AndBelowTransactionalId: 'sink-1', v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: [{ name: 't', partitions: [0] }] }))
      const records = textBatch(['a', 'b'], { producerId, producerEpoch, baseSequence: 0, transactional: true })
      const sent = await run(client.request(produce, version === 1 ? 9 : 12, { transactionalId: 'sink-1', acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] }))
      assert.equal(sent.responses[0]?.partitionResponses[0]?.errorCode, 0)
      sim.powerCut()
      const again = await start(sim)
      const stable = async (): Promise<number | undefined> => (await run(again.request(listOffsets, 7, { isolationLevel: 1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }))).topics[0]?.partitions[0]?.offset
      assert.equal(await stable(), 0, 'it is open still')
      const ended = await run(again.request(endTxn, version === 1 ? 3 : 5, { transactionalId: 'sink-1', producerId, producerEpoch, committed }))
      assert.equal(errorName(ended.errorCode), 'NONE')
      // Version 1 answers with the decision; the markers follow.
      await sim.advance(1000)
      assert.deepEqual(await run(readPartition(again, 't', 1)), committed ? ['a', 'b'] : [])
      assert.equal(await stable(), 3)
      const retried = await run(again.request(endTxn, version === 1 ? 3 : 5, { transactionalId: 'sink-1', producerId, producerEpoch, committed }))
      assert.equal(errorName(retried.errorCode), 'NONE', 'and the same end once more')
    })
  }
}
