/**
 * Checks a broker's data directory and says what the next start would do with it, without doing it.
 *
 * It runs the start's own recovery on an overlay of the disk (`overlayDisk`), so that there is no second opinion of what is torn and what is
 * damaged; then it reads what a start trusts (finished segments), which is what rots unseen.
 *
 * K1. Nothing in the directory is changed but the `lock` file, which says who looks. A directory in use is DATA_DIR_LOCKED.
 * K2. One damaged partition does not hide the next: every partition is looked at on its own.
 * K3. `heals`: the next start mends it by itself and nothing acknowledged is lost. `refused`: the next start refuses, or a reader would.
 */
import { silentLogger } from '../base/logger.ts'
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Env } from '../env/env.ts'
import { overlayDisk } from '../env/overlay-disk.ts'
import { LogManager } from '../log/log-manager.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { scrubLog } from '../log/scrub.ts'
import { ACLS_FILE, isAclEntry } from './authorization/acl.ts'
import { Users, USERS_FILE } from './security/users.ts'
import { StateFile } from './state-file.ts'
import { parseCatalogue } from './topics.ts'
import type { StoredTopic } from './topics.ts'
import { logConfigOf } from './topic-configs.ts'

export interface FsckFinding {
  readonly kind: 'heals' | 'refused' | 'note'
  /** A partition (`orders-0`), a file, or the directory. */
  readonly where: string
  readonly what: string
}

export interface FsckPartition {
  readonly topic: string
  readonly partition: number
  readonly segments: number
  readonly bytes: number
  readonly logStartOffset: number
  /** After what the next start would cut. */
  readonly logEndOffset: number
  /** Transactions that are open: their records are held back until they end. */
  readonly openTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[]
}

export interface FsckReport {
  readonly directory: string
  readonly clusterId: string
  /** The last stop was clean. */
  readonly clean: boolean
  readonly partitions: readonly FsckPartition[]
  readonly findings: readonly FsckFinding[]
}

/**
 * Rejects with `CONFIG_INVALID` where there is no data directory, `DATA_DIR_LOCKED` where a process has it, `DATA_DIR_VERSION` where a newer version
 * wrote it; damage is told in the report.
 *
 * ```ts
 * const report = await fsck(realEnv, '/var/lib/millrace')
 * for (const { kind, where, what } of report.findings) console.log(kind, where, what)
 * ```
 */
export async function fsck(env: Env, directory: string, onPartition: (done: number, of: number) => void = () => {}): Promise<FsckReport> {
  if (!env.disk.exists(`${directory}/meta.properties`)) {
    throw new MillraceError('CONFIG_INVALID', `${directory} is no data directory of a broker: it has no meta.properties. Name the folder that 'millrace broker start' prints as Data.`, { detail: { directory } })
  }
  const overlay: Env = { ...env, disk: overlayDisk(env.disk) }
  const manager = await LogManager.open(overlay, { directory, durability: { kind: 'sync' }, logger: silentLogger })
  const findings: FsckFinding[] = []
  const partitions: FsckPartition[] = []
  try {
    const catalogue = readCatalogue(overlay, directory, findings)
    for (const kind of ['producer-ids', 'client-quotas']) readState(overlay, directory, kind, findings)
    readAcls(overlay, directory, findings)
    readUsers(overlay, directory, findings)
    const parts = partsOf(manager, catalogue, findings)
    for (const [index, part] of parts.entries()) {
      onPartition(index, parts.length)
      const checked = await checkPartition(manager, part, findings)
      if (checked !== undefined) partitions.push(checked)
    }
  } finally {
    // Into the overlay: forgotten with it.
    await manager.close()
  }
  return { directory, clusterId: manager.clusterId, clean: manager.wasClean, partitions, findings }
}

interface Part {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly configs: Readonly<Record<string, string>>
}

function readCatalogue(env: Env, directory: string, findings: FsckFinding[]): StoredTopic[] | undefined {
  const stored = readState(env, directory, 'topics', findings)
  return stored === undefined ? undefined : parseCatalogue(stored)
}

function readState(env: Env, directory: string, kind: string, findings: FsckFinding[]): unknown {
  try {
    return new StateFile(env, { directory, kind, version: 1 }).read()
  } catch (error) {
    findings.push({ kind: 'refused', where: kind, what: messageOf(error) })
    return undefined
  }
}

/** Access control entries: one that is not understood would be a right that nobody gave, or a denial that is not there. */
function readAcls(env: Env, directory: string, findings: FsckFinding[]): void {
  const stored = readState(env, directory, ACLS_FILE, findings)
  if (stored === undefined) return
  const bad = Array.isArray(stored) ? stored.findIndex(entry => !isAclEntry(entry)) : 0
  if (bad >= 0) findings.push({ kind: 'refused', where: ACLS_FILE, what: `entry ${bad} is no access control entry` })
}

/** Credentials, where they are kept beside the data. */
function readUsers(env: Env, directory: string, findings: FsckFinding[]): void {
  try {
    Users.open(env, `${directory}/${USERS_FILE}`)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    findings.push({ kind: 'refused', where: USERS_FILE, what: error.message })
  }
}

/** Those of the catalogue; without one those on disk, as a start would take them. */
function partsOf(manager: LogManager, catalogue: readonly StoredTopic[] | undefined, findings: FsckFinding[]): Part[] {
  const onDisk = manager.partitionsOnDisk()
  if (catalogue === undefined) {
    if (onDisk.length > 0) findings.push({ kind: 'note', where: 'topics', what: 'the catalogue of topics is missing: the partitions found are looked at with default configurations' })
    return onDisk.map(part => ({ ...part, configs: {} }))
  }
  const names = new Set(catalogue.map(topic => topic.name))
  for (const { topic, partition } of onDisk) {
    if (!names.has(topic)) findings.push({ kind: 'heals', where: `${topic}-${partition}`, what: 'it belongs to no topic of the catalogue: a topic was being made or deleted. The next start removes it' })
  }
  return catalogue.flatMap(({ name, topicId, partitions, configs }) => Array.from({ length: partitions }, (_, partition) => ({ topic: name, topicId, partition, configs })))
}

async function checkPartition(manager: LogManager, { topic, topicId, partition, configs }: Part, findings: FsckFinding[]): Promise<FsckPartition | undefined> {
  const where = `${topic}-${partition}`
  let log: PartitionLog
  try {
    log = await manager.openPartition({ topic, topicId, partition, config: logConfigOf(new Map(Object.entries(configs))) })
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    findings.push({ kind: 'refused', where, what: error.message })
    return undefined
  }
  const report = log.recovery
  if (report.bytesTruncated > 0) findings.push({ kind: 'heals', where, what: `a torn tail of ${report.bytesTruncated} bytes is cut at offset ${report.logEndOffset}: a write that the last stop interrupted, and nobody was told that it was done` })
  if (report.clean && report.indexesRebuilt > 1) findings.push({ kind: 'heals', where, what: `${report.indexesRebuilt - 1} finished segments are read whole and their indexes made again: what is beside the log does not fit it` })
  for (const what of await scrubLog(log)) findings.push({ kind: 'refused', where, what })
  return {
    topic, partition, segments: log.segments.length, bytes: log.sizeBytes, logStartOffset: log.logStartOffset, logEndOffset: log.logEndOffset,
    openTransactions: log.producerStates.openTransactions(),
  }
}
