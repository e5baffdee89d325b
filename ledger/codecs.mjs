// What kafkajs lacks to read topics that others write: it knows gzip alone. Nothing here is Millrace's; the packages are the ones that packed the bytes' formats.
import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'

const require = createRequire(import.meta.url)
/** Java frames snappy in chunks behind this; others write one raw block. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = 16

async function snappy(packed) {
  const { uncompress } = require('snappy')
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) return Buffer.from(await uncompress(packed))
  const chunks = []
  for (let at = XERIAL_HEADER_BYTES; at < packed.length;) {
    const end = at + 4 + packed.readInt32BE(at)
    chunks.push(Buffer.from(await uncompress(packed.subarray(at + 4, end))))
    at = end
  }
  return Buffer.concat(chunks)
}

const lz4 = packed => require('lz4-napi').decompressFrame(packed)

let wasm
async function zstd(packed) {
  if (zlib.zstdDecompressSync !== undefined) return zlib.zstdDecompressSync(packed)
  wasm ??= (await import('@hpcc-js/wasm-zstd')).Zstd.load()
  return Buffer.from((await wasm).decompress(packed))
}

/** Makes a kafkajs module read every codec of Kafka. */
export function readEveryCodec({ CompressionCodecs, CompressionTypes }) {
  for (const [type, decompress] of [[CompressionTypes.Snappy, snappy], [CompressionTypes.LZ4, lz4], [CompressionTypes.ZSTD, zstd]]) CompressionCodecs[type] = () => ({ decompress })
}
