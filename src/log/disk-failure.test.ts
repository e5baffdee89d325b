import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '../base/errors.ts'
import { loadCompression } from '../wire/compression.ts'
import { errorName, kafkaCodeOf } from '../wire/error-codes.ts'
import { simEnv } from '../testing/sim/sim.ts'
import { appendMarker, appendRecords, NOW_MS, openLog, openManager, readAll } from '../../test/support/log-batches.ts'
import { compact } from './compaction.ts'
import { applyRetention } from './retention.ts'

await loadCompression()

const isStorageError = (error: unknown): boolean => errorName(kafkaCodeOf(error) ?? 0) === 'KAFKA_STORAGE_ERROR'

test('a failed fsync is final: no waiter is answered, nothing more is taken, and the host is told', async () => {
  const { sim, process, env } = simEnv({ seed: 1 })
  const failures: MillraceError[] = []
  const manager = await sim.run(openManager(env, { onFailure: error => failures.push(error) }))
  const log = await sim.run(openLog(manager))
  appendRecords(log, [{ key: 'a', value: '1' }])
  await sim.run(log.flushed(1))
  let injected = 0
  // EIO once, then the disk pretends that all is well: the pages are lost all the same.
  sim.disk.fault = operation => operation.kind === 'datasync' && operation.path.endsWith('.log') && injected++ === 0 ? 'EIO' : undefined
  appendRecords(log, [{ key: 'b', value: '2' }])
  await assert.rejects(sim.run(log.flushed(2)), { code: 'DISK_FAILED' })
  assert.equal(failures.length, 1)
  assert.equal(log.highWatermark, 1)
  assert.throws(() => appendRecords(log, [{ key: 'c', value: '3' }]), isStorageError)
  await assert.rejects(log.flushed(2), { code: 'DISK_FAILED' })
  assert.deepEqual(readAll(log).map(record => record.key), ['a'], 'reads still work')
  await sim.run(manager.close())
  process.kill()
  const again = await sim.run(openManager(sim.process('again').env))
  assert.equal(again.wasClean, false)
  assert.ok((await sim.run(openLog(again))).logEndOffset >= 1)
})

test('a write error takes the disk out of service', async () => {
  const { sim, env } = simEnv({ seed: 2 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager))
  sim.disk.fault = operation => operation.kind === 'write' ? 'EIO' : undefined
  assert.throws(() => appendRecords(log, [{ key: 'a', value: '1' }]), isStorageError)
  sim.disk.fault = undefined
  assert.throws(() => appendRecords(log, [{ key: 'a', value: '1' }]), isStorageError)
  assert.equal(manager.failure?.code, 'DISK_FAILED')
})

test('a full disk refuses appends with a retriable error, leaves no half batch, and goes on by itself once there is room', async () => {
  const { sim, process, env } = simEnv({ seed: 3, disk: { capacityBytes: 20_000 } })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { segmentBytes: 4000 }))
  let appended = 0
  const fill = (): void => {
    for (;;) {
      appendRecords(log, [{ key: `k${appended}`, value: 'x'.repeat(300) }])
      appended += 1
    }
  }
  assert.throws(fill, (error: unknown) => isStorageError(error) && error instanceof MillraceError && error.retriable)
  assert.ok(appended > 20)
  assert.equal(log.logEndOffset, appended)
  await sim.run(log.flushed(appended))
  assert.equal(readAll(log).length, appended)
  sim.disk.capacityBytes = 30_000
  appendRecords(log, [{ key: 'room', value: 'again' }])
  await sim.run(log.flushed(appended + 1))
  process.kill()
  sim.powerCut()
  const again = await sim.run(openManager(sim.process('again').env))
  const reopened = await sim.run(openLog(again, { segmentBytes: 4000 }))
  assert.equal(readAll(reopened).at(-1)?.key, 'room')
  assert.equal(readAll(reopened).length, appended + 1)
})

test('clients are refused below the reserve, coordinators are not', async () => {
  const { sim, env } = simEnv({ seed: 4, disk: { capacityBytes: 100_000 } })
  const manager = await sim.run(openManager(env, { minFreeBytes: 50_000 }))
  const log = await sim.run(openLog(manager))
  assert.throws(() => {
    for (;;) appendRecords(log, [{ key: 'k', value: 'x'.repeat(500) }])
  }, isStorageError)
  const used = sim.disk.usedBytes()
  assert.ok(used <= 50_000 && used > 45_000, `${used} bytes used`)
  appendMarker(log, 'commit', { producerId: 1 })
  sim.disk.capacityBytes = 120_000
  await sim.advance(300)
  appendRecords(log, [{ key: 'k', value: 'again' }])
})

test('a compaction that runs out of disk leaves the log as it was', async () => {
  const { sim, env } = simEnv({ seed: 5 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { cleanupCompact: true, segmentBytes: 2000 }))
  for (let index = 0; index < 30; index++) appendRecords(log, [{ key: `k${index}`, value: 'x'.repeat(200) }])
  await sim.run(log.flushed(30))
  const before = readAll(log)
  sim.disk.capacityBytes = sim.disk.usedBytes() + 500
  await assert.rejects(sim.run(compact(log, { nowMs: NOW_MS, force: true })), { code: 'ENOSPC' })
  assert.deepEqual(readAll(log), before)
  sim.disk.capacityBytes = Number.MAX_SAFE_INTEGER
  assert.notEqual(await sim.run(compact(log, { nowMs: NOW_MS, force: true })), undefined)
  assert.deepEqual(readAll(log), before)
})

test('retention by time and by size drops whole segments from the oldest, and never what is not stable to readers', async () => {
  const { sim, env } = simEnv({ seed: 6 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { segmentBytes: 1000, retentionMs: 10_000, retentionBytes: 5000 }))
  for (let index = 0; index < 100; index++) appendRecords(log, [{ key: `k${index}`, value: 'x'.repeat(100) }])
  await sim.run(log.flushed(100))
  await sim.run(applyRetention(log, env.clock.now()))
  assert.ok(log.sizeBytes >= 5000 && log.sizeBytes < 6100, `${log.sizeBytes}`)
  assert.equal(readAll(log)[0]?.offset, log.logStartOffset)
  assert.throws(() => log.read({ offset: log.logStartOffset - 1, bytesMax: 100, isolation: 'uncommitted', minOneBatch: true }), (error: unknown) => kafkaCodeOf(error) === 1)
  await sim.advance(10_001)
  await sim.run(applyRetention(log, env.clock.now()))
  assert.equal(log.logStartOffset, 100)
  assert.equal(log.sizeBytes, 0)
  assert.equal(appendRecords(log, [{ key: 'next', value: '1', timestamp: env.clock.now() }]).baseOffset, 100)
})

test('DeleteRecords is durable: what was deleted does not come back after a power cut', async () => {
  const { sim, env } = simEnv({ seed: 7 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { segmentBytes: 1000 }))
  for (let index = 0; index < 30; index++) appendRecords(log, [{ key: `k${index}`, value: 'x'.repeat(100) }])
  await sim.run(log.flushed(30))
  await sim.run(log.trimTo(17))
  assert.equal(readAll(log)[0]?.offset, 17)
  assert.throws(() => log.trimTo(31), (error: unknown) => kafkaCodeOf(error) === 1)
  sim.powerCut()
  const again = await sim.run(openManager(sim.process('again').env))
  const reopened = await sim.run(openLog(again, { segmentBytes: 1000 }))
  assert.equal(reopened.logStartOffset, 17)
  assert.equal(readAll(reopened)[0]?.offset, 17)
})

test('a deleted partition is gone, durably, and may be made again empty', async () => {
  const { sim, env } = simEnv({ seed: 8 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager))
  appendRecords(log, [{ key: 'a', value: '1' }])
  await sim.run(log.flushed(1))
  await sim.run(manager.deletePartition('orders', 0))
  assert.throws(() => appendRecords(log, [{ key: 'a', value: '1' }]), (error: unknown) => kafkaCodeOf(error) === 6)
  const anew = await sim.run(openLog(manager))
  assert.equal(anew.logEndOffset, 0)
  sim.powerCut()
  const again = await sim.run(openManager(sim.process('again').env))
  assert.equal((await sim.run(openLog(again))).logEndOffset, 0)
})

test('rolling by time counts record time, and appends under LogAppendTime are stamped', async () => {
  const { sim, env } = simEnv({ seed: 9 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { segmentMs: 1000 }))
  appendRecords(log, [{ key: 'a', value: '1', timestamp: NOW_MS - 5000 }])
  appendRecords(log, [{ key: 'a', value: '2', timestamp: NOW_MS - 4000 }])
  assert.equal(log.segments.length, 1)
  appendRecords(log, [{ key: 'a', value: '3', timestamp: NOW_MS - 3999 }])
  assert.equal(log.segments.length, 2)
  const stamped = await sim.run(openLog(manager, { timestampType: 'LogAppendTime' }, 'stamped'))
  await sim.advance(500)
  const result = appendRecords(stamped, [{ key: 'a', value: '1', timestamp: 5 }, { key: 'b', value: '1', timestamp: 6 }])
  await sim.run(stamped.flushed(2))
  assert.ok(result.appendTimeMs >= NOW_MS + 500 && result.appendTimeMs <= env.clock.now())
  assert.deepEqual(readAll(stamped).map(record => record.timestamp), [result.appendTimeMs, result.appendTimeMs])
  assert.equal(stamped.offsetForTimestamp(result.appendTimeMs)?.offset, 0)
  assert.equal(stamped.offsetForTimestamp(result.appendTimeMs + 1), undefined)
  const idempotent = { producerId: 3, producerEpoch: 0, baseSequence: 0 }
  const first = appendRecords(stamped, [{ key: 'c', value: '1' }], idempotent)
  await sim.advance(500)
  assert.deepEqual(appendRecords(stamped, [{ key: 'c', value: '1' }], idempotent), { ...first, duplicate: true })
})

test('interval: what is written is synced after its time, or at once when enough has gathered; readers do not wait', async () => {
  const { sim, env } = simEnv({ seed: 10 })
  const manager = await sim.run(openManager(env, { durability: { kind: 'interval', ms: 50, bytes: 2000 } }))
  const log = await sim.run(openLog(manager))
  appendRecords(log, [{ key: 'a', value: '1' }])
  await log.flushed(1)
  assert.deepEqual([log.highWatermark, log.durableOffset], [1, 0])
  await sim.advance(45)
  assert.equal(log.durableOffset, 0)
  await sim.advance(10)
  assert.equal(log.durableOffset, 1)
  appendRecords(log, [{ key: 'b', value: 'x'.repeat(3000) }])
  await sim.advance(3)
  assert.equal(log.durableOffset, 2)
})

test('os: nothing is synced until a checkpoint', async () => {
  const { sim, env } = simEnv({ seed: 11 })
  const manager = await sim.run(openManager(env, { durability: { kind: 'os' } }))
  const log = await sim.run(openLog(manager))
  appendRecords(log, [{ key: 'a', value: '1' }])
  await sim.advance(10_000)
  assert.deepEqual([log.highWatermark, log.durableOffset], [1, 0])
  await sim.run(manager.checkpoint())
  assert.equal(log.durableOffset, 1)
})

test('a batch larger than a scan\'s chunk is recovered', async () => {
  const { sim, env } = simEnv({ seed: 12 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { maxMessageBytes: 20_000_000 }))
  appendRecords(log, [{ key: 'small', value: '1' }])
  appendRecords(log, [{ key: 'large', value: 'x'.repeat(9_000_000) }])
  appendRecords(log, [{ key: 'after', value: '1' }])
  await sim.run(log.flushed(3))
  sim.powerCut()
  const again = await sim.run(openLog(await sim.run(openManager(sim.process('again').env))))
  assert.deepEqual(readAll(again).map(record => [record.key, record.value?.length]), [['small', 1], ['large', 9_000_000], ['after', 1]])
})

test('the upkeep timers check points, retire segments and read finished ones again', async () => {
  const { sim, env } = simEnv({ seed: 13 })
  const lines: string[] = []
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: (message: string) => void lines.push(message), child: () => logger }
  const manager = await sim.run(openManager(env, { logger }))
  const log = await sim.run(openLog(manager, { segmentBytes: 1000, retentionMs: 300_000 }))
  manager.background()
  for (let index = 0; index < 30; index++) appendRecords(log, [{ key: `k${index}`, value: 'x'.repeat(100) }])
  sim.disk.damage('/data/orders-0/00000000000000000000.log', bytes => { bytes[200] = (bytes[200] ?? 0) ^ 1 })
  await sim.advance(130_000)
  assert.ok(lines.includes('a finished segment is damaged'), lines.join())
  assert.ok(sim.disk.contents('/data/recovery-point-offset-checkpoint').toString().includes('orders 0 30'))
  await sim.advance(300_000)
  assert.equal(log.logStartOffset, 30)
  await sim.run(manager.close())
})
