import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCompression } from '../wire/compression.ts'
import { errorName, kafkaCodeOf } from '../wire/error-codes.ts'
import { simEnv } from '../testing/sim/sim.ts'
import type { Sim } from '../testing/sim/sim.ts'
import { appendMarker, appendRecords, batchOf, NOW_MS, openLog, openManager, readAll } from '../../test/support/log-batches.ts'
import type { PartitionLog } from './partition-log.ts'
import { decodeKafkaSnapshot, decodeProducers, encodeKafkaSnapshot, encodeProducers } from './producer-snapshot.ts'
import { advanceSequence } from './producer-state.ts'
import type { LogConfig } from './types.ts'

await loadCompression()

async function fresh(config: Partial<LogConfig> = {}): Promise<{ readonly sim: Sim; readonly log: PartitionLog }> {
  const { sim, env } = simEnv({ seed: 1 })
  const manager = await sim.run(openManager(env))
  return { sim, log: await sim.run(openLog(manager, config)) }
}

function refused(run: () => unknown, name: string): void {
  assert.throws(run, (error: unknown) => {
    assert.equal(errorName(kafkaCodeOf(error) ?? 0), name, String(error))
    return true
  })
}

const send = (log: PartitionLog, baseSequence: number, options: { epoch?: number; count?: number; transactional?: boolean; producerId?: number } = {}): ReturnType<typeof appendRecords> =>
  appendRecords(log, Array.from({ length: options.count ?? 1 }, (_, index) => ({ key: 'k', value: `${baseSequence + index}` })), {
    producerId: options.producerId ?? 9, producerEpoch: options.epoch ?? 0, baseSequence, transactional: options.transactional ?? false,
  })

test('an exact repeat of one of the last five batches is answered with its offset and not appended', async () => {
  const { log } = await fresh()
  for (let sequence = 0; sequence < 14; sequence += 2) send(log, sequence, { count: 2 })
  for (let sequence = 4; sequence < 14; sequence += 2) assert.deepEqual(send(log, sequence, { count: 2 }), { baseOffset: sequence, lastOffset: sequence + 1, appendTimeMs: NOW_MS, duplicate: true })
  refused(() => send(log, 2, { count: 2 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  refused(() => send(log, 12, { count: 1 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  assert.equal(log.logEndOffset, 14)
})

test('a gap in sequence is OUT_OF_ORDER_SEQUENCE_NUMBER, and nothing is written', async () => {
  const { log } = await fresh()
  send(log, 0)
  refused(() => send(log, 2), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  assert.equal(log.logEndOffset, 1)
})

test('sequences wrap from 2^31 - 1 to 0', async () => {
  assert.equal(advanceSequence(0x7fff_ffff, 1), 0)
  assert.equal(advanceSequence(0x7fff_fffe, 3), 1)
  const { log } = await fresh()
  send(log, 0x7fff_fffe, { count: 3 })
  assert.equal(send(log, 0x7fff_fffe, { count: 3 }).duplicate, true)
  assert.equal(send(log, 1).baseOffset, 3)
})

test('a new epoch begins at sequence 0; an older one is INVALID_PRODUCER_EPOCH', async () => {
  const { log } = await fresh()
  send(log, 0, { epoch: 3 })
  refused(() => send(log, 1, { epoch: 4 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  send(log, 0, { epoch: 4 })
  refused(() => send(log, 1, { epoch: 3 }), 'INVALID_PRODUCER_EPOCH')
})

test('a producer of which nothing is known may begin anywhere, as after retention (KIP-360)', async () => {
  const { log } = await fresh()
  assert.equal(send(log, 77).baseOffset, 0)
  refused(() => send(log, 79), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
})

test('a plain batch inside of an open transaction is INVALID_TXN_STATE', async () => {
  const { log } = await fresh()
  send(log, 0, { transactional: true })
  refused(() => send(log, 1), 'INVALID_TXN_STATE')
})

test('opening a transaction asks the coordinator, once per transaction', async () => {
  const { log } = await fresh()
  const asked: number[] = []
  const append = (baseSequence: number, answer: string | undefined): unknown => log.append(batchOf([{ key: 'k', value: 'v' }], { producerId: 9, producerEpoch: 0, baseSequence, transactional: true }), {
    origin: 'client', verifyTransaction: ({ producerId }) => {
      asked.push(producerId)
      return answer
    },
  })
  refused(() => append(0, 'INVALID_TXN_STATE'), 'INVALID_TXN_STATE')
  assert.equal(log.logEndOffset, 0)
  append(0, undefined)
  append(1, undefined)
  assert.deepEqual(asked, [9, 9])
  appendMarker(log, 'commit', { producerId: 9 })
  append(2, undefined)
  assert.equal(asked.length, 3)
})

test('the last stable offset waits for the first open transaction, and for its marker to be durable', async () => {
  const { sim, log } = await fresh()
  send(log, 0)
  send(log, 0, { producerId: 10, transactional: true })
  send(log, 1)
  await sim.run(log.flushed(3))
  assert.deepEqual([log.highWatermark, log.lastStableOffset], [3, 1])
  appendMarker(log, 'commit', { producerId: 10 })
  assert.equal(log.lastStableOffset, 1, 'the marker is not durable yet')
  await sim.run(log.flushed(4))
  assert.equal(log.lastStableOffset, 4)
})

test('a committed reader gets no aborted record, over segments, and the list names the transaction from every one of them', async () => {
  const { sim, log } = await fresh({ segmentBytes: 400 })
  for (let index = 0; index < 10; index++) {
    send(log, index, { producerId: 10, transactional: true })
    send(log, index, { producerId: 11, transactional: true })
    send(log, index)
  }
  appendMarker(log, 'abort', { producerId: 10 })
  appendMarker(log, 'commit', { producerId: 11 })
  await sim.run(log.flushed(32))
  assert.ok(log.segments.length > 4)
  for (let from = 0; from < 30; from += 3) {
    const result = log.read({ offset: from, bytesMax: 200, isolation: 'committed', minOneBatch: true })
    assert.deepEqual(result.abortedTransactions, [{ producerId: 10, firstOffset: 0 }])
  }
  assert.deepEqual(new Set(readAll(log, { isolation: 'committed' }).map(record => record.producerId)), new Set([9, 11]))
  assert.equal(readAll(log, { isolation: 'committed' }).length, 20)
  assert.equal(log.read({ offset: 0, bytesMax: 200, isolation: 'uncommitted', minOneBatch: true }).abortedTransactions, null)
})

test('TV1: a marker needs at least the current epoch; TV2: a higher one, and the next batch begins at 0 under it', async () => {
  const { log } = await fresh()
  send(log, 0, { epoch: 5, transactional: true })
  refused(() => appendMarker(log, 'commit', { producerId: 9, producerEpoch: 4 }), 'INVALID_PRODUCER_EPOCH')
  refused(() => appendMarker(log, 'commit', { producerId: 9, producerEpoch: 5 }, 2), 'INVALID_PRODUCER_EPOCH')
  appendMarker(log, 'commit', { producerId: 9, producerEpoch: 6 }, 2)
  appendMarker(log, 'commit', { producerId: 9, producerEpoch: 6 }, 2)
  refused(() => send(log, 1, { epoch: 5, transactional: true }), 'INVALID_PRODUCER_EPOCH')
  send(log, 0, { epoch: 6, transactional: true })
  refused(() => appendMarker(log, 'abort', { producerId: 9, producerEpoch: 6 }, 2), 'INVALID_PRODUCER_EPOCH')
  appendMarker(log, 'commit', { producerId: 9, producerEpoch: 6 }, 1)
})

test('a marker of an older coordinator is fenced', async () => {
  const { log } = await fresh()
  send(log, 0, { transactional: true })
  appendMarker(log, 'commit', { producerId: 9, coordinatorEpoch: 3 })
  refused(() => appendMarker(log, 'abort', { producerId: 9, coordinatorEpoch: 2 }), 'TRANSACTION_COORDINATOR_FENCED')
})

test('idle producers are forgotten, those with an open transaction never', async () => {
  const { sim, log } = await fresh()
  send(log, 0)
  send(log, 0, { producerId: 10, transactional: true })
  await sim.advance(1000)
  log.producerStates.expire(log.context.env.clock.now(), 1000)
  assert.deepEqual(log.producers().map(producer => producer.producerId), [10])
})

test('snapshots keep what they hold, and any flipped byte makes them void', async () => {
  const { log } = await fresh()
  for (let sequence = 0; sequence < 7; sequence++) send(log, sequence)
  send(log, 0, { producerId: 10, transactional: true })
  const entries = [...log.producerStates.entries()]
  const nowMs = entries[0]?.seenMs ?? 0
  assert.deepEqual(decodeProducers(encodeProducers(entries), nowMs), entries)
  const kafka = decodeKafkaSnapshot(encodeKafkaSnapshot(entries), nowMs)
  assert.deepEqual(kafka?.map(entry => [entry.producerId, entry.epoch, entry.batches.at(-1)?.lastSequence, entry.transactionFirstOffset]), [[9, 0, 6, -1], [10, 0, 0, 7]])
  for (const [bytes, decode] of [[encodeProducers(entries), decodeProducers], [encodeKafkaSnapshot(entries), decodeKafkaSnapshot]] as const) {
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      assert.equal(decode(flipped, 0), undefined, `byte ${at}`)
    }
    assert.equal(decode(bytes.subarray(0, bytes.length - 1), 0), undefined)
  }
})
