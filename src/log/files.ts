/**
 * Names and small files of a log directory, all in Apache Kafka's own form.
 *
 * ```
 *  <data>/meta.properties  recovery-point-offset-checkpoint  log-start-offset-checkpoint  .kafka_cleanshutdown  (LogManager)
 *  <data>/<topic>-<partition>/
 *     00000000000000000000.log        record batches          …0.index      offset → position, 8 bytes an entry
 *     00000000000000000000.timeindex  time → offset, 12 bytes …0.txnindex   aborted transactions, 34 bytes
 *     00000000000000000000.seal       ours: checksums of a finished segment and of its derived files; of the last one too after a clean stop
 *     00000000000000000042.snapshot   producers as of offset 42     …42.producers  ours: the same with five batches each
 *     leader-epoch-checkpoint  partition.metadata  compacted
 * ```
 * F1. A file that must survive is written beside its place, synced, renamed, and its directory synced (`writeDurable`).
 * F2. Whatever is derived from `.log` may be torn or missing at any time: it is checked when read and rebuilt.
 */
import { MillraceError } from '../base/errors.ts'
import type { Disk } from '../env/env.ts'
import { readFile } from '../env/whole-file.ts'

export const LOG_SUFFIX = '.log'
export const INDEX_SUFFIX = '.index'
export const TIME_INDEX_SUFFIX = '.timeindex'
export const TRANSACTION_INDEX_SUFFIX = '.txnindex'
export const SEAL_SUFFIX = '.seal'
export const SNAPSHOT_SUFFIX = '.snapshot'
export const PRODUCERS_SUFFIX = '.producers'
/** Everything that is derived from one segment's `.log`. */
export const DERIVED_SUFFIXES = [INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX, SEAL_SUFFIX] as const
export const EPOCHS_FILE = 'leader-epoch-checkpoint'
export const METADATA_FILE = 'partition.metadata'

/** `00000000000000000042.log` for 42 and `.log`. */
export function fileName(offset: number, suffix: string): string {
  return `${String(offset).padStart(20, '0')}${suffix}`
}

/** The offset and the suffix of such a name; `undefined` for any other. */
export function parseFileName(name: string): { readonly offset: number; readonly suffix: string } | undefined {
  const match = /^(\d{20})(\.[a-z.]+)$/.exec(name)
  if (match === null) return undefined
  const offset = Number(match[1])
  return Number.isSafeInteger(offset) && match[2] !== undefined ? { offset, suffix: match[2] } : undefined
}

export function join(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`
}

/** A topic name that is safe as a directory's name: Kafka's own rule. */
export function isValidTopicName(topic: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..'
}

/** `<topic>-<partition>`, Kafka's directory name. */
export function partitionDirectoryName(topic: string, partition: number): string {
  if (!isValidTopicName(topic)) throw new MillraceError('USAGE', `'${topic}' is no topic name: 1 to 249 of a-z A-Z 0-9 . _ -, and not . or ..`, { detail: { topic } })
  return `${topic}-${partition}`
}

export function parsePartitionDirectoryName(name: string): { readonly topic: string; readonly partition: number } | undefined {
  const match = /^(.+)-(\d{1,9})$/.exec(name)
  const topic = match?.[1]
  return topic !== undefined && isValidTopicName(topic) ? { topic, partition: Number(match?.[2]) } : undefined
}

/** A whole file; `undefined` where there is none. */
export function readWhole(disk: Disk, path: string): Buffer | undefined {
  return disk.exists(path) ? readFile(disk, path) : undefined
}

/** Replaces a file atomically and durably (F1). */
export async function writeDurable(disk: Disk, directory: string, name: string, bytes: Buffer): Promise<void> {
  const path = join(directory, name)
  const file = disk.open(`${path}.tmp`, 'create')
  try {
    file.truncate(0)
    file.write(bytes, 0)
    await file.datasync()
  } finally {
    file.close()
  }
  disk.rename(`${path}.tmp`, path)
  await disk.syncDirectory(directory)
}

/** Syncs a file that is not held open; a missing one is fine (it was deleted meanwhile). */
export async function syncFile(disk: Disk, path: string): Promise<void> {
  if (!disk.exists(path)) return
  const file = disk.open(path, 'write')
  try {
    await file.datasync()
  } finally {
    file.close()
  }
}

/** Makes a directory and its missing ancestors, durably: their own entries are synced too, also after an earlier crash. */
export async function makeDirectoryDurable(disk: Disk, path: string): Promise<void> {
  const parents: string[] = []
  for (let at = path; at !== '/' && at !== '' && (at === path || !disk.exists(at)); at = parentOf(at)) parents.push(parentOf(at))
  disk.makeDirectory(path)
  for (const parent of parents.reverse()) {
    try {
      await disk.syncDirectory(parent)
    } catch (error) {
      // A parent that we may enter but not read belongs to somebody else, and was there before.
      if (!(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))) throw error
    }
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

export function unlinkIfExists(disk: Disk, path: string): void {
  if (disk.exists(path)) disk.unlink(path)
}

/** Kafka's checkpoint text: version, count, one line an entry. */
export function encodeCheckpoint(lines: readonly string[]): Buffer {
  return Buffer.from(`0\n${lines.length}\n${lines.map(line => `${line}\n`).join('')}`)
}

/** The entries' fields; `undefined` where the file is not such a text. */
export function decodeCheckpoint(bytes: Buffer, fieldCount: number): string[][] | undefined {
  const [version, count, ...lines] = bytes.toString('utf8').split('\n').filter(line => line !== '')
  if (version !== '0' || count === undefined || Number(count) !== lines.length) return undefined
  const entries = lines.map(line => line.split(/\s+/))
  return entries.every(entry => entry.length === fieldCount) ? entries : undefined
}

export function encodePartitionMetadata(topicId: string): Buffer {
  return Buffer.from(`version: 0\ntopic_id: ${topicId}`)
}

export function decodePartitionMetadata(bytes: Buffer): string | undefined {
  return /^version: 0\s+topic_id: ([A-Za-z0-9_-]{22})\s*$/.exec(bytes.toString('utf8'))?.[1]
}
