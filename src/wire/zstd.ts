/**
 * Zstandard: node:zlib's where this Node has it (from 22.15), else WebAssembly.
 *
 * Z1. Before anything is decompressed its frames are walked, block by block, and the size is bounded: 128 KiB for each
 *     compressed block, exact for stored and run-length ones. The window is at most 8 MiB, as the format recommends.
 */
import * as zlib from 'node:zlib'
import { assert, AssertionError } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'

const MAGIC = 0xfd2f_b528
const SKIPPABLE_MAGIC = 0x184d_2a50
const BLOCK_BYTES_MAX = 128 * 1024
const WINDOW_BYTES_MAX = 8 * 1024 * 1024
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const

/** A mistake of ours, unless `withCodecs` is around it. */
export class CodecNotLoaded extends AssertionError {}

interface NativeZstd {
  zstdCompressSync(data: Buffer): Buffer
  zstdDecompressSync(data: Buffer, options: { readonly maxOutputLength: number }): Buffer
}

/** What of the WebAssembly module is used. */
interface WasmZstd {
  reset(): void
  compress(data: Uint8Array): Uint8Array
  decompressChunk(data: Uint8Array, outputBytes: number): Uint8Array
}

/** A range of the WebAssembly memory; for a failed call `size` is zstd's error code, close to 2^32. */
interface HeapRange {
  readonly ptr: number
  readonly size: number
}

/** What the module keeps under `_mainModule`, its memory. */
interface WasmHeap {
  heapView(range: HeapRange): Uint8Array
  heapToUint8Array(range: HeapRange): Uint8Array
}

const native = findNative()
let wasm: WasmZstd | undefined
let loading: Promise<void> | undefined
let wasmFailed = false

/** Whether node:zlib does the work. */
export const zstdIsNative: boolean = native !== undefined

/** Whether it can be used now. */
export function zstdIsReady(): boolean {
  return native !== undefined || wasm !== undefined
}

/** Where it is on its way. */
export function zstdLoading(): Promise<void> | undefined {
  return zstdIsReady() ? undefined : loading
}

/** The WebAssembly module takes a process 18 MB and a tenth of a second or more: once, and only where something is compressed with it. */
export function loadZstd(): Promise<void> {
  if (zstdIsReady()) return Promise.resolve()
  // One promise for all: who waits for it goes on in the order of asking.
  return loading ??= load().finally(() => { loading = undefined })
}

async function load(): Promise<void> {
  const zstd = await (await import('@hpcc-js/wasm-zstd')).Zstd.load()
  makeCopiesFast(zstd)
  wasm = zstd
}

export function zstdCompress(data: Buffer): Buffer {
  if (native !== undefined) return native.zstdCompressSync(data)
  wasmFailed = false
  const packed = bufferOf(loaded().compress(data))
  assert(!wasmFailed, 'zstd compresses whatever it is given')
  return packed
}

/** `BATCH_CORRUPT` where `data` is broken or may become more than `bytesMax` bytes. */
export function zstdDecompress(data: Buffer, bytesMax: number): Buffer {
  const bound = zstdBound(data, bytesMax)
  if (bound === 0) return Buffer.alloc(0)
  if (native !== undefined) return native.zstdDecompressSync(data, { maxOutputLength: Math.max(1, bytesMax) })
  const zstd = loaded()
  zstd.reset()
  wasmFailed = false
  const plain = bufferOf(zstd.decompressChunk(data, bound))
  if (wasmFailed) throw broken('the decompressor refuses it')
  if (plain.length > bytesMax) throw broken(`more than ${bytesMax} bytes`)
  return plain
}

/** An upper bound of the decompressed size. */
function zstdBound(data: Buffer, bytesMax: number): number {
  let at = 0
  let total = 0
  while (at < data.length) {
    if (at + 8 > data.length) throw broken('it ends inside of a frame header')
    const magic = data.readUInt32LE(at)
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + data.readUInt32LE(at + 4)
      continue
    }
    if (magic !== MAGIC) throw broken('no frame begins where one should')
    const header = frameHeader(data, at + 4)
    let bound = 0
    at = header.end
    for (let last = false; !last;) {
      if (at + 3 > data.length) throw broken('it ends inside of a block header')
      const block = data.readUIntLE(at, 3)
      last = (block & 1) === 1
      const type = (block >>> 1) & 3
      const size = block >>> 3
      if (type === 3 || size > BLOCK_BYTES_MAX) throw broken('a block is of no defined type or too long')
      bound += type === 2 ? BLOCK_BYTES_MAX : size
      at += 3 + (type === 1 ? 1 : size)
    }
    if (header.hasChecksum) at += 4
    total += header.contentBytes === undefined ? bound : Math.min(bound, header.contentBytes)
    // A block of 128 KiB is only a bound where the size is not told, so it may overshoot by the last one.
    const allowed = header.contentBytes === undefined ? bytesMax + BLOCK_BYTES_MAX : bytesMax
    if (total > allowed) throw broken(`up to ${total} bytes, at most ${bytesMax} are allowed`)
  }
  if (at > data.length) throw broken('it ends inside of a frame')
  return total
}

function frameHeader(data: Buffer, start: number): { readonly end: number, readonly contentBytes: number | undefined, readonly hasChecksum: boolean } {
  const descriptor = data.readUInt8(start)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] // Two bits.
  const sizeCode = (descriptor >>> 6) as 0 | 1 | 2 | 3 // Two bits.
  const sizeBytes = sizeCode === 0 ? (isSingleSegment ? 1 : 0) : CONTENT_SIZE_BYTES[sizeCode]
  const sizeAt = start + 1 + (isSingleSegment ? 0 : 1) + dictionaryBytes
  if (sizeAt + sizeBytes > data.length) throw broken('it ends inside of a frame header')
  if (!isSingleSegment) {
    const window = data.readUInt8(start + 1)
    const base = 2 ** (10 + (window >>> 3))
    if (base + (base / 8) * (window & 7) > WINDOW_BYTES_MAX) throw broken(`its window is larger than ${WINDOW_BYTES_MAX} bytes`)
  }
  return { end: sizeAt + sizeBytes, contentBytes: contentBytesAt(data, sizeAt, sizeBytes), hasChecksum: (descriptor & 0x04) !== 0 }
}

function contentBytesAt(data: Buffer, at: number, bytes: 0 | 1 | 2 | 4 | 8): number | undefined {
  switch (bytes) {
    case 0: return undefined
    case 1: return data.readUInt8(at)
    case 2: return data.readUInt16LE(at) + 256
    case 4: return data.readUInt32LE(at)
    case 8: return data.readUInt32LE(at) + data.readUInt32LE(at + 4) * 0x1_0000_0000
  }
}

function loaded(): WasmZstd {
  if (wasm === undefined) throw new CodecNotLoaded('zstd is used before loadCompression() or codecPending() was awaited')
  return wasm
}

/**
 * The module copies results out of its memory byte by byte, through an array of numbers: nine tenths of the time of a
 * decompression. It also takes an error code for a length. Both are mended here; a version of the module that is built
 * otherwise is left as it is.
 */
function makeCopiesFast(zstd: object): void {
  const { _mainModule: heap } = zstd as { readonly _mainModule?: Partial<WasmHeap> | undefined } // Private in its types; looked at before use.
  if (heap === undefined || typeof heap.heapView !== 'function' || typeof heap.heapToUint8Array !== 'function') return
  const view = heap.heapView.bind(heap)
  heap.heapToUint8Array = range => {
    wasmFailed = range.size < 0 || range.size > 0x7fff_ffff
    return wasmFailed ? new Uint8Array(0) : view(range).slice()
  }
}

function findNative(): NativeZstd | undefined {
  const candidate: Partial<NativeZstd> = zlib as Partial<NativeZstd> // The types are of Node 20, where both are missing.
  const { zstdCompressSync, zstdDecompressSync } = candidate
  return zstdCompressSync === undefined || zstdDecompressSync === undefined ? undefined : { zstdCompressSync, zstdDecompressSync }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function broken(what: string): MillraceError {
  return new MillraceError('BATCH_CORRUPT', `corrupt zstd data: ${what}`)
}
