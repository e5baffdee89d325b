/**
 * The hot path of the wire: how many records a second can be walked in place, checked and built, beside the ceiling of
 * merely touching their bytes.
 *
 *   node dist/bench/micro/record-batch.js [records=1000000] [value bytes=100]
 *
 * What it does not measure: sockets, disks, decompression, user code, and a heap that is full of other things. Rounds are
 * interleaved; the median and the range over all rounds are printed, since other programs may use the same cores.
 */
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { crc32c, crc32cByTable } from '../../src/wire/crc32c.ts'
import { BatchView, RecordCursor } from '../../src/wire/record-batch.ts'

const ROUNDS = 9
const BATCH_BYTES = 256 * 1024
const RECORDS = Number(process.argv[2] ?? 1_000_000)
const VALUE_BYTES = Number(process.argv[3] ?? 100)

const HEADERS = [{ key: 'trace', value: Buffer.from('0123456789abcdef') }]
const source = Buffer.alloc(1 << 20, 'abcdefghijklmnopqrstuvwxyz0123456789')
const batches = makeBatches()
const scratch = Buffer.alloc(2 * BATCH_BYTES)
const cursor = new RecordCursor()
const builder = new BatchBuilder({ bytesMax: BATCH_BYTES })
let sink = 0

const cases: readonly (readonly [string, () => number])[] = [
  ['ceiling: copy every batch', copyAll],
  ['ceiling: add up every byte in JavaScript', addUpBytes],
  ['ceiling: CRC-32C of every batch, native', () => crcAll(crc32c)],
  ['CRC-32C of every batch, table', () => crcAll(crc32cByTable)],
  ['walk', () => walk(false, false)],
  ['walk, touch key and value', () => walk(false, true)],
  ['walk, touch, check CRC', () => walk(true, true)],
  ['build with CRC, keys of 8 bytes', () => build(false)],
  ['build with CRC, a header each', () => build(true)],
]

const rates = new Map<string, number[]>(cases.map(([name]) => [name, []]))
for (let round = 0; round < ROUNDS + 2; round++) {
  for (const [name, run] of cases) {
    const start = performance.now()
    const count = run()
    // The first two rounds warm up.
    if (round >= 2) rates.get(name)?.push(count / (performance.now() - start) / 1_000)
  }
}
console.log(`${RECORDS} records of ${VALUE_BYTES} bytes, batches of ${BATCH_BYTES / 1024} KiB, node ${process.version}; million records a second: median (range)`)
for (const [name, list] of rates) {
  const sorted = [...list].sort((a, b) => a - b)
  console.log(`${name.padEnd(42)} ${format(sorted[sorted.length >> 1])} (${format(sorted[0])} to ${format(sorted.at(-1))})`)
}
if (sink === 0.5) console.log('never') // Keeps the results of the loops in use.

function format(rate: number | undefined): string {
  return (rate ?? 0).toFixed(2).padStart(6)
}

function makeBatches(): Buffer[] {
  const list: Buffer[] = []
  const maker = new BatchBuilder({ bytesMax: BATCH_BYTES })
  for (let index = 0; index < RECORDS; index++) {
    while (!appendOne(maker, index, false)) {
      list.push(maker.build({ baseOffset: index }))
      maker.reset()
    }
  }
  list.push(maker.build())
  return list
}

function appendOne(target: BatchBuilder, index: number, header: boolean): boolean {
  const at = index & 0xffff
  return target.appendSlices(1_700_000_000_000 + (index >> 6), source, at, at + 8, source, at, at + VALUE_BYTES, header ? HEADERS : undefined)
}

function addUpBytes(): number {
  let sum = 0
  for (const batch of batches) {
    for (let at = 0; at < batch.length; at++) sum = (sum + (batch[at] ?? 0)) | 0
  }
  sink += sum
  return RECORDS
}

function copyAll(): number {
  for (const batch of batches) sink += batch.copy(scratch)
  return RECORDS
}

function crcAll(crc: (buffer: Buffer, start: number, end: number) => number): number {
  for (const batch of batches) sink += crc(batch, 21, batch.length)
  return RECORDS
}

function walk(check: boolean, touch: boolean): number {
  let count = 0
  for (const batch of batches) {
    const view = new BatchView(batch)
    if (check && !view.verifyCrc()) throw new Error('a batch of this benchmark is broken')
    view.records(cursor)
    while (cursor.next()) {
      count++
      if (touch) sink += (cursor.buffer[cursor.keyStart] ?? 0) + (cursor.buffer[cursor.valueEnd - 1] ?? 0) + cursor.offset + cursor.timestamp
    }
  }
  return count
}

function build(header: boolean): number {
  let index = 0
  while (index < RECORDS) {
    if (appendOne(builder, index, header)) index++
    else finish()
  }
  finish()
  return RECORDS
}

function finish(): void {
  sink += builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 0 }).length
  builder.reset()
}
