/**
 * What a log directory notes of each partition beside its log: recovery point and log start, and whether the stop was clean.
 *
 * ```
 *  millrace-checkpoint              ours, with a checksum: a flipped digit in a log start would delete records silently
 *  recovery-point-offset-checkpoint log-start-offset-checkpoint replication-offset-checkpoint   the same in Kafka's form
 *  .kafka_cleanshutdown             there only between a clean stop and the next start
 * ```
 * O1. A recovery point is never above what has been synced; a log start is saved before files below it are removed.
 * O2. Kafka's three files are written for Kafka (a copy of the directory must open there) and read only where ours is not there.
 */
import { MillraceError } from '../base/errors.ts'
import type { Disk } from '../env/env.ts'
import { crc32c } from '../wire/crc32c.ts'
import { decodeCheckpoint, encodeCheckpoint, join, partitionDirectoryName, readWhole, unlinkIfExists, writeDurable } from './files.ts'

const OWN_FILE = 'millrace-checkpoint'
const RECOVERY_POINTS_FILE = 'recovery-point-offset-checkpoint'
const LOG_STARTS_FILE = 'log-start-offset-checkpoint'
const HIGH_WATERMARKS_FILE = 'replication-offset-checkpoint'
const CLEAN_FILE = '.kafka_cleanshutdown'
const META_FILE = 'meta.properties'
/** The version of what is ours in the directory. A higher one is refused; there is no lower one yet. */
const FORMAT_VERSION = 1

export interface PartitionCheckpoint {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  readonly recoveryPoint: number
  readonly logStartOffset: number
}

/** By directory name. */
export type Checkpoints = Map<string, PartitionCheckpoint>

export function readCheckpoints(disk: Disk, root: string): Checkpoints {
  const own = readWhole(disk, join(root, OWN_FILE))
  if (own !== undefined) return decodeOwn(own, join(root, OWN_FILE))
  const checkpoints: Checkpoints = new Map()
  const read = (file: string): string[][] => {
    const bytes = readWhole(disk, join(root, file))
    return bytes === undefined ? [] : decodeCheckpoint(bytes, 3) ?? []
  }
  const starts = new Map(read(LOG_STARTS_FILE).map(([topic, partition, offset]) => [`${topic}-${partition}`, Number(offset)]))
  // Kafka's recovery points are not taken over: what they promise about indexes is not what ours do. All is scanned once.
  for (const [name, logStartOffset] of starts) {
    const dash = name.lastIndexOf('-')
    checkpoints.set(name, { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)), topicId: '', recoveryPoint: 0, logStartOffset })
  }
  return checkpoints
}

export async function writeCheckpoints(disk: Disk, root: string, checkpoints: Checkpoints): Promise<void> {
  const body = JSON.stringify([...checkpoints.values()].map(entry => [entry.topic, entry.partition, entry.topicId, entry.recoveryPoint, entry.logStartOffset]))
  await writeDurable(disk, root, OWN_FILE, Buffer.from(`${FORMAT_VERSION} ${crc32c(Buffer.from(body))}\n${body}\n`))
}

/** Writes the three files that Kafka reads. */
export async function writeKafkaCheckpoints(disk: Disk, root: string, checkpoints: Checkpoints): Promise<void> {
  const entries = [...checkpoints.values()]
  const recoveryPoints = entries.map(entry => `${entry.topic} ${entry.partition} ${entry.recoveryPoint}`)
  await writeDurable(disk, root, RECOVERY_POINTS_FILE, encodeCheckpoint(recoveryPoints))
  await writeDurable(disk, root, LOG_STARTS_FILE, encodeCheckpoint(entries.map(entry => `${entry.topic} ${entry.partition} ${entry.logStartOffset}`)))
  await writeDurable(disk, root, HIGH_WATERMARKS_FILE, encodeCheckpoint(recoveryPoints))
}

/** Whether the last stop was clean; the marker is gone, durably, when this resolves. */
export async function takeCleanMarker(disk: Disk, root: string): Promise<boolean> {
  const path = join(root, CLEAN_FILE)
  if (!disk.exists(path)) return false
  unlinkIfExists(disk, path)
  await disk.syncDirectory(root)
  return true
}

export function writeCleanMarker(disk: Disk, root: string): Promise<void> {
  return writeDurable(disk, root, CLEAN_FILE, Buffer.from('{"version":0,"brokerEpoch":-1}'))
}

export interface DirectoryIdentity {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

/** Reads `meta.properties`, or makes it; DATA_DIR_VERSION where it was written by a newer version. */
export async function openIdentity(disk: Disk, root: string, fresh: () => DirectoryIdentity): Promise<DirectoryIdentity> {
  const bytes = readWhole(disk, join(root, META_FILE))
  if (bytes === undefined) {
    const identity = fresh()
    await writeDurable(disk, root, META_FILE, Buffer.from(`version=1\nnode.id=${identity.nodeId}\ncluster.id=${identity.clusterId}\ndirectory.id=${identity.directoryId}\nmillrace.version=${FORMAT_VERSION}\n`))
    return identity
  }
  const properties = new Map(bytes.toString('utf8').split('\n').filter(line => line.includes('=') && !line.startsWith('#')).map(line => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()]))
  const version = Number(properties.get('millrace.version') ?? FORMAT_VERSION)
  if (version !== FORMAT_VERSION || properties.get('version') !== '1') {
    throw new MillraceError('DATA_DIR_VERSION', `${root} was written by another version (format ${properties.get('millrace.version') ?? '?'}, this one reads ${FORMAT_VERSION}). Use the version that wrote it, or another directory.`)
  }
  return { clusterId: properties.get('cluster.id') ?? '', nodeId: Number(properties.get('node.id') ?? 1), directoryId: properties.get('directory.id') ?? '' }
}

function decodeOwn(bytes: Buffer, path: string): Checkpoints {
  const damaged = (): MillraceError => new MillraceError('LOG_CORRUPT', `${path} is damaged: its checksum does not agree. Remove it to have every log scanned from its first byte; records deleted by DeleteRecords may be readable again then.`)
  const text = bytes.toString('utf8')
  const head = /^(\d+) (\d+)\n/.exec(text)
  if (head === null) throw damaged()
  const body = text.slice(head[0].length, -1)
  if (Number(head[2]) !== crc32c(Buffer.from(body))) throw damaged()
  // The checksum says that these are the bytes that writeCheckpoints wrote.
  const rows = JSON.parse(body) as [string, number, string, number, number][]
  return new Map(rows.map(([topic, partition, topicId, recoveryPoint, logStartOffset]) => [partitionDirectoryName(topic, partition), { topic, partition, topicId, recoveryPoint, logStartOffset }]))
}
