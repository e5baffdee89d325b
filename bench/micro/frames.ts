/**
 * Frames and codecs: a fetched frame decoded and walked, requests and metadata encoded and decoded, records (de)compressed.
 *
 *   node dist/bench/micro/frames.js
 *
 * What it does not measure: sockets, and compressibility other than that of the JSON-like text used here. Rounds are interleaved;
 * median and range are printed.
 */
import { produce } from '../../src/wire/apis/00-produce.ts'
import { fetch } from '../../src/wire/apis/01-fetch.ts'
import { metadata } from '../../src/wire/apis/03-metadata.ts'
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { CODECS, compress, decompress, loadCompression } from '../../src/wire/compression.ts'
import { decodeRequest, decodeRequestHeader, decodeResponse, decodeResponseHeader, encodeRequest, encodeResponse } from '../../src/wire/frames.ts'
import { RecordCursor, walkBatches } from '../../src/wire/record-batch.ts'

const ROUNDS = 9
const PARTITIONS = 32
const TOPIC_ID = 'Sg4pPkLVQm6jVFTTxh2hVw'

await loadCompression()
const batch = makeBatch(16 * 1024)
const fetchFrame = join(encodeResponse(fetch, 17, 1, {
  responses: [{ topicId: TOPIC_ID, partitions: Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({ partitionIndex, errorCode: 0, highWatermark: 1_000, records: batch })) }],
}))
const produceBody = { acks: -1, timeoutMs: 1_000, topicData: [{ name: 'orders', partitionData: Array.from({ length: PARTITIONS }, (_, index) => ({ index, records: batch })) }] }
const produceFrame = join(encodeRequest(produce, 12, { correlationId: 1, clientId: 'bench' }, produceBody))
const metadataBody = {
  brokers: [{ nodeId: 1, host: 'localhost', port: 9092 }],
  topics: Array.from({ length: 100 }, (_, topic) => ({
    errorCode: 0, name: `topic-${topic}`, topicId: TOPIC_ID,
    partitions: Array.from({ length: 10 }, (__, partitionIndex) => ({ errorCode: 0, partitionIndex, leaderId: 1, replicaNodes: [1], isrNodes: [1] })),
  })),
}
const metadataFrame = join(encodeResponse(metadata, 12, 1, metadataBody))
const plain = makeBatch(256 * 1024).subarray(61)
const cursor = new RecordCursor()
let sink = 0

/** Name, unit, and a run that returns how many units it did. */
const cases: readonly (readonly [string, string, () => number])[] = [
  [`fetch v17, ${PARTITIONS} partitions: decode`, '1000 frames/s', () => times(300, () => decodeResponse(fetch, 17, decodeResponseHeader(fetchFrame).reader).responses.length)],
  [`fetch v17, ${PARTITIONS} partitions of 16 KiB: decode, check CRC, walk`, '1000 records/s', () => times(10, fetchAndWalk)],
  [`produce v12, ${PARTITIONS} partitions: encode`, '1000 frames/s', () => times(300, () => encodeRequest(produce, 12, { correlationId: 1, clientId: 'bench' }, produceBody).length && 1)],
  [`produce v12, ${PARTITIONS} partitions: decode`, '1000 frames/s', () => times(300, () => decodeRequest(produce, 12, decodeRequestHeader(produceFrame).reader).topicData.length)],
  ['metadata v12, 1000 partitions: encode', '1000 frames/s', () => times(20, () => encodeResponse(metadata, 12, 1, metadataBody).length && 1)],
  ['metadata v12, 1000 partitions: decode', '1000 frames/s', () => times(20, () => decodeResponse(metadata, 12, decodeResponseHeader(metadataFrame).reader).brokers.length)],
  ...(['gzip', 'snappy', 'lz4', 'zstd'] as const).flatMap(name => {
    const codec = CODECS[name]
    const packed = compress(codec, plain)
    return [
      [`${name}: compress (to ${Math.round(packed.length / plain.length * 100)} %)`, 'kB/s', () => times(4, () => { compress(codec, plain); return plain.length })],
      [`${name}: decompress`, 'kB/s', () => times(8, () => decompress(codec, packed, { bytesMax: plain.length }).length)],
    ] as const
  }),
]

const rates = cases.map((): number[] => [])
for (let round = 0; round < ROUNDS + 2; round++) {
  cases.forEach(([, , run], index) => {
    const start = performance.now()
    const count = run()
    // The first two rounds warm up.
    if (round >= 2) rates[index]?.push(count / (performance.now() - start))
  })
}
console.log(`node ${process.version}: median (range)`)
cases.forEach(([name, unit], index) => {
  const sorted = (rates[index] ?? []).sort((a, b) => a - b)
  const show = (rate: number | undefined): string => (rate ?? 0).toFixed((rate ?? 0) < 100 ? 1 : 0)
  console.log(`${name.padEnd(66)} ${show(sorted[sorted.length >> 1]).padStart(8)} ${unit} (${show(sorted[0])} to ${show(sorted.at(-1))})`)
})
if (sink === 0.5) console.log('never') // Keeps the results of the loops in use.

function times(count: number, run: () => number): number {
  let sum = 0
  for (let index = 0; index < count; index++) sum += run()
  sink += sum
  return sum
}

function fetchAndWalk(): number {
  let count = 0
  for (const { partitions } of decodeResponse(fetch, 17, decodeResponseHeader(fetchFrame).reader).responses) {
    for (const { records } of partitions) {
      if (records === null) continue
      for (const view of walkBatches(records)) {
        if (!view.verifyCrc()) throw new Error('a batch of this benchmark is broken')
        view.records(cursor)
        while (cursor.next()) count++
      }
    }
  }
  return count
}

function makeBatch(bytes: number): Buffer {
  const builder = new BatchBuilder({ bytesMax: bytes })
  for (let index = 0; ; index++) {
    const value = JSON.stringify({ user: `user-${Math.imul(index, 0x9e37_79b9) >>> 20}`, type: ['view', 'click', 'cart'][index % 3], item: index % 977, time: 1_700_000_000_000 + index })
    if (!builder.append(1_700_000_000_000 + index, Buffer.from(`user-${index % 100}`), Buffer.from(value))) return builder.build()
  }
}

function join(chunks: readonly Buffer[]): Buffer {
  return Buffer.concat(chunks).subarray(4)
}
