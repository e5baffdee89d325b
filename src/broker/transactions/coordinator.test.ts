import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../base/logger.ts'
import { simEnv } from '../../testing/sim/sim.ts'
import type { Sim } from '../../testing/sim/sim.ts'
import { TransactionCoordinator } from './coordinator.ts'
import type { MarkerWrite, ProducerAnswer, ProducerIdAndEpoch } from './coordinator.ts'
import { readTransactionValue, transactionValue } from './records.ts'
import type { Transaction, TransactionVersion } from './transaction.ts'

interface Fixture {
  readonly sim: Sim
  readonly coordinator: TransactionCoordinator
  readonly markers: MarkerWrite[]
  /** The state last stored for each id, as bytes. */
  readonly stored: Map<string, Buffer>
  init(expected?: ProducerIdAndEpoch, timeoutMs?: number): Promise<ProducerAnswer>
  add(producer: ProducerIdAndEpoch, version?: TransactionVersion): string
  end(producer: ProducerIdAndEpoch, committed: boolean, version?: TransactionVersion): Promise<ProducerAnswer>
  settle(): Promise<void>
}

const FLUSH_MS = 5

function fixture(transactionalIdsMax?: number): Fixture {
  const { sim, env } = simEnv({ seed: 1 })
  const stored = new Map<string, Buffer>()
  const markers: MarkerWrite[] = []
  let producerIds = 100
  const coordinator = new TransactionCoordinator({
    clock: env.clock, logger: silentLogger, transactionalIdsMax, newProducerId: () => Promise.resolve(producerIds++),
    store: (transaction: Transaction) => {
      stored.set(transaction.transactionalId, transactionValue(transaction))
      return env.clock.sleep(FLUSH_MS)
    },
    forget: transactionalId => { stored.delete(transactionalId); return Promise.resolve() },
    writeMarkers: write => { markers.push(write); return env.clock.sleep(FLUSH_MS) },
  })
  return {
    sim, coordinator, markers, stored,
    init: (expected, timeoutMs = 60_000) => sim.run(coordinator.initProducerId({ transactionalId: 't', timeoutMs, expected })),
    add: (producer, version = 2) => coordinator.addPartitions({ ...producer, transactionalId: 't', version, partitions: [{ topic: 'a', partition: 0 }] }).error,
    end: (producer, committed, version = 2) => sim.run(coordinator.end({ ...producer, transactionalId: 't', committed, version })),
    settle: () => sim.run(coordinator.settled('t')),
  }
}

const bumped = (producer: ProducerIdAndEpoch): ProducerIdAndEpoch => ({ producerId: producer.producerId, producerEpoch: producer.producerEpoch + 1 })

test('version 2: a commit bumps the epoch, writes markers under it, and its retry gets the same answer', async () => {
  const made = fixture()
  const producer = await made.init()
  assert.deepEqual([producer.error, producer.producerEpoch], ['NONE', 0])
  assert.equal(made.add(producer), 'NONE')
  const ended = await made.end(producer, true)
  assert.deepEqual(ended, { error: 'NONE', ...bumped(producer) })
  await made.settle()
  assert.deepEqual(made.markers.map(({ producerEpoch, committed, transactionVersion }) => ({ producerEpoch, committed, transactionVersion })), [{ producerEpoch: 1, committed: true, transactionVersion: 2 }])
  assert.deepEqual(await made.end(producer, true), { error: 'NONE', ...bumped(producer) })
  assert.equal((await made.end(producer, false)).error, 'INVALID_TXN_STATE')
  assert.equal(made.markers.length, 1)
})

test('version 1: the epoch stays, the same end again is idempotent, the other one is refused', async () => {
  const made = fixture()
  const producer = await made.init()
  assert.equal(made.add(producer, 0), 'NONE')
  assert.deepEqual(await made.end(producer, false, 0), { ...producer })
  await made.settle()
  assert.equal((await made.end(producer, false, 0)).error, 'NONE')
  assert.equal((await made.end(producer, true, 0)).error, 'INVALID_TXN_STATE')
  assert.equal(made.markers.length, 1)
})

test('version 1: the decision is durable before the first marker, and a second end meanwhile is told to wait', async () => {
  const made = fixture()
  const producer = await made.init()
  made.add(producer, 0)
  const ending = made.coordinator.end({ ...producer, transactionalId: 't', committed: true, version: 0 })
  await made.sim.advance(FLUSH_MS - 1)
  assert.equal(made.markers.length, 0)
  assert.equal(made.coordinator.get('t')?.state, 'prepareCommit')
  assert.equal((await made.end(producer, true, 0)).error, 'CONCURRENT_TRANSACTIONS')
  await made.sim.run(ending)
  await made.settle()
  assert.equal(made.coordinator.get('t')?.state, 'completeCommit')
})

test('version 2: decision and markers share one flush, and the end is complete when it is answered', async () => {
  const made = fixture()
  const producer = await made.init()
  made.add(producer)
  const ending = made.coordinator.end({ ...producer, transactionalId: 't', committed: true, version: 2 })
  assert.equal(made.markers.length, 1)
  assert.equal((await made.end(producer, true)).error, 'CONCURRENT_TRANSACTIONS')
  assert.equal((await made.sim.run(ending)).error, 'NONE')
  assert.equal(made.coordinator.get('t')?.state, 'completeCommit')
  assert.equal(made.add(bumped(producer)), 'NONE')
})

test('version 2: markers that outlived their decision are the decision', async () => {
  const made = fixture()
  const producer = await made.init()
  made.add(producer)
  const open = made.stored.get('t')
  assert.ok(open !== undefined)
  const again = fixture()
  const transaction = readTransactionValue('t', open)
  again.coordinator.restore(transaction)
  again.coordinator.restoreDecision(transaction, true)
  await again.sim.run(again.coordinator.start())
  assert.deepEqual(again.markers.map(marker => [marker.committed, marker.producerEpoch]), [[true, 1]])
  assert.deepEqual(await again.end(producer, true), { error: 'NONE', ...bumped(producer) })
})

test('an abort with nothing in it bumps the epoch under version 2 and is an error under version 1', async () => {
  const made = fixture()
  const producer = await made.init()
  assert.equal((await made.end(producer, false, 0)).error, 'INVALID_TXN_STATE')
  assert.equal((await made.end(producer, true)).error, 'INVALID_TXN_STATE')
  assert.deepEqual(await made.end(producer, false), { error: 'NONE', ...bumped(producer) })
})

test('a new instance fences the old one: aborts its transaction first, then gets a higher epoch', async () => {
  const made = fixture()
  const old = await made.init()
  made.add(old)
  assert.equal((await made.init()).error, 'CONCURRENT_TRANSACTIONS')
  await made.settle()
  assert.equal(made.markers[0]?.committed, false)
  const next = await made.init()
  assert.deepEqual([next.error, next.producerId, next.producerEpoch], ['NONE', old.producerId, 2])
  assert.equal(made.add(old), 'PRODUCER_FENCED')
  assert.equal((await made.end(old, true)).error, 'PRODUCER_FENCED')
  assert.equal(made.coordinator.verifyError(old, { topic: 'a', partition: 0 }), 'PRODUCER_FENCED')
})

test('a producer continues with the epoch it has; a retry of that bump gets the same; a stranger is fenced', async () => {
  const made = fixture()
  const first = await made.init()
  const second = await made.init(first)
  assert.equal(second.producerEpoch, 1)
  assert.deepEqual(await made.init(first), second)
  assert.equal((await made.init({ producerId: 9999, producerEpoch: 0 })).error, 'PRODUCER_FENCED')
  await made.init()
  assert.equal((await made.init(second)).error, 'PRODUCER_FENCED')
})

test('a transaction that outlives its timeout is aborted and its producer fenced', async () => {
  const made = fixture()
  const producer = await made.init(undefined, 1000)
  made.add(producer)
  await made.sim.advance(999)
  assert.equal(made.coordinator.get('t')?.state, 'ongoing')
  await made.sim.advance(50)
  assert.equal(made.coordinator.get('t')?.state, 'completeAbort')
  // KAFKA-20785: a commit that lost the race is fenced, not in a wrong state.
  assert.equal((await made.end(producer, true)).error, 'PRODUCER_FENCED')
})

test('at the end of the epochs the producer id rotates, and the retry of that end gets the new one', async () => {
  const made = fixture()
  const first = await made.init()
  const transaction = made.coordinator.get('t')
  assert.ok(transaction !== undefined)
  transaction.producerEpoch = 32_766
  const last = { producerId: first.producerId, producerEpoch: 32_766 }
  assert.equal(made.add(last), 'NONE')
  const ended = await made.end(last, true)
  assert.equal(ended.error, 'NONE')
  assert.equal(ended.producerEpoch, 0)
  assert.notEqual(ended.producerId, first.producerId)
  await made.settle()
  assert.equal(made.markers[0]?.producerEpoch, 32_767)
  assert.deepEqual(await made.end(last, true), ended)
  assert.equal(made.add(ended), 'NONE')
})

test('after a restart what was prepared is finished and what was open stays open, with its timeout', async () => {
  for (const committed of [true, false]) {
    const made = fixture()
    const producer = await made.init()
    made.add(producer)
    void made.coordinator.end({ ...producer, transactionalId: 't', committed, version: 2 })
    const bytes = made.stored.get('t')
    assert.ok(bytes !== undefined)
    const again = fixture()
    again.coordinator.restore(readTransactionValue('t', bytes))
    await again.sim.run(again.coordinator.start())
    assert.equal(again.coordinator.get('t')?.state, committed ? 'completeCommit' : 'completeAbort')
    assert.deepEqual(again.markers.map(marker => [marker.committed, marker.producerEpoch, marker.partitions.length]), [[committed, 1, 1]])
  }
  const made = fixture()
  const producer = await made.init(undefined, 5000)
  made.add(producer)
  const bytes = made.stored.get('t')
  assert.ok(bytes !== undefined)
  const again = fixture()
  again.coordinator.restore(readTransactionValue('t', bytes))
  await again.sim.run(again.coordinator.start())
  assert.equal(again.coordinator.get('t')?.state, 'ongoing')
  assert.equal((await again.end(producer, true)).error, 'NONE')
})

test('wrong timeouts and empty ids are refused; an idempotent producer gets a fresh id each time', async () => {
  const made = fixture()
  assert.equal((await made.init(undefined, 0)).error, 'INVALID_TRANSACTION_TIMEOUT')
  assert.equal((await made.init(undefined, 900_001)).error, 'INVALID_TRANSACTION_TIMEOUT')
  assert.equal((await made.sim.run(made.coordinator.initProducerId({ transactionalId: '', timeoutMs: 1000, expected: undefined }))).error, 'INVALID_REQUEST')
  const idempotent = (): Promise<ProducerAnswer> => made.sim.run(made.coordinator.initProducerId({ transactionalId: null, timeoutMs: 0, expected: undefined }))
  const [one, two] = [await idempotent(), await idempotent()]
  assert.notEqual(one.producerId, two.producerId)
})

test('so many transactional ids are kept at most: a new one beyond is refused, the known ones go on', async () => {
  const made = fixture(2)
  const init = (transactionalId: string): Promise<ProducerAnswer> => made.sim.run(made.coordinator.initProducerId({ transactionalId, timeoutMs: 60_000, expected: undefined }))
  const answers: string[] = []
  for (const id of ['a', 'b', 'c', 'a']) answers.push((await init(id)).error)
  assert.deepEqual(answers, ['NONE', 'NONE', 'POLICY_VIOLATION', 'NONE'])
})
