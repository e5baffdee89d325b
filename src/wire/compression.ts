/**
 * Kafka's codecs: gzip, snappy, lz4, zstd. Synchronous, on every Node from 20.19 on.
 *
 * P1. Decompressed bytes never exceed `bytesMax`: the size is bounded before memory is taken for it, because a few bytes
 *     can claim gigabytes. Over the limit, and for broken data, the error is `BATCH_CORRUPT`.
 * P2. What is written is what Kafka's Java client writes and reads: snappy in xerial's framing, lz4 as frames of
 *     independent blocks, zstd and gzip as plain streams.
 * P3. zstd is node:zlib's where it has it (from 22.15), else WebAssembly, which is loaded asynchronously, and not before somebody uses zstd:
 *     who takes batches from outside awaits `codecPending` of theirs before their records are read.
 */
import { createRequire } from 'node:module'
import { gunzipSync, gzipSync } from 'node:zlib'
import { AssertionError } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import { lz4DecompressedBytes } from './lz4.ts'
import { snappyCompress, snappyDecompress } from './snappy.ts'
import { CodecNotLoaded, loadZstd, zstdCompress, zstdDecompress, zstdIsReady, zstdLoading } from './zstd.ts'

/** Kafka's numbers, as in the attributes of a batch. */
export const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const
export type CodecName = keyof typeof CODECS

const CODEC_NAMES: readonly (CodecName | undefined)[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** No batch may grow beyond this. */
export const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024
/** Nor beyond this many times its size … */
export const DECOMPRESSION_RATIO_MAX = 200
/** … but up to this size any ratio is accepted: many equal records compress far better than 200 times. */
export const DECOMPRESSED_BYTES_ALWAYS = 8 * 1024 * 1024

interface Lz4Module {
  compressFrameSync(data: Buffer): Buffer
  decompressFrameSync(data: Buffer): Buffer
}

let lz4: Lz4Module | undefined

/** Loads what is loaded asynchronously; again at no cost. */
export function loadCompression(): Promise<void> {
  return loadZstd()
}

/** What must be awaited before batches with this codec are read or made; `undefined` where nothing must. */
export function codecPending(codec: number): Promise<void> | undefined {
  return codec !== CODECS.zstd || zstdIsReady() ? undefined : loadCompression()
}

/** The codec that is on its way: who must keep an order waits for it too, whatever its own codec. */
export function codecLoading(): Promise<void> | undefined {
  return zstdLoading()
}

/** For work without effects that comes upon a batch of any codec: done again where that had to be loaded first. */
export function withCodecs<T>(work: () => T): T | Promise<T> {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof CodecNotLoaded)) throw error
    return loadCompression().then(work)
  }
}

export function codecName(codec: number): CodecName {
  const name = CODEC_NAMES[codec]
  if (name === undefined) throw failed(`codec ${codec} is not defined`)
  return name
}

/** The limit for `compressedBytes` bytes when the caller has none of its own. */
export function decompressedBytesMax(compressedBytes: number): number {
  return Math.min(DECOMPRESSED_BYTES_MAX, Math.max(DECOMPRESSED_BYTES_ALWAYS, compressedBytes * DECOMPRESSION_RATIO_MAX))
}

/** Compresses `data`; for codec 0 it is `data` itself. */
export function compress(codec: number, data: Buffer): Buffer {
  switch (codecName(codec)) {
    case 'none': return data
    case 'gzip': return gzipSync(data)
    case 'snappy': return snappyCompress(data)
    case 'lz4': return loadLz4().compressFrameSync(data)
    case 'zstd': return zstdCompress(data)
  }
}

/** Decompresses `data` to at most `bytesMax` bytes; for codec 0 it is `data` itself. */
export function decompress(codec: number, data: Buffer, limits: { readonly bytesMax: number }): Buffer {
  const name = codecName(codec)
  try {
    switch (name) {
      case 'none': return data
      case 'gzip': return gunzipSync(data, { maxOutputLength: Math.max(1, limits.bytesMax) })
      case 'snappy': return snappyDecompress(data, limits.bytesMax)
      case 'lz4': return lz4Decompress(data, limits.bytesMax)
      case 'zstd': return zstdDecompress(data, limits.bytesMax)
    }
  } catch (error) {
    if (error instanceof AssertionError || (error instanceof MillraceError && error.code === 'BATCH_CORRUPT')) throw error
    throw failed(`${data.length} bytes of ${name} cannot be decompressed within ${limits.bytesMax} bytes`, error)
  }
}

function lz4Decompress(data: Buffer, bytesMax: number): Buffer {
  const bytes = lz4DecompressedBytes(data, bytesMax)
  const plain = loadLz4().decompressFrameSync(data)
  if (plain.length !== bytes) throw failed(`lz4 gave ${plain.length} bytes, its blocks say ${bytes}`)
  return plain
}

function loadLz4(): Lz4Module {
  return lz4 ??= createRequire(import.meta.url)('lz4-napi') as Lz4Module // The module's own declaration says so.
}

function failed(what: string, cause?: unknown): MillraceError {
  return new MillraceError('BATCH_CORRUPT', `corrupt compressed records: ${what}`, { cause })
}
