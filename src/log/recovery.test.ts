import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '../base/errors.ts'
import type { Env } from '../env/env.ts'
import { loadCompression } from '../wire/compression.ts'
import { kafkaCodeOf } from '../wire/error-codes.ts'
import { Sim, simEnv } from '../testing/sim/sim.ts'
import { appendMarker, appendRecords, openLog, openManager, readAll, TOPIC_ID } from '../../test/support/log-batches.ts'
import { compactedBelow, compactsBelow } from './compacted-below.ts'
import { fileName } from './files.ts'
import { scrubLog } from './scrub.ts'
import type { LogConfig } from './types.ts'

await loadCompression()

const DIRECTORY = '/data/orders-0'
const LOG_0 = `${DIRECTORY}/${fileName(0, '.log')}`

/** A machine on which `count` records were written in segments of `segmentBytes`, flushed, and stopped. */
async function written(options: { readonly count?: number; readonly clean: boolean; readonly config?: Partial<LogConfig>; readonly seed?: number; readonly checkpoint?: boolean }): Promise<Sim> {
  const { sim, process, env } = simEnv({ seed: options.seed ?? 1 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, options.config))
  for (let index = 0; index < (options.count ?? 20); index++) {
    appendRecords(log, [{ key: `k${index}`, value: 'x'.repeat(100) }])
    await sim.run(log.flushed(index + 1))
  }
  if (options.checkpoint === true) await sim.run(manager.checkpoint())
  if (options.clean) await sim.run(manager.close())
  process.kill()
  return sim
}

async function reopen(sim: Sim, options: { readonly config?: Partial<LogConfig>; readonly acceptDataLoss?: boolean } = {}): Promise<Awaited<ReturnType<typeof openLog>>> {
  const manager = await sim.run(openManager(sim.process('again').env, { acceptDataLoss: options.acceptDataLoss }))
  return sim.run(openLog(manager, options.config))
}

const isCorrupt = (error: unknown): boolean => error instanceof MillraceError && error.code === 'LOG_CORRUPT'

test('a torn tail is cut and reported', async () => {
  const sim = await written({ clean: false })
  const size = sim.disk.contents(LOG_0).length
  sim.disk.damage(LOG_0, bytes => Buffer.concat([bytes, bytes.subarray(0, 100)]))
  const log = await reopen(sim)
  assert.equal(log.logEndOffset, 20)
  assert.equal(log.recovery.bytesTruncated, 100)
  assert.equal(sim.disk.contents(LOG_0).length, size)
  assert.equal(readAll(log).length, 20)
})

test('damage below what was durable refuses the start and changes no byte; told to, it keeps the bytes aside and goes on', async () => {
  const sim = await written({ clean: false })
  sim.disk.damage(LOG_0, bytes => { bytes[500] = (bytes[500] ?? 0) ^ 0x10 })
  const damaged = sim.disk.contents(LOG_0)
  await assert.rejects(reopen(sim), isCorrupt)
  assert.deepEqual(sim.disk.contents(LOG_0), damaged)
  sim.powerCut()
  await assert.rejects(reopen(sim), isCorrupt)
  sim.powerCut()
  const log = await reopen(sim, { acceptDataLoss: true })
  assert.ok(log.logEndOffset < 20 && log.logEndOffset > 0)
  assert.equal(log.recovery.bytesLost, damaged.length - sim.disk.contents(LOG_0).length)
  assert.deepEqual(sim.disk.contents(`${LOG_0}.corrupt`), damaged.subarray(damaged.length - log.recovery.bytesLost))
  appendRecords(log, [{ key: 'on', value: 'we go' }])
})

test('a log that ends before what was durable refuses the start', async () => {
  for (const clean of [true, false]) {
    const sim = await written({ clean })
    const size = sim.disk.contents(LOG_0).length
    const batch = size / 20
    sim.disk.damage(LOG_0, bytes => bytes.subarray(0, size - 2 * batch))
    await assert.rejects(reopen(sim), isCorrupt)
  }
})

test('a missing segment refuses the start', async () => {
  const config = { segmentBytes: 600 }
  const sim = await written({ clean: true, config })
  const process = sim.process('vandal')
  const middle = process.env.disk.list(DIRECTORY).filter(name => name.endsWith('.log'))[2]
  process.env.disk.unlink(`${DIRECTORY}/${middle}`)
  process.kill()
  await assert.rejects(reopen(sim, { config }), isCorrupt)
})

test('derived files are rebuilt whatever happens to them', async () => {
  const config = { segmentBytes: 900, indexIntervalBytes: 1 }
  for (const suffix of ['.index', '.timeindex', '.seal', '.snapshot', '.producers', 'leader-epoch-checkpoint']) {
    for (const damage of ['flip', 'truncate', 'remove', 'zero'] as const) {
      const sim = await written({ clean: true, config })
      const vandal = sim.process('vandal')
      for (const name of vandal.env.disk.list(DIRECTORY).filter(candidate => candidate.endsWith(suffix))) {
        const path = `${DIRECTORY}/${name}`
        if (damage === 'remove') vandal.env.disk.unlink(path)
        else sim.disk.damage(path, bytes => damage === 'truncate' ? bytes.subarray(0, bytes.length >> 1) : damage === 'zero' ? bytes.fill(0) : void bytes.writeUInt8((bytes[bytes.length >> 1] ?? 0) ^ 4, bytes.length >> 1))
      }
      vandal.kill()
      const log = await reopen(sim, { config })
      assert.deepEqual(readAll(log).map(record => record.key), Array.from({ length: 20 }, (_, index) => `k${index}`), `${suffix} ${damage}`)
      for (let offset = 0; offset < 20; offset++) assert.equal(readAll(log, { from: offset })[0]?.offset, offset, `${suffix} ${damage}`)
    }
  }
})

const DAMAGE: Readonly<Record<string, (bytes: Buffer, at: number) => Buffer | void>> = {
  flip: (bytes, at) => { bytes[at] = (bytes[at] ?? 0) ^ 0x40 },
  zero: (bytes, at) => { bytes.fill(0, at, Math.min(bytes.length, at + 64)) },
  truncate: (bytes, at) => bytes.subarray(0, at),
  'duplicate block': (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 100), at), bytes.subarray(at)]),
  'stale block': (bytes, at) => { bytes.copyWithin(at, 0, Math.min(80, bytes.length - at)) },
}

for (const clean of [true, false]) {
  test(`damage anywhere in a log that was stopped ${clean ? 'cleanly' : 'by a kill'} is found, cut as torn, or harmless: never a wrong record`, async () => {
    const config = { segmentBytes: 900 }
    const files = (await written({ clean, config, count: 12 })).disk.files()
    const tally = { refused: 0, cut: 0, same: 0 }
    for (const path of files.keys()) {
      const length = files.get(path)?.length ?? 0
      for (const [kind, damage] of Object.entries(DAMAGE)) {
        for (let at = 0; at < length; at += Math.max(1, Math.floor(length / 7))) {
          const sim = new Sim({ seed: 1 })
          const { disk } = sim.process('restore').env
          for (const [name, bytes] of files) {
            disk.makeDirectory(name.slice(0, name.lastIndexOf('/')))
            disk.open(name, 'create').write(bytes, 0)
          }
          sim.disk.damage(path, bytes => damage(bytes, at))
          tally[await outcomeOf(sim, config, `${kind} at ${at} of ${path}`)] += 1
        }
      }
    }
    assert.ok(tally.refused > 50 && tally.same > 100 && (clean ? tally.cut === 0 : tally.cut > 0), JSON.stringify(tally))
  })
}

/** What became of a damaged log of twelve records; fails where it serves anything but what was written. */
async function outcomeOf(sim: Sim, config: Partial<LogConfig>, what: string): Promise<'refused' | 'cut' | 'same'> {
  let log
  try {
    log = await reopen(sim, { config })
  } catch (error) {
    assert.ok(error instanceof MillraceError && ['LOG_CORRUPT', 'TOPIC_MISMATCH', 'DATA_DIR_VERSION'].includes(error.code), `${what}: ${String(error)}`)
    return 'refused'
  }
  // A finished segment is not read at a start that trusts it: its damage is found by the scrub, and by the reader's own CRC.
  if ((await sim.run(scrubLog(log))).length > 0) return 'refused'
  const records = readAll(log).map(record => [record.offset, record.key, record.value])
  const expected = Array.from({ length: 12 }, (_, index) => [index, `k${index}`, 'x'.repeat(100)])
  assert.deepEqual(records, expected.slice(0, records.length), what)
  if (records.length === 12) return 'same'
  assert.ok(log.recovery.bytesTruncated > 0 && records.length === 11, `${what}: ${records.length} records, ${log.recovery.bytesTruncated} bytes reported as cut`)
  return 'cut'
}

test('I4: segments that overlap after a crash in compaction refuse the start', async () => {
  const config = { segmentBytes: 600 }
  const sim = await written({ clean: false, config })
  const process = sim.process('vandal')
  const [first, second] = process.env.disk.list(DIRECTORY).filter(name => name.endsWith('.log'))
  const merged = Buffer.concat([sim.disk.contents(`${DIRECTORY}/${first}`), sim.disk.contents(`${DIRECTORY}/${second}`)])
  sim.disk.damage(`${DIRECTORY}/${first}`, () => merged)
  process.kill()
  await assert.rejects(reopen(sim, { config }), (error: unknown) => isCorrupt(error) && /overlap/.test(String(error)))
})

test('I4: a crash at any step of a swap leaves the old segments or the new one', async () => {
  // The swap itself is covered operation by operation in crash-points.test.ts; here its leftovers are put there by hand.
  const config = { segmentBytes: 600 }
  const sim = await written({ clean: false, config })
  const process = sim.process('half-way')
  const disk = process.env.disk
  const logs = disk.list(DIRECTORY).filter(name => name.endsWith('.log'))
  const cleaned = disk.open(`${DIRECTORY}/${logs[1]}.cleaned`, 'create')
  cleaned.write(Buffer.from('half a segment'), 0)
  disk.open(`${DIRECTORY}/${logs[2]}.deleted`, 'create')
  process.kill()
  const log = await reopen(sim, { config })
  assert.equal(readAll(log).length, 20)
  assert.ok(!sim.process('look').env.disk.list(DIRECTORY).some(name => /cleaned|deleted/.test(name)))
})

test('I5: the recovery point is never ahead of what was synced', async () => {
  for (let seed = 0; seed < 30; seed++) {
    const { sim, env } = simEnv({ seed })
    const manager = await sim.run(openManager(env, { durability: { kind: 'os' } }))
    const log = await sim.run(openLog(manager, { segmentBytes: 1500 }))
    for (let index = 0; index < 10; index++) appendRecords(log, [{ key: 'k', value: 'x'.repeat(100) }])
    const checkpoint = manager.checkpoint()
    // These come while the checkpoint runs: they must not be counted by it.
    for (let index = 0; index < 10; index++) {
      appendRecords(log, [{ key: 'k', value: 'y'.repeat(100) }])
      await sim.advance(0.3)
    }
    await sim.run(checkpoint)
    sim.powerCut()
    let recovered
    try {
      recovered = await sim.run(openManager(sim.process('again').env, { durability: { kind: 'os' } }).then(again => openLog(again, { segmentBytes: 1500 })))
    } catch (error) {
      // Under `os` a hole in the unsynced tail may be refused; damage below the recovery point may not be claimed for it.
      assert.ok(isCorrupt(error) && !/known durable/.test(String(error)), `seed ${seed}: ${String(error)}`)
      continue
    }
    assert.ok(recovered.logEndOffset >= 10, `seed ${seed}: ${recovered.logEndOffset}`)
  }
})

test('an unclean start steps the leader epoch, so that a truncated consumer sees it', async () => {
  const sim = await written({ clean: false })
  const log = await reopen(sim)
  assert.equal(log.leaderEpoch, 1)
  appendRecords(log, [{ key: 'new', value: 'epoch' }])
  await sim.run(log.flushed(21))
  assert.deepEqual(log.endOffsetForEpoch(0), { epoch: 0, endOffset: 20 })
  assert.deepEqual(log.endOffsetForEpoch(1), { epoch: 1, endOffset: 21 })
  assert.deepEqual(log.endOffsetForEpoch(2), { epoch: -1, endOffset: -1 })
})

test('I1: an open transaction and the batches of its producer survive a restart', async () => {
  const { sim, process, env } = simEnv({ seed: 9 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager))
  const producer = { producerId: 5, producerEpoch: 0 }
  for (let sequence = 0; sequence < 6; sequence++) appendRecords(log, [{ key: 'a', value: `${sequence}` }], { ...producer, baseSequence: sequence, transactional: true })
  await sim.run(log.flushed(6))
  process.kill()
  sim.powerCut()
  const again = await reopen(sim)
  assert.equal(again.lastStableOffset, 0)
  assert.equal(again.producers()[0]?.currentTransactionStartOffset, 0)
  // The five newest batches are recognised, the sixth is too old.
  for (let sequence = 1; sequence < 6; sequence++) {
    const repeated = appendRecords(again, [{ key: 'a', value: `${sequence}` }], { ...producer, baseSequence: sequence, transactional: true })
    assert.deepEqual([repeated.duplicate, repeated.baseOffset], [true, sequence])
  }
  assert.throws(() => appendRecords(again, [{ key: 'a', value: '0' }], { ...producer, baseSequence: 0, transactional: true }), (error: unknown) => kafkaCodeOf(error) === 45)
  appendMarker(again, 'commit', { producerId: 5 })
  await sim.run(again.flushed(7))
  assert.equal(again.lastStableOffset, 7)
  assert.equal(readAll(again, { isolation: 'committed' }).length, 6)
})

test('five batches per producer survive a clean restart over several segments', async () => {
  const { sim, process, env } = simEnv({ seed: 10 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, { segmentBytes: 300 }))
  for (let sequence = 0; sequence < 8; sequence++) appendRecords(log, [{ key: 'a', value: 'x'.repeat(100) }], { producerId: 5, producerEpoch: 0, baseSequence: sequence })
  await sim.run(manager.close())
  process.kill()
  const again = await reopen(sim, { config: { segmentBytes: 300 } })
  for (let sequence = 3; sequence < 8; sequence++) {
    assert.equal(appendRecords(again, [{ key: 'a', value: 'x'.repeat(100) }], { producerId: 5, producerEpoch: 0, baseSequence: sequence }).baseOffset, sequence)
  }
})

test('one directory, one process; a directory of another version or topic is refused', async () => {
  const { sim, env } = simEnv({ seed: 11 })
  const manager = await sim.run(openManager(env))
  await sim.run(openLog(manager))
  await assert.rejects(sim.run(openManager(sim.process('other').env)), { code: 'DATA_DIR_LOCKED' })
  await assert.rejects(sim.run(openLog(manager)), { code: 'INTERNAL' })
  assert.deepEqual(manager.partitionsOnDisk(), [{ topic: 'orders', partition: 0, topicId: TOPIC_ID }])
  await sim.run(manager.close())
  sim.powerCut()
  const again = await sim.run(openManager(sim.process('third').env))
  await assert.rejects(sim.run(again.openPartition({ topicId: 'ZZZZZZZZZZZZZZZZZZZZZZ', topic: 'orders', partition: 0, config: manager.partitions()[0]?.config ?? assert.fail() })), { code: 'TOPIC_MISMATCH' })
  await assert.rejects(sim.run(openLog(again, {}, '../escape')), { code: 'USAGE' })
  sim.powerCut()
  sim.disk.damage('/data/meta.properties', bytes => Buffer.from(bytes.toString().replace('millrace.version=1', 'millrace.version=2')))
  await assert.rejects(sim.run(openManager(sim.process('fourth').env)), { code: 'DATA_DIR_VERSION' })
})

test('partitions that are opened together are mended together', async () => {
  const { sim, process, env } = simEnv({ seed: 3 })
  const manager = await sim.run(openManager(env))
  const partitions = [0, 1, 2, 3]
  for (const partition of partitions) {
    const log = await sim.run(openLog(manager, {}, 'orders', partition))
    appendRecords(log, [{ key: 'k', value: 'kept' }])
    await sim.run(log.flushed(1))
  }
  process.kill()
  for (const partition of partitions) sim.disk.damage(`/data/orders-${partition}/${fileName(0, '.log')}`, bytes => Buffer.concat([bytes, Buffer.from('torn')]))
  const again = await sim.run(openManager(sim.process('again').env))
  const logs = await sim.run(Promise.all(partitions.map(partition => openLog(again, {}, 'orders', partition))))
  assert.deepEqual(logs.map(log => [log.recovery.bytesTruncated, log.logEndOffset]), partitions.map(() => [4, 1]))
})

/** The byte of the highest power of 256 in the base offset that stays a small number. */
function raiseBaseOffset(bytes: Buffer, batch: number): Buffer {
  let at = 0
  for (let index = 0; index < batch; index++) at += bytes.readInt32BE(at + 8) + 12
  bytes.writeUInt8(bytes.readUInt8(at + 6) ^ 1, at + 6)
  return bytes
}

test('a base offset that rotted, which no checksum covers, hides nothing: in the active segment the start is refused', async () => {
  for (const clean of [true, false]) {
    const sim = await written({ clean })
    sim.disk.damage(LOG_0, bytes => raiseBaseOffset(bytes, 11))
    await assert.rejects(reopen(sim), isCorrupt)
  }
})

test('… and in a finished segment, which a start trusts, the reader is told', async () => {
  const sim = await written({ clean: true, config: { segmentBytes: 1000 } })
  sim.disk.damage(LOG_0, bytes => raiseBaseOffset(bytes, 2))
  const log = await reopen(sim, { config: { segmentBytes: 1000 } })
  for (const offset of [0, 1, 2, 3]) assert.throws(() => log.read({ offset, isolation: 'uncommitted', bytesMax: 100_000, minOneBatch: true }), isCorrupt, `from offset ${offset}`)
  // One batch at a time, too: the header behind it says that it cannot be where it claims.
  assert.throws(() => log.read({ offset: 2, isolation: 'uncommitted', bytesMax: 1, minOneBatch: true }), isCorrupt)
})

test('a log whose first segment is missing is refused: its start was never moved', async () => {
  for (const acceptDataLoss of [false, true]) {
    const sim = await written({ clean: true, config: { segmentBytes: 1000 } })
    const somebody = sim.process('somebody')
    somebody.env.disk.unlink(LOG_0)
    somebody.kill()
    const reopened = reopen(sim, { config: { segmentBytes: 1000 }, acceptDataLoss })
    if (acceptDataLoss) assert.ok((await reopened).logStartOffset > 0)
    else await assert.rejects(reopened, isCorrupt)
  }
})

test('a clean start goes through no batch: it sums up the last segment once, and takes the rest by its seals', async () => {
  for (const config of [{}, { segmentBytes: 900 }]) {
    const sim = await written({ clean: true, config })
    const last = [...sim.disk.files()].filter(([path]) => path.endsWith('.log')).sort(([a], [b]) => a < b ? -1 : 1).at(-1)
    assert.ok(last !== undefined)
    const { recovery } = await reopen(sim, { config })
    assert.deepEqual([recovery.bytesScanned, recovery.bytesSummed, recovery.indexesRebuilt], [0, last[1].length, 0])
  }
})

test('… and goes on from there: what is written then is sealed with what stood before', async () => {
  const sim = await written({ clean: true })
  for (let start = 0; start < 3; start++) {
    const { env, kill } = restarted(sim, `start ${start}`)
    const manager = await sim.run(openManager(env))
    const log = await sim.run(openLog(manager))
    assert.deepEqual([log.recovery.bytesScanned, log.logEndOffset], [0, 20 + start])
    // A small batch and a large one, whose own checksum goes into the seal's.
    appendRecords(log, [{ key: 'one', value: 'more'.repeat(start === 1 ? 10_000 : 1) }])
    await sim.run(manager.close())
    kill()
  }
  assert.equal(readAll(await reopen(sim)).length, 23)
})

test('after a cut the seal of the stop before does not come back: the start after is as any', async () => {
  const sim = await written({ clean: true })
  sim.disk.damage(LOG_0, bytes => bytes.subarray(0, bytes.length - 10))
  const first = restarted(sim, 'cut')
  const manager = await sim.run(openManager(first.env, { acceptDataLoss: true }))
  const log = await sim.run(openLog(manager))
  assert.equal(log.logEndOffset, 19)
  // As many bytes as were cut, but others.
  appendRecords(log, [{ key: 'k19', value: 'y'.repeat(100) }])
  await sim.run(log.flushed(20))
  await sim.run(manager.checkpoint())
  first.kill()
  assert.ok(!sim.disk.files().has(LOG_0.replace('.log', '.seal')))
  const records = readAll(await reopen(sim))
  assert.deepEqual([records.length, records.at(-1)?.value], [20, 'y'.repeat(100)])
})

test('Y6: an offset that rotted where compaction may have left holes is found after a clean stop, though every batch is sound', async () => {
  const config = { cleanupCompact: true }
  const sim = await written({ clean: true, config })
  const compactor = sim.process('compactor')
  await sim.run(compactsBelow(compactor.env.disk, DIRECTORY, 1_000))
  compactor.kill()
  const damaged = raiseBaseOffset(Buffer.from(sim.disk.contents(LOG_0)), 19)
  sim.disk.damage(LOG_0, () => damaged)
  await assert.rejects(reopen(sim, { config }), (error: unknown) => isCorrupt(error) && /clean stop/.test(String(error)))
  sim.powerCut()
  assert.deepEqual(sim.disk.contents(LOG_0), damaged)
})

test('above what was compacted no offset is missing: the newest batch, whose offset rotted, is found after a kill too', async () => {
  const config = { cleanupCompact: true, segmentBytes: 1_000 }
  const sim = await written({ clean: false, config, checkpoint: true })
  const [path] = [...sim.disk.files()].map(([each]) => each).filter(each => each.endsWith('.log')).sort().slice(-1)
  assert.ok(path !== undefined)
  const base = Number(path.slice(DIRECTORY.length + 1, -'.log'.length))
  const compactor = sim.process('compactor')
  await sim.run(compactsBelow(compactor.env.disk, DIRECTORY, base))
  compactor.kill()
  const damaged = raiseBaseOffset(Buffer.from(sim.disk.contents(path)), 19 - base)
  sim.disk.damage(path, () => damaged)
  await assert.rejects(reopen(sim, { config }), (error: unknown) => isCorrupt(error) && /nothing was compacted/.test(String(error)))
  assert.deepEqual(sim.disk.contents(path), damaged)
})

test('how far compaction came is kept; a file that rotted says nothing, and nothing is taken for damage by it', async () => {
  const { sim, env } = simEnv({ seed: 1 })
  const directory = '/data'
  env.disk.makeDirectory(directory)
  assert.equal(compactedBelow(env.disk, directory), 0)
  for (const [offset, kept] of [[20, 20], [300, 300], [40, 300]] as const) {
    await sim.run(compactsBelow(env.disk, directory, offset))
    assert.equal(compactedBelow(env.disk, directory), kept)
  }
  sim.disk.damage('/data/compacted', bytes => { bytes[0] = (bytes[0] ?? 0) ^ 0x01 })
  assert.equal(compactedBelow(env.disk, directory), Infinity)
})

function restarted(sim: Sim, name: string): { readonly env: Env; readonly kill: () => void } {
  const process = sim.process(name)
  return { env: process.env, kill: () => process.kill() }
}
