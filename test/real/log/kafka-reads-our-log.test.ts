/**
 * Apache Kafka itself judges our files: its DumpLogSegments reads them, and a broker started on a copy truncates nothing.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { realEnv } from '../../../src/env/real/env.ts'
import { LogManager } from '../../../src/log/log-manager.ts'
import type { PartitionLog } from '../../../src/log/partition-log.ts'
import { compact } from '../../../src/log/compaction.ts'
import { loadCompression } from '../../../src/wire/compression.ts'
import { kafkaTool, startKafka } from '../../support/kafka.ts'
import { appendMarker, batchOf, configOf, readAll, TOPIC_ID } from '../../support/log-batches.ts'
import { need } from '../../support/need.ts'

need('kafka')

const BATCHES = 10_000
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const NOW_MS = Date.now()

const root = mkdtempSync(join(tmpdir(), 'millrace-log-'))
const closed = join(root, 'closed')
const crashed = join(root, 'crashed')
let logEndOffset = 0
let committedCount = 0

/** Plain, idempotent and transactional batches of every codec; about one transaction in three is aborted. */
async function write(log: PartitionLog): Promise<void> {
  const sequences = new Map<number, number>()
  let open = 0
  for (let index = 0; index < BATCHES; index++) {
    const producerId = index % 4 === 0 ? -1 : 4000 + index % 4
    const count = 1 + index % 5
    const records = Array.from({ length: count }, (_, record) => ({ key: `key-${(index * 7 + record) % 500}`, value: `value ${index} ${record} ${'x'.repeat(index % 200)}`, timestamp: NOW_MS - BATCHES * 10 + index * 10 + (record * 37) % 50 }))
    const baseSequence = sequences.get(producerId) ?? 0
    const transactional = producerId === 4001
    const codec = CODECS[index % CODECS.length] ?? 'none'
    log.append(batchOf(records, producerId === -1 ? { codec } : { codec, producerId, producerEpoch: 0, baseSequence, transactional }), { origin: 'client' })
    if (producerId !== -1) sequences.set(producerId, baseSequence + count)
    if (transactional) open += 1
    if (open === 5) {
      appendMarker(log, index % 3 === 0 ? 'abort' : 'commit', { producerId, producerEpoch: 0 })
      open = 0
    }
    if (index % 500 === 499) await log.flushed(log.logEndOffset)
  }
  if (open > 0) appendMarker(log, 'commit', { producerId: 4001, producerEpoch: 0 })
  await log.flushed(log.logEndOffset)
}

before(async () => {
  await loadCompression()
  const manager = await LogManager.open(realEnv, { directory: closed, durability: { kind: 'sync' }, minFreeBytes: 0 })
  const log = await manager.openPartition({ topicId: TOPIC_ID, topic: 'orders', partition: 0, config: configOf({ segmentBytes: 300_000, retentionMs: -1 }) })
  await write(log)
  logEndOffset = log.logEndOffset
  committedCount = readAll(log, { isolation: 'committed' }).length
  assert.ok(log.segments.length > 5, `${log.segments.length} segments`)
  // The page cache as a SIGKILL would leave it: no clean marker, no indexes of the last segment.
  cpSync(closed, crashed, { recursive: true })
  await manager.close()
})

after(() => rmSync(root, { recursive: true, force: true }))

async function dump(directory: string, options: { readonly compacted?: boolean } = {}): Promise<string> {
  const files = readdirSync(directory).filter(name => /\.(log|index|timeindex|txnindex|snapshot)$/.test(name)).map(name => join(directory, name))
  const ran = await kafkaTool('kafka.tools.DumpLogSegments', ['--deep-iteration', '--files', files.join(',')])
  assert.equal(ran.exitCode, 0, ran.stderr)
  const output = ran.stdout + ran.stderr
  const complaints = output.split('\n').filter(line => /mismatch|not found|non-?consecutive|out of order|isvalid: false|corrupt|exception|error/i.test(line))
    // Compaction leaves gaps, which the tool names and a broker expects.
    .filter(line => options.compacted !== true || !/^(Non-consecutive offsets in| {2}\d+ is followed by \d+)/.test(line))
  assert.deepEqual(complaints, [])
  return output
}

test('DumpLogSegments reads 10,000 batches of every codec, indexes and snapshots without complaint', async () => {
  const output = await dump(join(closed, 'orders-0'))
  const batches = output.match(/^baseOffset: /gm)?.length ?? 0
  assert.ok(batches >= BATCHES, `${batches} batches`)
  assert.equal(output.match(/^\| offset: /gm)?.length, logEndOffset)
  for (const codec of CODECS) assert.ok(output.includes(`compresscodec: ${codec}`), codec)
  assert.ok(output.includes('endTxnMarker: ABORT') && output.includes('endTxnMarker: COMMIT'))
  assert.ok(/version: 0 producerId: 4001/.test(output), 'the transaction index has entries')
})

test('a compacted log, with delete horizons and emptied batches, is read too', async () => {
  const directory = join(root, 'compacted')
  const manager = await LogManager.open(realEnv, { directory, durability: { kind: 'os' }, minFreeBytes: 0 })
  const log = await manager.openPartition({ topicId: TOPIC_ID, topic: 'table', partition: 0, config: configOf({ segmentBytes: 100_000, retentionMs: -1, cleanupCompact: true, cleanupDelete: false }) })
  await write(log)
  for (let index = 0; index < 50; index++) log.append(batchOf([{ key: `key-${index}`, value: null, timestamp: NOW_MS }], { codec: CODECS[index % 5] ?? 'none' }), { origin: 'client' })
  log.roll()
  log.append(batchOf([{ key: 'last', value: 'one', timestamp: NOW_MS }]), { origin: 'client' })
  const result = await compact(log, { nowMs: NOW_MS, force: true })
  assert.ok(result !== undefined && result.bytesAfter * 5 < result.bytesBefore, JSON.stringify(result))
  const kept = readAll(log).filter(record => !record.control)
  assert.equal(new Set(kept.map(record => record.key)).size, 501)
  await manager.close()
  const output = await dump(join(directory, 'table-0'), { compacted: true })
  assert.ok(output.includes('deleteHorizonMs: '), 'a delete horizon is stamped')
})

for (const variant of ['closed', 'crashed'] as const) {
  test(`Apache Kafka started on a copy of a ${variant} directory truncates nothing`, async () => {
    const source = join(root, variant, 'orders-0')
    const kafka = await startKafka({ properties: { 'log.retention.ms': '-1', 'log.cleaner.enable': 'false' } })
    try {
      const [broker] = kafka.brokers
      assert.ok(broker !== undefined)
      const created = await kafkaTool('org.apache.kafka.tools.TopicCommand', ['--bootstrap-server', kafka.bootstrap, '--create', '--topic', 'orders', '--partitions', '1', '--config', 'segment.bytes=1048576'])
      assert.equal(created.exitCode, 0, created.stderr)
      await broker.kill('SIGTERM')
      const data = join(broker.directory, 'data')
      const target = join(data, 'orders-0')
      const metadata = readFileSync(join(target, 'partition.metadata'))
      rmSync(target, { recursive: true })
      cpSync(source, target, { recursive: true })
      writeFileSync(join(target, 'partition.metadata'), metadata)
      if (variant === 'crashed') rmSync(join(data, '.kafka_cleanshutdown'), { force: true })
      await broker.start()
      const offsets = await kafkaTool('org.apache.kafka.tools.GetOffsetShell', ['--bootstrap-server', kafka.bootstrap, '--topic', 'orders'])
      assert.equal(offsets.stdout.trim(), `orders:0:${logEndOffset}`, offsets.stderr)
      const consumed = await kafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', ['--bootstrap-server', kafka.bootstrap, '--topic', 'orders', '--partition', '0', '--offset', 'earliest', '--isolation-level', 'read_committed', '--max-messages', String(committedCount), '--timeout-ms', '20000'])
      assert.equal(consumed.stdout.split('\n').filter(line => line.startsWith('value ')).length, committedCount)
      await broker.kill('SIGTERM')
      const logs = (directory: string): string[] => readdirSync(directory).filter(name => name.endsWith('.log'))
      assert.deepEqual(logs(target), logs(source))
      for (const name of logs(source)) assert.ok(readFileSync(join(target, name)).equals(readFileSync(join(source, name))), `${name} was changed`)
    } finally {
      await kafka.stop()
    }
  })
}
