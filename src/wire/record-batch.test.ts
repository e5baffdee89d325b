import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { BatchBuilder, controlBatch, endTxnMarkerOf } from './batch-builder.ts'
import { CODECS, compress, decompress, loadCompression } from './compression.ts'
import type { CodecName } from './compression.ts'
import { crc32c, crc32cByTable, crc32cFrom, crc32cJoined } from './crc32c.ts'
import { murmur2, partitionOf } from './partitioner.ts'
import { BatchView, setBaseOffset, setLeaderEpoch, setMaxTimestampLogAppend, validateBatches, walkBatches } from './record-batch.ts'
import type { RecordHeader } from './record-batch.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import type { SeededRandom } from '../../test/support/seeded-random.ts'

interface Row {
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

before(loadCompression)

test('what is built is what is walked, for every codec', () => {
  const random = seededRandom()
  for (const codec of Object.keys(CODECS) as CodecName[]) { // The keys of CODECS are its names.
    for (let round = 0; round < 20; round++) {
      const rows = randomRows(random)
      const batch = build(rows, codec)
      const view = new BatchView(batch)
      assert.equal(view.sizeBytes, batch.length)
      assert.equal(view.codec, CODECS[codec])
      assert.equal(view.recordCount, rows.length)
      assert.equal(view.lastOffset, 1_000 + rows.length - 1)
      assert.ok(view.verifyCrc(), random.seedText)
      assert.equal(view.maxTimestamp, Math.max(...rows.map(row => row.timestamp)))
      assert.deepEqual(readRows(view), rows, random.seedText)
      assert.deepEqual(validateBatches(batch, { records: true }), { ok: true, batches: 1, records: rows.length })
    }
  }
})

test('producer fields go into the header, and build may be called again with others', () => {
  const builder = new BatchBuilder()
  builder.append(5, null, Buffer.from('v'))
  const first = builder.build({ producerId: 2 ** 50, producerEpoch: 3, baseSequence: 2_147_483_647, transactional: true })
  const again = builder.build({ producerId: 2 ** 50, producerEpoch: 4, baseSequence: 0, transactional: true })
  assert.equal(first, again)
  const view = new BatchView(again)
  assert.deepEqual([view.producerId, view.producerEpoch, view.baseSequence, view.isTransactional, view.isControl], [2 ** 50, 4, 0, true, false])
  assert.ok(view.verifyCrc())
  builder.reset()
  builder.append(6, null, Buffer.from('w'))
  builder.build()
  assert.equal(readRows(new BatchView(again))[0]?.value?.toString(), 'v', 'a built batch stays with its owner')
})

test('a batch is full at bytesMax, but its first record always fits', () => {
  const builder = new BatchBuilder({ bytesMax: 200 })
  assert.equal(builder.append(1, null, Buffer.alloc(500)), true)
  assert.equal(builder.append(1, null, Buffer.alloc(1)), false)
  assert.equal(builder.count, 1)
  builder.reset()
  let count = 0
  while (builder.append(1, null, Buffer.alloc(20))) count++
  assert.ok(builder.bytes <= 200)
  assert.equal(builder.count, count)
  assert.ok(count >= 4)
})

test('offset, epoch and log-append time are patched in place', () => {
  const batch = build([{ timestamp: 10, key: null, value: null, headers: [] }, { timestamp: 11, key: null, value: null, headers: [] }], 'none')
  setBaseOffset(batch, 0, 2 ** 40)
  setLeaderEpoch(batch, 0, 7)
  assert.ok(new BatchView(batch).verifyCrc(), 'the CRC does not cover offset and epoch')
  setMaxTimestampLogAppend(batch, 0, 999)
  const view = new BatchView(batch)
  assert.ok(view.verifyCrc())
  assert.equal(view.leaderEpoch, 7)
  assert.equal(view.timestampType, 'logAppendTime')
  const cursor = view.records()
  const seen: number[][] = []
  while (cursor.next()) seen.push([cursor.offset, cursor.timestamp])
  assert.deepEqual(seen, [[2 ** 40, 999], [2 ** 40 + 1, 999]])
})

test('control batches say commit or abort', () => {
  for (const type of ['commit', 'abort'] as const) {
    const view = new BatchView(controlBatch({ producerId: 4, producerEpoch: 1, type, coordinatorEpoch: 9, timestamp: 100, baseOffset: 50 }))
    assert.ok(view.isControl && view.isTransactional && view.verifyCrc())
    assert.deepEqual(endTxnMarkerOf(view), { type, coordinatorEpoch: 9 })
    assert.equal(view.baseOffset, 50)
  }
  assert.equal(endTxnMarkerOf(new BatchView(build([{ timestamp: 1, key: null, value: null, headers: [] }], 'none'))), undefined)
})

test('several batches are walked, and a cut one at the end is left out', () => {
  const one = build([{ timestamp: 1, key: null, value: Buffer.from('a'), headers: [] }], 'none')
  const all = Buffer.concat([one, one, one.subarray(0, one.length - 1)])
  assert.equal([...walkBatches(all)].length, 2)
  const result = validateBatches(all)
  assert.ok(!result.ok && result.fault === 'truncated' && result.position === 2 * one.length)
})

test('each fault of a header is named', () => {
  const good = build([{ timestamp: 1, key: null, value: Buffer.from('a'), headers: [] }], 'none')
  const faultOf = (change: (batch: Buffer) => void, limits = {}): string => {
    const batch = Buffer.from(good)
    change(batch)
    const result = validateBatches(batch, limits)
    return result.ok ? 'none' : result.fault
  }
  const withCrc = (batch: Buffer): void => { batch.writeUInt32BE(crc32c(batch, 21), 17) }
  assert.equal(faultOf(() => {}), 'none')
  assert.equal(faultOf(batch => batch.writeInt32BE(20, 8)), 'size')
  assert.equal(faultOf(batch => batch.writeInt32BE(10_000, 8)), 'truncated')
  assert.equal(faultOf(batch => { batch[16] = 1 }), 'magic')
  assert.equal(faultOf(batch => { batch[30] = 77 }), 'crc')
  assert.equal(faultOf(batch => { batch[22] = 6; withCrc(batch) }), 'codec')
  assert.equal(faultOf(batch => { batch.writeInt32BE(5, 57); withCrc(batch) }), 'count')
  assert.equal(faultOf(batch => { batch[61] = 2; withCrc(batch) }, { records: true }), 'records')
  assert.equal(faultOf(() => {}, { batchBytesMax: 60 }), 'tooLarge')
})

test('a compressed batch does not grow beyond its limit', () => {
  const zeros = Buffer.alloc(10_000_000)
  for (const codec of [1, 2, 3, 4]) {
    const packed = compress(codec, zeros)
    assert.ok(packed.length < 600_000)
    assert.throws(() => decompress(codec, packed, { bytesMax: 9_000_000 }), { code: 'BATCH_CORRUPT' })
    assert.equal(decompress(codec, packed, { bytesMax: 10_000_000 }).compare(zeros), 0)
  }
})

test('CRC-32C: known value, table and native agree', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe306_9283)
  const random = seededRandom()
  for (let round = 0; round < 200; round++) {
    const bytes = random.bytes(random.below(2_000))
    const start = random.below(bytes.length + 1)
    assert.equal(crc32cByTable(bytes, start, bytes.length), crc32c(bytes, start), random.seedText)
    assert.equal(crc32cFrom(crc32c(bytes, 0, start), bytes.subarray(start)), crc32c(bytes), random.seedText)
    assert.equal(crc32cJoined(crc32c(bytes, 0, start), crc32c(bytes, start), bytes.length - start), crc32c(bytes), random.seedText)
  }
})

test('CRC-32C of two parts, of any length, is that of the whole', () => {
  const random = seededRandom()
  const bytes = random.bytes(3 * 1024 * 1024)
  for (const end of [bytes.length, 1 << 20, 65_536, 65_537, 4_096]) {
    for (const start of [0, 1, 61, random.below(end), end]) assert.equal(crc32cJoined(crc32c(bytes, 0, start), crc32c(bytes, start, end), end - start), crc32c(bytes, 0, end), random.seedText)
  }
})

test('murmur2 and the partition are those of the Java client', () => {
  // Values of org.apache.kafka.common.utils.Utils.murmur2.
  const known: readonly (readonly [string, number])[] = [
    ['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536], ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971], ['abc', 479470107], ['', 275646681],
  ]
  for (const [key, hash] of known) assert.equal(murmur2(Buffer.from(key)), hash, key)
  assert.equal(partitionOf(Buffer.from('foobar'), 10), (-790332482 & 0x7fff_ffff) % 10)
})

function build(rows: readonly Row[], codec: CodecName): Buffer {
  const builder = new BatchBuilder({ codec, bytesMax: 10_000_000 })
  for (const row of rows) assert.ok(builder.append(row.timestamp, row.key, row.value, row.headers))
  return builder.build({ baseOffset: 1_000 })
}

function readRows(view: BatchView): Row[] {
  const rows: Row[] = []
  const cursor = view.records()
  while (cursor.next()) {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
    assert.equal(cursor.offset, view.baseOffset + rows.length)
    rows.push({
      timestamp: cursor.timestamp,
      key: keyStart < 0 ? null : Buffer.from(buffer.subarray(keyStart, keyEnd)),
      value: valueStart < 0 ? null : Buffer.from(buffer.subarray(valueStart, valueEnd)),
      headers: cursor.readHeaders().map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) })),
    })
  }
  return rows
}

function randomRows(random: SeededRandom): Row[] {
  const bytesOrNull = (lengthMax: number): Buffer | null => random.below(5) === 0 ? null : random.bytes(random.below(lengthMax))
  const base = 1_700_000_000_000
  return Array.from({ length: 1 + random.below(300) }, () => ({
    timestamp: base + (random.below(20) === 0 ? random.below(2 ** 45) - 2 ** 40 : random.below(5_000) - 2_500),
    key: bytesOrNull(40),
    value: bytesOrNull(random.below(10) === 0 ? 5_000 : 100),
    headers: random.below(4) > 0 ? [] : Array.from({ length: 1 + random.below(4) }, () => ({ key: `h${random.below(100)}é`, value: bytesOrNull(30) })),
  }))
}
