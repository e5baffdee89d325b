import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCompression } from '../wire/compression.ts'
import { errorCode, kafkaCodeOf } from '../wire/error-codes.ts'
import { simEnv } from '../testing/sim/sim.ts'
import type { Sim } from '../testing/sim/sim.ts'
import { appendMarker, appendRecords, NOW_MS, openLog, openManager, readAll } from '../../test/support/log-batches.ts'
import type { BatchOptions, TestRecord } from '../../test/support/log-batches.ts'
import { compact } from './compaction.ts'
import type { LogManager } from './log-manager.ts'
import type { PartitionLog } from './partition-log.ts'
import { walkBatches } from '../wire/record-batch.ts'
import type { LogConfig } from './types.ts'

await loadCompression()

class Table {
  readonly sim: Sim
  readonly manager: LogManager
  readonly log: PartitionLog

  constructor(sim: Sim, manager: LogManager, log: PartitionLog) {
    this.sim = sim
    this.manager = manager
    this.log = log
  }

  static async open(config: Partial<LogConfig> = {}): Promise<Table> {
    const { sim, env } = simEnv({ seed: 1 })
    const manager = await sim.run(openManager(env))
    return new Table(sim, manager, await sim.run(openLog(manager, { cleanupCompact: true, cleanupDelete: false, retentionMs: -1, deleteRetentionMs: 1000, ...config })))
  }

  put(key: string, value: string | null, options: BatchOptions = {}): void {
    this.putAll([{ key, value }], options)
  }

  putAll(records: readonly TestRecord[], options: BatchOptions = {}): void {
    appendRecords(this.log, records, options)
  }

  /** Rolls, so that everything so far may be cleaned, and cleans. */
  async clean(): Promise<void> {
    this.log.roll()
    await this.sim.run(this.log.flushed(this.log.logEndOffset))
    await this.sim.run(compact(this.log, { nowMs: this.log.context.env.clock.now(), force: true }))
  }

  rows(isolation: 'committed' | 'uncommitted' = 'uncommitted'): string[] {
    return readAll(this.log, { isolation }).map(record => `${record.offset}:${record.control ? 'marker' : `${record.key}=${record.value}`}`)
  }

  batches(): string[] {
    const { records } = this.log.read({ offset: this.log.logStartOffset, bytesMax: 1e6, isolation: 'uncommitted', minOneBatch: true })
    return [...walkBatches(records)].map(batch => `${batch.baseOffset}-${batch.lastOffset} ${batch.recordCount}`)
  }
}

test('of each key the newest record stays, offsets and order never change', async () => {
  const table = await Table.open()
  table.putAll([{ key: 'a', value: '1' }, { key: 'b', value: '1' }, { key: 'a', value: '2' }], { codec: 'gzip' })
  table.putAll([{ key: 'c', value: '1' }, { key: 'a', value: '3' }], { codec: 'zstd' })
  await table.clean()
  table.put('a', '4')
  await table.sim.run(table.log.flushed(6))
  assert.deepEqual(table.rows(), ['1:b=1', '3:c=1', '4:a=3', '5:a=4'])
  assert.deepEqual(readAll(table.log, { from: 2 }).map(record => record.offset), [3, 4, 5])
})

test('the active segment, and what is not stable yet, are never touched', async () => {
  const table = await Table.open()
  table.put('a', '1')
  table.put('a', '2')
  table.log.roll()
  table.put('t', '1', { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true })
  table.put('a', '3')
  await table.clean()
  assert.deepEqual(table.rows(), ['1:a=2', '2:t=1', '3:a=3'])
  appendMarker(table.log, 'commit', { producerId: 1 })
  await table.clean()
  assert.deepEqual(table.rows(), ['2:t=1', '3:a=3', '4:marker'])
})

test('a tombstone removes what is older, stays until its delete horizon, and the horizon is not armed again', async () => {
  const table = await Table.open()
  table.put('a', '1')
  table.put('a', null)
  table.put('b', '1')
  await table.clean()
  assert.deepEqual(table.rows(), ['1:a=null', '2:b=1'])
  await table.sim.advance(600)
  table.put('c', '1')
  await table.clean()
  assert.deepEqual(table.rows(), ['1:a=null', '2:b=1', '3:c=1'])
  assert.deepEqual(readAll(table.log).map(record => record.timestamp), [NOW_MS, NOW_MS, NOW_MS])
  await table.sim.advance(600)
  table.put('d', '1')
  await table.clean()
  assert.deepEqual(table.rows(), ['2:b=1', '3:c=1', '4:d=1'])
})

test('aborted records go at once and never shadow older ones', async () => {
  const table = await Table.open()
  table.put('a', '1')
  table.put('a', 'aborted', { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true })
  table.put('b', 'aborted', { producerId: 1, producerEpoch: 0, baseSequence: 1, transactional: true })
  appendMarker(table.log, 'abort', { producerId: 1 })
  table.put('c', '1')
  await table.clean()
  assert.deepEqual(table.rows(), ['0:a=1', '3:marker', '4:c=1'])
  assert.deepEqual(table.rows('committed'), ['0:a=1', '4:c=1'])
  // The producer's last data batch stays, empty, for its sequence.
  assert.deepEqual(table.batches(), ['0-0 1', '2-2 0', '3-3 1', '4-4 1'])
  assert.equal(appendRecords(table.log, [{ key: 'd', value: '1' }], { producerId: 1, producerEpoch: 0, baseSequence: 2 }).baseOffset, 5)
})

test('a marker stays while its records are there, and then until its horizon has passed', async () => {
  const table = await Table.open()
  table.put('a', '1', { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true })
  appendMarker(table.log, 'commit', { producerId: 1 })
  table.put('z', '0', { producerId: 1, producerEpoch: 0, baseSequence: 1 })
  await table.clean()
  await table.sim.advance(5000)
  await table.clean()
  assert.deepEqual(table.rows(), ['0:a=1', '1:marker', '2:z=0'])
  table.put('a', '2')
  await table.clean()
  assert.deepEqual(table.rows(), ['1:marker', '2:z=0', '3:a=2'], 'the record was met in this round')
  await table.clean()
  assert.deepEqual(table.rows(), ['1:marker', '2:z=0', '3:a=2'], 'the horizon is stamped now')
  await table.sim.advance(1001)
  await table.clean()
  assert.deepEqual(table.rows(), ['2:z=0', '3:a=2'])
})

test('the last marker of a producer without data keeps its epoch known', async () => {
  const table = await Table.open()
  table.put('a', '1', { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true })
  appendMarker(table.log, 'commit', { producerId: 1, producerEpoch: 1 }, 2)
  table.put('a', '2')
  for (let round = 0; round < 4; round++) {
    await table.clean()
    await table.sim.advance(2000)
  }
  assert.deepEqual(table.batches(), ['1-1 0', '2-2 1'])
})

test('the last batch of a round stays, empty if need be, so that the end stays known', async () => {
  const table = await Table.open()
  table.put('a', '1')
  table.put('gone', null)
  await table.clean()
  await table.sim.advance(2000)
  await table.clean()
  assert.deepEqual(table.batches(), ['0-0 1', '1-1 0'])
})

test('lag: what is younger than min.compaction.lag stays; the dirty ratio and max.compaction.lag decide when', async () => {
  const young = await Table.open({ minCompactionLagMs: 10_000 })
  young.put('a', '1')
  young.put('a', '2')
  await young.clean()
  assert.deepEqual(young.rows(), ['0:a=1', '1:a=2'])
  await young.sim.advance(10_001)
  await young.clean()
  assert.deepEqual(young.rows(), ['1:a=2'])

  const lazy = await Table.open({ minCleanableDirtyRatio: 0.9, maxCompactionLagMs: 60_000 })
  for (let index = 0; index < 20; index++) lazy.put(`k${index}`, 'x'.repeat(50))
  await lazy.clean()
  lazy.put('k0', 'new')
  lazy.log.roll()
  await lazy.sim.run(lazy.log.flushed(21))
  const tick = (): Promise<unknown> => lazy.sim.run(lazy.manager.compactDirty())
  await tick()
  assert.equal(lazy.rows().length, 21)
  await lazy.sim.advance(61_000)
  await tick()
  assert.equal(lazy.rows().length, 20)
})

test('neighbours are merged, no more than fit into a segment, and every offset is still found', async () => {
  const table = await Table.open({ segmentBytes: 800 })
  for (let index = 0; index < 100; index++) table.put(`k${index % 10}`, `${index}`.padEnd(80, '.'))
  const before = table.log.segments.length
  // Groups are made by the sizes before a round: the first shrinks the segments, the second merges them.
  await table.clean()
  await table.clean()
  assert.ok(table.log.segments.length < before / 3, `${before} segments became ${table.log.segments.length}`)
  for (let offset = 0; offset < 100; offset++) assert.equal(readAll(table.log, { from: offset })[0]?.offset, Math.max(offset, 90))
  for (const segment of table.log.segments.slice(0, -1)) assert.ok(segment.sizeBytes <= 800)
})

test('a caught-up reader has seen every record: compaction never reaches the log\'s end', async () => {
  const table = await Table.open({ segmentBytes: 500 })
  const seen: string[] = []
  for (let index = 0; index < 60; index++) {
    table.put(`k${index % 4}`, `${index}`.padEnd(60, '.'))
    await table.sim.run(table.log.flushed(index + 1))
    seen.push(...readAll(table.log, { from: index }).map(record => record.value?.replace(/\.+$/, '') ?? ''))
    if (index % 7 === 0) await table.sim.run(compact(table.log, { nowMs: NOW_MS, force: true }))
  }
  assert.deepEqual(seen, Array.from({ length: 60 }, (_, index) => `${index}`))
})

test('a record without a key is refused where the topic is compacted, with all of its batch', async () => {
  const table = await Table.open()
  assert.throws(() => table.putAll([{ key: 'a', value: '1' }, { key: null, value: '2' }]), (error: unknown) => kafkaCodeOf(error) === errorCode('INVALID_RECORD'))
  assert.throws(() => table.putAll([{ key: null, value: '2' }], { codec: 'gzip' }), (error: unknown) => kafkaCodeOf(error) === errorCode('INVALID_RECORD'))
  assert.deepEqual(table.rows(), [])
})

test('a transaction that spans segments: its marker, wherever it is, decides what stays', async () => {
  const table = await Table.open()
  const [committed, aborted] = [{ producerId: 1, producerEpoch: 0, transactional: true }, { producerId: 2, producerEpoch: 0, transactional: true }]
  table.put('a', 'old')
  table.put('b', 'old')
  table.put('a', 'new', { ...committed, baseSequence: 0 })
  table.put('b', 'never', { ...aborted, baseSequence: 0 })
  // Both are open: nothing at or behind the first of them is touched.
  await table.clean()
  assert.deepEqual(table.rows(), ['0:a=old', '1:b=old', '2:a=new', '3:b=never'])
  table.put('c', 'new', { ...committed, baseSequence: 1 })
  table.log.roll()
  appendMarker(table.log, 'commit', { producerId: 1 })
  await table.clean()
  // The other one still holds the stable offset, and lies behind the record that would go with it.
  assert.deepEqual(table.rows(), ['0:a=old', '1:b=old', '2:a=new', '3:b=never', '4:c=new', '5:marker'])
  appendMarker(table.log, 'abort', { producerId: 2 })
  await table.clean()
  assert.deepEqual(table.rows('committed'), ['1:b=old', '2:a=new', '4:c=new'])
  assert.deepEqual(table.rows(), ['1:b=old', '2:a=new', '4:c=new', '5:marker', '6:marker'])
})

test('a delete horizon holds over a restart: it is in the log, and is not armed again', async () => {
  const table = await Table.open()
  table.put('a', '1')
  table.put('gone', null)
  table.put('z', '1')
  await table.clean()
  await table.sim.run(table.manager.close())
  const manager = await table.sim.run(openManager(table.sim.process('again').env))
  const again = new Table(table.sim, manager, await table.sim.run(openLog(manager, { cleanupCompact: true, cleanupDelete: false, retentionMs: -1, deleteRetentionMs: 1000 })))
  await table.sim.advance(500)
  await again.clean()
  assert.deepEqual(again.rows(), ['0:a=1', '1:gone=null', '2:z=1'])
  await table.sim.advance(600)
  await again.clean()
  assert.deepEqual(again.rows(), ['0:a=1', '2:z=1'])
})
