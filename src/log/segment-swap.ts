/**
 * Replacing finished segments by one compacted segment, so that a crash at any step leaves the old or the new, never both.
 *
 * ```
 *  write B.log.cleaned, sync ──▶ rename to B.log.swap, sync directory   (from here on the new one wins)
 *    ──▶ originals renamed to .deleted ──▶ rename B.log.swap to B.log, sync directory ──▶ .deleted removed
 * ```
 * A1. `.cleaned` found at start: the round never finished; it is removed.
 * A2. `.swap` found at start: the round had finished; originals that begin within what it covers are removed, then it is
 *     renamed. What it covers stands in its name's companion `.swap.range` (`<base> <end>`), which is written before the rename
 *     to `.swap`: a range of file names alone would be wrong where the next segment is itself missing (incident I4).
 */
import { MillraceError } from '../base/errors.ts'
import type { Disk } from '../env/env.ts'
import { DERIVED_SUFFIXES, fileName, join, LOG_SUFFIX, parseFileName, readWhole, unlinkIfExists, writeDurable } from './files.ts'

export const CLEANED_SUFFIX = '.cleaned'
const SWAP_SUFFIX = '.swap'
const RANGE_SUFFIX = '.swap.range'
const DELETED_SUFFIX = '.deleted'

/** Finishes or takes back whatever a crash interrupted; to be called before segments are listed. Gives how many swaps were finished. */
export async function finishSwaps(disk: Disk, directory: string): Promise<number> {
  let finished = 0
  for (const name of disk.list(directory)) {
    if (name.endsWith(CLEANED_SUFFIX) || name.endsWith(DELETED_SUFFIX) || name.endsWith('.tmp')) disk.unlink(join(directory, name))
  }
  for (const name of disk.list(directory)) {
    if (!name.endsWith(LOG_SUFFIX + SWAP_SUFFIX)) continue
    const base = parseFileName(name.slice(0, -SWAP_SUFFIX.length))?.offset
    const range = readWhole(disk, join(directory, name.slice(0, -(LOG_SUFFIX + SWAP_SUFFIX).length) + LOG_SUFFIX + RANGE_SUFFIX))
    const end = range === undefined ? undefined : /^(\d+) (\d+)\n$/.exec(range.toString())
    if (base === undefined || end === undefined || end === null || Number(end[1]) !== base) {
      throw new MillraceError('LOG_CORRUPT', `${join(directory, name)} is a finished compaction without its range file. Restore the directory, or remove the .swap file if the originals are there.`)
    }
    completeSwap(disk, directory, base, Number(end[2]))
    finished += 1
  }
  for (const name of disk.list(directory)) if (name.endsWith(RANGE_SUFFIX)) disk.unlink(join(directory, name))
  if (finished > 0) await disk.syncDirectory(directory)
  return finished
}

/**
 * Puts `base.log.cleaned`, whose bytes are synced, in the place of every segment that begins within `[base, end)`.
 * Between its first and its last step the directory is not to be listed by anyone else.
 */
export async function swapIn(disk: Disk, directory: string, base: number, end: number): Promise<void> {
  const log = join(directory, fileName(base, LOG_SUFFIX))
  await writeDurable(disk, directory, fileName(base, LOG_SUFFIX) + RANGE_SUFFIX, Buffer.from(`${base} ${end}\n`))
  disk.rename(log + CLEANED_SUFFIX, log + SWAP_SUFFIX)
  await disk.syncDirectory(directory)
  completeSwap(disk, directory, base, end)
  await disk.syncDirectory(directory)
  unlinkIfExists(disk, log + RANGE_SUFFIX)
  removeDeleted(disk, directory)
}

function completeSwap(disk: Disk, directory: string, base: number, end: number): void {
  for (const name of disk.list(directory)) {
    const parsed = parseFileName(name)
    if (parsed === undefined || parsed.offset < base || parsed.offset >= end) continue
    if (parsed.suffix === LOG_SUFFIX) disk.rename(join(directory, name), join(directory, name + DELETED_SUFFIX))
    else if ((DERIVED_SUFFIXES as readonly string[]).includes(parsed.suffix)) disk.unlink(join(directory, name))
  }
  const log = join(directory, fileName(base, LOG_SUFFIX))
  disk.rename(log + SWAP_SUFFIX, log)
}

function removeDeleted(disk: Disk, directory: string): void {
  for (const name of disk.list(directory)) if (name.endsWith(DELETED_SUFFIX)) disk.unlink(join(directory, name))
}
