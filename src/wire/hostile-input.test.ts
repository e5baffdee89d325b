/**
 * Bytes from somebody who means harm, or from a broken disk: whatever they are, the outcome is a value, `FRAME_MALFORMED`
 * (frames) or `BATCH_CORRUPT` (batches, compressed data); no other error, no hang, no memory for what is only claimed.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { readRecordedFrames } from '../../test/support/recorded-frames.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import type { SeededRandom } from '../../test/support/seeded-random.ts'
import { MillraceError } from '../base/errors.ts'
import { APIS } from './apis/index.ts'
import { BatchBuilder, endTxnMarkerOf } from './batch-builder.ts'
import { CODECS, compress, decompress, decompressedBytesMax, DECOMPRESSED_BYTES_ALWAYS, DECOMPRESSED_BYTES_MAX, loadCompression } from './compression.ts'
import type { CodecName } from './compression.ts'
import { decodeAssignment, decodeSubscription, encodeSubscription } from './consumer-protocol.ts'
import { crc32c } from './crc32c.ts'
import { decodeRequest, decodeRequestHeader, decodeResponse, decodeResponseHeader } from './frames.ts'
import { BatchView, RecordCursor, validateBatches, walkBatches } from './record-batch.ts'
import { WireReader } from './reader.ts'

const CODEC_NAMES = Object.keys(CODECS) as CodecName[] // The keys of CODECS are its names.
const ROUNDS = Number(process.env['MILLRACE_FUZZ_ROUNDS'] ?? 40)

before(loadCompression)

test('mutated frames of every API and version are decoded or FRAME_MALFORMED', () => {
  const random = seededRandom()
  const counts = { decoded: 0, refused: 0 }
  for (const { key, version, direction, frame } of readRecordedFrames()) {
    const api = APIS.get(key)
    if (api === undefined) continue
    for (let round = 0; round < ROUNDS; round++) {
      const bad = mutated(frame, random)
      const decode = (): unknown => direction === 'request'
        ? decodeRequest(api, version, decodeRequestHeader(bad).reader)
        : decodeResponse(api, version, decodeResponseHeader(bad).reader)
      counts[onlyThrows(decode, 'FRAME_MALFORMED', `${api.name} v${version} ${direction}, ${random.seedText}: ${bad.toString('hex')}`)]++
    }
  }
  assert.ok(counts.decoded > 1_000 && counts.refused > 1_000, JSON.stringify(counts))
})

test('random bytes are no frame that does harm', () => {
  const random = seededRandom()
  for (const api of APIS.values()) {
    for (let version = api.versionMin; version <= api.versionMax; version++) {
      for (let round = 0; round < ROUNDS / 4; round++) {
        const bytes = random.bytes(random.below(200))
        onlyThrows(() => decodeRequest(api, version, new WireReader(bytes)), 'FRAME_MALFORMED', `${api.name} v${version}, ${random.seedText}`)
        onlyThrows(() => decodeResponse(api, version, new WireReader(bytes)), 'FRAME_MALFORMED', `${api.name} v${version}, ${random.seedText}`)
      }
    }
  }
})

test('a frame cut anywhere is FRAME_MALFORMED', () => {
  const seen = new Set<string>()
  for (const { key, version, direction, frame } of readRecordedFrames()) {
    const api = APIS.get(key)
    const kind = `${key} ${version} ${direction}`
    if (api === undefined || seen.has(kind) || frame.length > 600) continue
    seen.add(kind)
    for (let length = 0; length < frame.length; length++) {
      const cut = frame.subarray(0, length)
      assert.throws(() => direction === 'request'
        ? decodeRequest(api, version, decodeRequestHeader(cut).reader)
        : decodeResponse(api, version, decodeResponseHeader(cut).reader), { code: 'FRAME_MALFORMED' }, `${api.name} v${version} ${direction} cut to ${length} of ${frame.length}`)
    }
  }
  assert.ok(seen.size > 400)
})

test('mutated batches, with a right CRC, are walked or BATCH_CORRUPT', () => {
  const random = seededRandom()
  const cursor = new RecordCursor()
  const counts = { decoded: 0, refused: 0 }
  for (const codec of CODEC_NAMES) {
    for (let round = 0; round < ROUNDS * 25; round++) {
      const bad = mutated(batch(codec, random), random)
      if (bad.length >= 61 && random.below(2) === 0) {
        bad.writeInt32BE(bad.length - 12, 8)
        bad[16] = 2
        bad.writeUInt32BE(crc32c(bad, 21), 17)
      }
      const what = `${codec}, ${random.seedText}: ${bad.toString('hex')}`
      counts[onlyThrows(() => readAll(bad, cursor), 'BATCH_CORRUPT', what)]++
      const verdict = validateBatches(bad, { records: true })
      if (verdict.ok && bad.length > 0) readAll(bad, cursor, false) // What is called sound can be read.
    }
  }
  assert.ok(counts.decoded > 100 && counts.refused > 1_000, JSON.stringify(counts))
})

test('mutated compressed data is decompressed within its limit or BATCH_CORRUPT', () => {
  const random = seededRandom()
  for (const codec of [1, 2, 3, 4]) {
    for (let round = 0; round < ROUNDS * 25; round++) {
      const plain = Buffer.from(`${'record '.repeat(random.below(100))}${random.bytes(random.below(100)).toString('hex')}`)
      const bad = mutated(compress(codec, plain), random)
      onlyThrows(() => assert.ok(decompress(codec, bad, { bytesMax: 100_000 }).length <= 100_000), 'BATCH_CORRUPT', `codec ${codec}, ${random.seedText}: ${bad.toString('hex')}`)
    }
  }
})

test('what compressed data only claims is not allocated', () => {
  const bombs: readonly (readonly [number, string, Buffer])[] = [
    [2, 'raw snappy that claims 4 GiB', Buffer.from('ffffffff0f00', 'hex')],
    [2, 'xerial snappy with a chunk of 2 GiB', Buffer.concat([Buffer.from('82534e4150505900', 'hex'), Buffer.from('00000001000000017fffffff', 'hex')])],
    [2, 'xerial snappy with a negative chunk', Buffer.concat([Buffer.from('82534e4150505900', 'hex'), Buffer.from('0000000100000001ffffffff', 'hex')])],
    [4, 'zstd that claims 64 GiB in one segment', Buffer.from('28b52ffde0000000000000001001000000', 'hex')],
    [4, 'zstd of a thousand run-length blocks', zstdRuns(1_000)],
    [4, 'zstd with a window of 2 GiB', Buffer.from('28b52ffd00a8010000', 'hex')],
    [3, 'lz4 whose block says it is 2 GiB', Buffer.from('04224d186040820000007f', 'hex')],
    [1, 'gzip of 300 MiB of zeros', gzipBomb()],
  ]
  for (const [codec, what, bytes] of bombs) {
    const before = process.memoryUsage().rss
    assert.throws(() => decompress(codec, bytes, { bytesMax: decompressedBytesMax(bytes.length) }), { code: 'BATCH_CORRUPT' }, what)
    assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024, what)
  }
})

test('the limit is 64 MiB and 200 times, but small results may have any ratio', () => {
  assert.equal(decompressedBytesMax(1_000_000), DECOMPRESSED_BYTES_MAX)
  assert.equal(decompressedBytesMax(100_000), 20_000_000)
  assert.equal(decompressedBytesMax(10), DECOMPRESSED_BYTES_ALWAYS)
  const builder = new BatchBuilder({ codec: 'zstd', bytesMax: 10_000_000 })
  for (let count = 0; count < 500; count++) builder.append(1, null, Buffer.alloc(10_000))
  const equalRecords = new BatchView(builder.build())
  assert.ok(equalRecords.sizeBytes < 5_000_000 / 201)
  const cursor = equalRecords.records()
  let count = 0
  while (cursor.next()) count++
  assert.equal(count, 500)
})

test('a batch that claims more records than it has bytes is refused at once', () => {
  const bytes = batch('none', seededRandom())
  bytes.writeInt32BE(0x7fff_ffff, 57)
  bytes.writeUInt32BE(crc32c(bytes, 21), 17)
  assert.throws(() => new BatchView(bytes).records(), { code: 'BATCH_CORRUPT' })
})

test('mutated subscriptions and assignments are read or FRAME_MALFORMED', () => {
  const random = seededRandom()
  const good = encodeSubscription({ topics: ['orders', 'views'], ownedPartitions: [{ topic: 'orders', partitions: [0, 1] }], generationId: 3 })
  for (let round = 0; round < ROUNDS * 50; round++) {
    const bad = mutated(good, random)
    onlyThrows(() => decodeSubscription(bad), 'FRAME_MALFORMED', `${random.seedText}: ${bad.toString('hex')}`)
    onlyThrows(() => decodeAssignment(bad), 'FRAME_MALFORMED', `${random.seedText}: ${bad.toString('hex')}`)
  }
})

function onlyThrows(action: () => unknown, code: string, what: string): 'decoded' | 'refused' {
  try {
    action()
    return 'decoded'
  } catch (error) {
    if (error instanceof MillraceError && error.code === code) return 'refused'
    throw new Error(`not ${code}: ${String(error)}; ${what}`, { cause: error })
  }
}

/** Flips, cuts, insertions, and the lengths that attackers like. */
function mutated(good: Buffer, random: SeededRandom): Buffer {
  let bytes = Buffer.from(good)
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length)
    switch (random.below(7)) {
      case 0: bytes[at] = random.below(256); break
      case 1: bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8)); break
      case 2: bytes = bytes.subarray(0, at); break
      case 3: bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(8)), bytes.subarray(at)]); break
      case 4: bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))]); break
      default: {
        const lengths = ['7fffffff', '80000000', 'ffffffff', 'fffffffe', '7fff', '8000', 'ffffffff0f', 'ffffffffffffffffff01', '80808080808080808080']
        Buffer.from(lengths[random.below(lengths.length)] ?? '', 'hex').copy(bytes, at)
      }
    }
  }
  return bytes
}

function batch(codec: CodecName, random: SeededRandom): Buffer {
  const builder = new BatchBuilder({ codec })
  for (let count = 1 + random.below(5); count > 0; count--) {
    builder.append(1_700_000_000_000 + random.below(1_000), random.below(3) === 0 ? null : random.bytes(random.below(10)), random.bytes(random.below(40)), random.below(2) === 0 ? [] : [{ key: 'h', value: null }, { key: 'trace', value: Buffer.from('1') }])
  }
  return Buffer.from(builder.build({ control: random.below(10) === 0 }))
}

function readAll(bytes: Buffer, cursor: RecordCursor, markers: boolean = true): void {
  new BatchView(bytes)
  for (const view of walkBatches(bytes)) {
    view.verifyCrc()
    void [view.baseOffset, view.lastOffset, view.baseTimestamp, view.maxTimestamp, view.producerId, view.producerEpoch, view.baseSequence, view.leaderEpoch]
    view.records(cursor)
    while (cursor.next()) {
      assert.ok(cursor.keyEnd >= cursor.keyStart && cursor.valueEnd >= cursor.valueStart && cursor.recordEnd <= cursor.buffer.length)
      cursor.readHeaders()
    }
    if (markers) endTxnMarkerOf(view)
  }
}

/** Each block of four bytes stands for 128 KiB. */
function zstdRuns(blocks: number): Buffer {
  const runs = Array.from({ length: blocks }, (_, index) => {
    const header = Buffer.alloc(4)
    header.writeUIntLE((131_072 << 3) | (1 << 1) | (index === blocks - 1 ? 1 : 0), 0, 3)
    return header
  })
  return Buffer.concat([Buffer.from('28b52ffd0038', 'hex'), ...runs])
}

/** Members of gzip may follow one another. */
function gzipBomb(): Buffer {
  const member = compress(CODECS.gzip, Buffer.alloc(10 * 1024 * 1024))
  return Buffer.concat(Array.from({ length: 30 }, () => member))
}
