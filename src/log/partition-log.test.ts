import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCompression } from '../wire/compression.ts'
import { simEnv } from '../testing/sim/sim.ts'
import { appendRecords, batchOf, batchOfSize, NOW_MS, openLog, openManager, readAll } from '../../test/support/log-batches.ts'

await loadCompression()

test('what is appended is read back, with offsets in order, and is visible only once it is durable', async () => {
  const { sim, env } = simEnv({ seed: 1 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager))
  const first = appendRecords(log, [{ key: 'a', value: '1' }, { key: 'b', value: '2' }])
  assert.deepEqual(first, { baseOffset: 0, lastOffset: 1, appendTimeMs: -1, duplicate: false })
  const second = appendRecords(log, [{ key: 'c', value: '3' }])
  assert.equal(second.baseOffset, 2)
  assert.equal(log.logEndOffset, 3)
  assert.equal(log.highWatermark, 0)
  assert.deepEqual(readAll(log), [])
  let flushed = false
  void log.flushed(3).then(() => { flushed = true })
  await sim.runUntil(() => flushed)
  assert.equal(log.highWatermark, 3)
  assert.deepEqual(readAll(log).map(record => [record.offset, record.key, record.value]), [[0, 'a', '1'], [1, 'b', '2'], [2, 'c', '3']])
  await sim.run(manager.close())
})

test('a clean stop and start keeps everything and bumps no epoch; an unclean one bumps it', async () => {
  const { sim, process, env } = simEnv({ seed: 2 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { segmentBytes: 2000 }))
  for (let index = 0; index < 50; index++) appendRecords(log, [{ key: `k${index}`, value: 'x'.repeat(100) }])
  await sim.run(log.flushed(50))
  const before = readAll(log)
  assert.ok(log.segments.length > 3)
  await sim.run(manager.close())
  process.kill()

  const second = sim.process('second')
  const again = await sim.run(openManager(second.env))
  assert.equal(again.wasClean, true)
  const reopened = await sim.run(openLog(again, { segmentBytes: 2000 }))
  assert.equal(reopened.leaderEpoch, 0)
  assert.deepEqual(readAll(reopened), before)
  second.kill()

  const third = await sim.run(openManager(sim.process('third').env))
  assert.equal(third.wasClean, false)
  const afterKill = await sim.run(openLog(third, { segmentBytes: 2000 }))
  assert.equal(afterKill.leaderEpoch, 1)
  assert.deepEqual(afterKill.endOffsetForEpoch(0), { epoch: 0, endOffset: 50 })
  assert.deepEqual(readAll(afterKill), before)
})

test('every codec is stored as it came and read back', async () => {
  const { sim, env } = simEnv({ seed: 3 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager))
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const bytes = batchOfSize(20, 50, { codec, prefix: codec })
    log.append(bytes, { origin: 'client' })
  }
  await sim.run(log.flushed(100))
  assert.equal(readAll(log).length, 100)
  assert.deepEqual(log.offsetForTimestamp(NOW_MS), { offset: 0, timestamp: NOW_MS, leaderEpoch: 0 })
})

test('batches that break a rule are refused with Kafka\'s error and nothing is written', async () => {
  const { sim, env } = simEnv({ seed: 4 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { maxMessageBytes: 500, cleanupCompact: true }))
  const refused = (bytes: Buffer, kafkaCode: number): void => {
    assert.throws(() => log.append(bytes, { origin: 'client' }), (error: unknown) => {
      assert.ok(error instanceof Error && 'detail' in error)
      assert.equal((error.detail as { kafkaCode?: number }).kafkaCode, kafkaCode, error.message)
      return true
    })
  }
  const flipped = batchOf([{ key: 'a', value: 'b' }])
  flipped[flipped.length - 2] = (flipped[flipped.length - 2] ?? 0) ^ 1
  refused(flipped, 2)
  refused(batchOfSize(1, 600), 10)
  refused(batchOf([{ key: null, value: 'b' }]), 87)
  refused(batchOf([{ key: 'a', value: 'b', timestamp: NOW_MS + 7_200_000 }]), 32)
  refused(Buffer.concat([batchOf([{ key: 'a', value: 'b' }]), batchOf([{ key: 'a', value: 'b' }])]), 87)
  refused(batchOf([{ key: 'a', value: 'b' }]).subarray(0, 65), 2)
  assert.equal(log.logEndOffset, 0)
  assert.equal(log.sizeBytes, 0)
})
