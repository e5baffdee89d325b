/**
 * How far compaction has come in a partition: where offsets may be missing between two batches. No batch's checksum covers its base offset, so that a start can
 * tell one that rotted from a gap only where there are none.
 *
 * ```
 *   compacted     <offset> <crc32c of the digits>\n      (nothing at all: a directory of Kafka's own, whose gaps are not known)
 * ```
 * B1. Durable before the first segment below it is swapped for a compacted one; it only grows.
 * B2. Without the file nothing was ever compacted. One that does not hold says nothing: gaps may be anywhere.
 */
import type { Disk } from '../env/env.ts'
import { crc32c } from '../wire/crc32c.ts'
import { join, readWhole, writeDurable } from './files.ts'

const FILE = 'compacted'

/** Offsets may be missing below it; `Infinity` where that is not known. */
export function compactedBelow(disk: Disk, directory: string): number {
  const bytes = readWhole(disk, join(directory, FILE))
  if (bytes === undefined) return 0
  const [, offset = '', checksum = ''] = /^(\d+) (\d+)\n$/.exec(bytes.toString('latin1')) ?? []
  return offset !== '' && crc32c(Buffer.from(offset)) === Number(checksum) ? Number(offset) : Infinity
}

/** B1. */
export async function compactsBelow(disk: Disk, directory: string, offset: number): Promise<void> {
  if (compactedBelow(disk, directory) < offset) await writeDurable(disk, directory, FILE, Buffer.from(`${offset} ${crc32c(Buffer.from(String(offset)))}\n`))
}

/** Of a directory that Kafka has written. */
export async function compactedSomewhere(disk: Disk, directory: string): Promise<void> {
  if (!disk.exists(join(directory, FILE))) await writeDurable(disk, directory, FILE, Buffer.alloc(0))
}
