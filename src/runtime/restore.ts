/**
 * Restoring a shard's state: from where its store stands in the changelogs to their ends, and not a record further back.
 *
 * R1. The end is the log's end offset, read once as READ_UNCOMMITTED before the first fetch; the reader is read_committed and its *position* must
 *     reach the end (E6). So an open transaction is waited for, control records count by position, and no idle timer ever ends a restore.
 * R2. A store is rebuilt from the start only for one of the reasons of `RebuildReason`, which is logged; never for a crash of the process.
 * R3. The store's position moves with each chunk, in the same local transaction: a restore that is killed goes on where it was.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Admin, OffsetListing } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { Env } from '../env/env.ts'
import type { StorePlan } from '../topology/plan.ts'
import type { ChangelogRecord, ShardState } from './state/shard-state.ts'
import type { ChangelogPosition, StorePosition } from './state/store.ts'

export type RebuildReason =
  | 'the changelog topic was made anew'
  | 'the store is ahead of the changelog'
  | 'the changelog begins after the store\'s position'
  | 'away longer than deleted keys are kept'
  | 'the machine went down without a clean close'
  | 'the store is damaged'

export interface RestoreProgress {
  /** Changelog offsets read so far, and to read in all. */
  readonly done: number
  readonly total: number
}

export interface RestoreOptions {
  readonly env: Env
  readonly cluster: Cluster
  readonly admin: Admin
  readonly logger: Logger
  readonly bootId: string
  readonly partition: number
  readonly stores: readonly StorePlan[]
  readonly state: ShardState
  /** Closes `state`, removes its files and opens it anew, empty: for a rebuild. */
  readonly reopenEmpty: () => Promise<ShardState>
  readonly onProgress: (progress: RestoreProgress) => void
  /** Looked at between chunks: the shard was taken away meanwhile. */
  readonly cancelled: () => boolean
}

export interface RestoreResult {
  /** The state to go on with: another object after a rebuild. */
  readonly state: ShardState
  readonly records: number
  readonly offsets: number
  readonly ms: number
  readonly rebuilt: RebuildReason | undefined
  /** Where the changelogs stand now, by store name. */
  readonly changelogs: Record<string, ChangelogPosition>
}

const CHUNK_RECORDS = 4_096
const CHUNK_BYTES = 2 * 1024 * 1024
const DELETE_RETENTION_MS = 86_400_000
/** A shard that is taken away while it waits is let go of after this long. */
const LOOK_AGAIN_MS = 500
const WAITS_PER_LOG = 20

interface Changelog {
  readonly store: string
  readonly topic: string
  readonly topicId: string
  readonly start: number
  readonly end: number
  next: number
  leaderEpoch: number
  readonly records: ChangelogRecord[]
  bytes: number
}

export async function restoreShard(options: RestoreOptions): Promise<RestoreResult> {
  const startedAt = options.env.clock.monotonic()
  const before = options.state.position()
  const changelogs = await openChangelogs(options, before)
  const rebuilt = before === undefined ? undefined : rebuildReason(before, changelogs, options)
  if (rebuilt !== undefined) {
    options.logger.warn('rebuilding state from the start of its changelogs', { reason: rebuilt, partition: options.partition })
  }
  const state = rebuilt === undefined ? options.state : await options.reopenEmpty()
  for (const changelog of changelogs) if (rebuilt !== undefined || before?.changelogs[changelog.store] === undefined) changelog.next = changelog.start
  const total = changelogs.reduce((sum, changelog) => sum + Math.max(0, changelog.end - changelog.next), 0)
  options.onProgress({ done: 0, total })
  const records = total === 0 ? 0 : await replay({ ...options, state }, changelogs, { total, clocks: rebuilt === undefined ? before?.clocks ?? '' : '' })
  return { state, records, offsets: total, ms: options.env.clock.monotonic() - startedAt, rebuilt, changelogs: positionsOf(changelogs) }
}

async function openChangelogs(options: RestoreOptions, before: StorePosition | undefined): Promise<Changelog[]> {
  const partitions = options.stores.map(store => ({ topic: store.changelog.name, partition: options.partition }))
  if (partitions.length === 0) return []
  const ends = await options.admin.listOffsets(partitions, 'latest', { isolation: 'read_uncommitted' })
  const starts = await options.admin.listOffsets(partitions, 'earliest', { isolation: 'read_uncommitted' })
  const offsetIn = (listing: readonly OffsetListing[], topic: string): number => {
    const found = listing.find(entry => entry.topic === topic && entry.partition === options.partition)
    if (found === undefined) throw new MillraceError('BROKER_ERROR', `The cluster did not tell the offsets of ${topic}/${options.partition}.`, { retriable: true })
    return found.offset
  }
  return await Promise.all(options.stores.map(async store => {
    await options.cluster.partitions(store.changelog.name)
    const held = before?.changelogs[store.name]
    const start = offsetIn(starts, store.changelog.name)
    return {
      store: store.name, topic: store.changelog.name, topicId: options.cluster.topicId(store.changelog.name) ?? '', start,
      end: offsetIn(ends, store.changelog.name), next: held?.offsetNext ?? start, leaderEpoch: held?.leaderEpoch ?? -1, records: [], bytes: 0,
    }
  }))
}

/** R2: why what is on the disk must not be gone on from. */
export function rebuildReason(
  position: StorePosition,
  changelogs: readonly { readonly store: string; readonly topicId: string; readonly start: number; readonly end: number }[],
  now: { readonly env: { readonly clock: { now(): number } }; readonly bootId: string; readonly stores: readonly StorePlan[] },
): RebuildReason | undefined {
  if (!position.cleanClose && position.bootId !== now.bootId) return 'the machine went down without a clean close'
  for (const changelog of changelogs) {
    const held = position.changelogs[changelog.store]
    if (held === undefined) continue
    if (held.topicId !== '' && changelog.topicId !== '' && held.topicId !== changelog.topicId) return 'the changelog topic was made anew'
    if (held.offsetNext > changelog.end) return 'the store is ahead of the changelog'
    // Compaction moves a log's start only by deletion (windows that expired); what lay before is gone for everybody.
    const config = now.stores.find(store => store.name === changelog.store)?.changelog.config
    const deletes = config?.['cleanup.policy']?.includes('delete') === true
    if (held.offsetNext < changelog.start && !deletes) return 'the changelog begins after the store\'s position'
    const deleteRetentionMs = Number(config?.['delete.retention.ms'] ?? DELETE_RETENTION_MS)
    if (held.offsetNext < changelog.end && now.env.clock.now() - position.committedAtMs > deleteRetentionMs / 2) return 'away longer than deleted keys are kept'
  }
  return undefined
}

async function replay(options: RestoreOptions, changelogs: readonly Changelog[], from: { readonly total: number; readonly clocks: string }): Promise<number> {
  const behind = changelogs.filter(changelog => changelog.next < changelog.end)
  let wake: () => void = () => {}
  let failure: Error | undefined
  const fetcher = new Fetcher(options.cluster, {
    isolation: 'read_committed', bytesInFlightMax: 16 * 1024 * 1024,
    onData: () => wake(),
    onError: (_topic, _partition, error) => { failure = error; wake() },
  })
  const cursor = new FetchedCursor()
  let records = 0
  let waits = 0
  try {
    for (const changelog of behind) fetcher.assign(changelog.topic, options.partition, Math.max(changelog.next, changelog.start))
    while (behind.some(changelog => changelog.next < changelog.end) && !options.cancelled()) {
      if (failure !== undefined) throw failure
      const batches = fetcher.poll()
      if (batches === undefined) {
        await new Promise<void>(resolve => {
          const timer = options.env.clock.setTimer(() => { waits++; resolve() }, LOOK_AGAIN_MS)
          wake = () => { waits = 0; timer.cancel(); resolve() }
        })
        if (waits > 0 && waits % WAITS_PER_LOG === 0) logStall(options, behind)
        continue
      }
      const changelog = behind.find(candidate => candidate.topic === batches.topic)
      if (changelog !== undefined) {
        cursor.open(batches)
        while (cursor.next()) {
          if (cursor.offset < changelog.next || cursor.keyStart < 0) continue
          records++
          const key = copyOf(cursor.buffer, cursor.keyStart, cursor.keyEnd)
          const value = cursor.valueStart < 0 ? null : copyOf(cursor.buffer, cursor.valueStart, cursor.valueEnd)
          changelog.records.push({ key, value })
          changelog.bytes += key.length + (value?.length ?? 0)
        }
        changelog.next = Math.max(changelog.next, batches.offsetNext)
        changelog.leaderEpoch = cursor.leaderEpoch
      }
      batches.release()
      if (changelog !== undefined && (changelog.records.length >= CHUNK_RECORDS || changelog.bytes >= CHUNK_BYTES || changelog.next >= changelog.end)) {
        await applyChunk(options, changelogs, changelog, from.clocks)
        options.onProgress({ done: from.total - behind.reduce((sum, one) => sum + Math.max(0, one.end - one.next), 0), total: from.total })
      }
    }
  } finally {
    await fetcher.close()
  }
  return records
}

async function applyChunk(options: RestoreOptions, changelogs: readonly Changelog[], changelog: Changelog, clocks: string): Promise<void> {
  const records = changelog.records.splice(0)
  changelog.bytes = 0
  // Other changelogs are named with what they have applied, which is behind what they have read while records wait.
  const position: StorePosition = {
    changelogs: positionsOf(changelogs.filter(one => one === changelog || one.records.length === 0)),
    committedAtMs: options.env.clock.now(), bootId: options.bootId, cleanClose: false, clocks,
  }
  const waiting = options.state.position()?.changelogs ?? {}
  await options.state.restore(changelog.store, records, { ...position, changelogs: { ...waiting, ...position.changelogs } })
}

function positionsOf(changelogs: readonly Changelog[]): Record<string, ChangelogPosition> {
  return Object.fromEntries(changelogs.map(one => [one.store, { topicId: one.topicId, offsetNext: one.next, leaderEpoch: one.leaderEpoch }]))
}

function logStall(options: RestoreOptions, behind: readonly Changelog[]): void {
  const waitsFor = behind.filter(one => one.next < one.end).map(one => `${one.topic}/${options.partition} at ${one.next} of ${one.end}`)
  options.logger.info('restore waits for its changelogs: a transaction may be open on them until its timeout', { waitsFor: waitsFor.join(', ') })
}

function copyOf(buffer: Buffer, start: number, end: number): Buffer {
  return Buffer.from(buffer.subarray(start, end))
}

/** The machine's current boot, '' where it cannot be told (then a store is trusted after a clean close and after a crash of the process). */
export function readBootId(env: Env, logger: Logger): string {
  const path = '/proc/sys/kernel/random/boot_id'
  if (!env.disk.exists(path)) return ''
  try {
    const file = env.disk.open(path, 'read')
    try {
      const buffer = Buffer.alloc(64)
      return buffer.toString('latin1', 0, file.read(buffer, 0, buffer.length, 0)).trim()
    } finally {
      file.close()
    }
  } catch (error) {
    logger.warn('the boot id cannot be read', { problem: messageOf(error) })
    return ''
  }
}
