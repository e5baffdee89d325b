/**
 * The decompressed size of lz4 frames, found by walking their blocks without decompressing: what makes it safe to hand
 * them to the native module, which takes whatever memory the data asks for.
 *
 * ```text
 * frame   magic 04224d18 │ flags │ block size code │ [content size, 8] │ [dictionary id, 4] │ header checksum │ blocks │ 0 │ [content checksum, 4]
 * block   size, 31 bits, little-endian; highest bit: stored as it is │ data │ [checksum, 4]
 * data    sequences: token (literal length, match length; 15 = more bytes follow) │ literals │ match offset, 2
 * ```
 */
import { MillraceError } from '../base/errors.ts'

const MAGIC = 0x184d_2204
const MATCH_BYTES_MIN = 4

/** The size that `data`, one or more frames, decompresses to; `BATCH_CORRUPT` where it is broken or above `bytesMax`. */
export function lz4DecompressedBytes(data: Buffer, bytesMax: number): number {
  let at = 0
  let total = 0
  while (at < data.length) {
    if (data.length - at < 11 || data.readUInt32LE(at) !== MAGIC) throw broken('no lz4 frame begins where one should')
    const flags = data.readUInt8(at + 4)
    if (flags >>> 6 !== 1) throw broken(`lz4 frame version ${flags >>> 6} is not defined`)
    at += 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4)
    for (;;) {
      if (at + 4 > data.length) throw broken('an lz4 frame ends before its end mark')
      const size = data.readUInt32LE(at)
      at += 4
      if (size === 0) break
      const end = at + (size & 0x7fff_ffff)
      if (end > data.length) throw broken('an lz4 block is longer than the data')
      total += size > 0x7fff_ffff ? end - at : blockBytes(data, at, end)
      if (total > bytesMax) throw broken(`more than ${bytesMax} bytes`)
      at = end + ((flags & 0x10) === 0 ? 0 : 4)
    }
    at += (flags & 0x04) === 0 ? 0 : 4
    if (at > data.length) throw broken('an lz4 frame ends inside of its checksum')
  }
  return total
}

function blockBytes(data: Buffer, start: number, end: number): number {
  let at = start
  let total = 0
  while (at < end) {
    const token = data[at++] ?? 0
    let literals = token >>> 4
    if (literals === 15) {
      let more = 255
      while (more === 255 && at < end) literals += more = data[at++] ?? 0
    }
    at += literals
    total += literals
    if (at >= end) break // The last sequence has no match.
    at += 2
    let match = (token & 15) + MATCH_BYTES_MIN
    if ((token & 15) === 15) {
      let more = 255
      while (more === 255 && at < end) match += more = data[at++] ?? 0
    }
    total += match
  }
  if (at > end) throw broken('an lz4 sequence is longer than its block')
  return total
}

function broken(what: string): MillraceError {
  return new MillraceError('BATCH_CORRUPT', `corrupt lz4 data: ${what}`)
}
