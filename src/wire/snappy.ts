/**
 * Snappy in both framings that Kafka's clients use: xerial's (Java, and what is written here) and one raw block (librdkafka, Go).
 *
 * ```text
 * xerial  82 'SNAPPY' 00 │ version int32 │ compatible version int32 │ chunks: length int32, raw block
 * raw     uncompressed length, uvarint │ literals and copies
 * ```
 */
import { createRequire } from 'node:module'
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import { WireReader } from './reader.ts'

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = Buffer.concat([XERIAL_MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
/** As Java's writer has it. */
const CHUNK_BYTES = 32 * 1024

interface SnappyModule {
  compressSync(data: Buffer): Buffer
  uncompressSync(data: Buffer): Buffer | string
}

let snappy: SnappyModule | undefined

export function snappyCompress(data: Buffer): Buffer {
  const parts: Buffer[] = [XERIAL_HEADER]
  for (let at = 0; at < data.length; at += CHUNK_BYTES) {
    const block = loadSnappy().compressSync(data.subarray(at, at + CHUNK_BYTES))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length, 0)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** `BATCH_CORRUPT` where `data` is broken or claims more than `bytesMax` bytes. */
export function snappyDecompress(data: Buffer, bytesMax: number): Buffer {
  if (data.length < XERIAL_HEADER.length || data.compare(XERIAL_MAGIC, 0, 8, 0, 8) !== 0) return rawBlock(data, bytesMax)
  const parts: Buffer[] = []
  const reader = new WireReader(data, XERIAL_HEADER.length)
  let total = 0
  while (reader.remaining > 0) {
    const part = rawBlock(reader.slice(reader.int32()), bytesMax - total)
    total += part.length
    parts.push(part)
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, total)
}

function rawBlock(block: Buffer, bytesMax: number): Buffer {
  const claimed = new WireReader(block).uvarint()
  if (claimed > bytesMax) throw new MillraceError('BATCH_CORRUPT', `corrupt snappy data: it claims ${claimed} bytes, at most ${bytesMax} are allowed`)
  // Each element of three bytes gives at most 64: a larger claim is a lie, and memory must not be taken for it.
  if (claimed > block.length * 64) throw new MillraceError('BATCH_CORRUPT', `corrupt snappy data: ${block.length} bytes claim ${claimed}`)
  const plain = loadSnappy().uncompressSync(block)
  assert(typeof plain !== 'string', 'snappy gives a Buffer unless asked for text')
  return plain
}

function loadSnappy(): SnappyModule {
  return snappy ??= createRequire(import.meta.url)('snappy') as SnappyModule // The module's own declaration says so.
}
