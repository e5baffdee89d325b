/**
 * Restoring a shard's state: from where its store stands in the changelogs to their ends, and not a record further back.
 *
 * R1. The end is the log's end offset, read once as READ_UNCOMMITTED before the first fetch; the reader is read_committed and its *position* must
 *     reach the end (E6). So an open transaction is waited for, control records count by position, and no idle timer ever ends a restore.
 * R2. A store is rebuilt from the start only for one of the reasons of `RebuildReason`, which is logged; never for a crash of the process.
 *     Truncation is found by the leader epoch that is kept with the position (KIP-320): a log that has grown past it again looks as if nothing had been.
 * R3. The store's position moves with each chunk, in the same local transaction: a restore that is killed goes on where it was.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Admin, OffsetListing } from '../client/admin.ts'
import type { Env } from '../env/env.ts'
import type { StorePlan } from '../topology/plan.ts'
import { ChangelogReplay, positionsOf } from './changelog-replay.ts'
import type { Changelog, ReplayOptions } from './changelog-replay.ts'
import type { ShardState } from './state/shard-state.ts'
import type { ChangelogPosition, StorePosition } from './state/store.ts'

export type RebuildReason =
  | 'the changelog topic was made anew'
  | 'the store is ahead of the changelog'
  | 'the changelog was truncated below the store\'s position'
  | 'the changelog begins after the store\'s position'
  | 'away longer than deleted keys are kept'
  | 'the machine went down without a clean close'
  | 'the store is damaged'

export interface RestoreOptions extends ReplayOptions {
  readonly admin: Admin
  readonly stores: readonly StorePlan[]
  /** Closes `state`, removes its files and opens it anew, empty: for a rebuild. */
  readonly reopenEmpty: () => Promise<ShardState>
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

const DELETE_RETENTION_MS = 86_400_000

export async function restoreShard(options: RestoreOptions): Promise<RestoreResult> {
  const startedAt = options.env.clock.monotonic()
  const before = options.state.position()
  const changelogs = await openChangelogs(options, before)
  const rebuilt = before === undefined ? undefined : rebuildReason(before, changelogs, options)
  if (rebuilt !== undefined) {
    options.logger.warn('rebuilding state from the start of its changelogs', { reason: rebuilt, partition: options.partition })
  }
  const state = rebuilt === undefined ? options.state : await options.reopenEmpty()
  if (rebuilt !== undefined) for (const changelog of changelogs) startOver(changelog)
  const total = changelogs.reduce((sum, changelog) => sum + Math.max(0, changelog.end - changelog.next), 0)
  options.onProgress({ done: 0, total })
  const records = total === 0 ? 0 : await new ChangelogReplay({ ...options, state }, changelogs, rebuilt === undefined ? before?.clocks ?? '' : '').run()
  return { state, records, offsets: total, ms: options.env.clock.monotonic() - startedAt, rebuilt, changelogs: positionsOf(changelogs) }
}

function startOver(changelog: Changelog): void {
  changelog.next = changelog.start
  // Of a position that is trusted no more nothing must live on.
  changelog.leaderEpoch = changelog.start >= changelog.end ? changelog.endEpoch : -1
  changelog.epochOffset = changelog.start
}

async function openChangelogs(options: RestoreOptions, before: StorePosition | undefined): Promise<Changelog[]> {
  const partitions = options.stores.map(store => ({ topic: store.changelog.name, partition: options.partition }))
  if (partitions.length === 0) return []
  const ends = await options.admin.listOffsets(partitions, 'latest', { isolation: 'read_uncommitted' })
  const starts = await options.admin.listOffsets(partitions, 'earliest', { isolation: 'read_uncommitted' })
  const epochEnds = await epochEndsOf(options, before)
  const foundIn = (listing: readonly OffsetListing[], topic: string): OffsetListing => {
    const found = listing.find(entry => entry.topic === topic && entry.partition === options.partition)
    if (found === undefined) throw new MillraceError('BROKER_ERROR', `The cluster did not tell the offsets of ${topic}/${options.partition}.`, { retriable: true })
    return found
  }
  return await Promise.all(options.stores.map(async store => {
    await options.cluster.partitions(store.changelog.name)
    const held = before?.changelogs[store.name]
    const start = foundIn(starts, store.changelog.name).offset
    const end = foundIn(ends, store.changelog.name)
    const next = held?.offsetNext ?? start
    return {
      store: store.name, topic: store.changelog.name, topicId: options.cluster.topicId(store.changelog.name) ?? '', start,
      end: end.offset, endEpoch: end.leaderEpoch, epochEnd: epochEnds.get(store.changelog.name), next,
      ...(next >= end.offset ? { leaderEpoch: Math.max(end.leaderEpoch, held?.leaderEpoch ?? -1), epochOffset: next } : { leaderEpoch: held?.leaderEpoch ?? -1, epochOffset: held?.epochOffset ?? next }),
    }
  }))
}

/** By topic: where the epochs of the store's positions ended. */
async function epochEndsOf(options: RestoreOptions, before: StorePosition | undefined): Promise<Map<string, number>> {
  const asked = options.stores.flatMap(({ name, changelog }) => {
    const leaderEpoch = before?.changelogs[name]?.leaderEpoch ?? -1
    return leaderEpoch < 0 ? [] : [{ topic: changelog.name, partition: options.partition, leaderEpoch }]
  })
  const ends = asked.length === 0 ? [] : await options.admin.epochEnds(asked)
  return new Map(ends.map(({ topic, endOffset }) => [topic, endOffset]))
}

/** R2: why what is on the disk must not be gone on from. */
export function rebuildReason(
  position: StorePosition,
  changelogs: readonly Pick<Changelog, 'store' | 'topicId' | 'start' | 'end' | 'epochEnd'>[],
  now: { readonly env: { readonly clock: { now(): number } }; readonly bootId: string; readonly stores: readonly StorePlan[] },
): RebuildReason | undefined {
  if (!position.cleanClose && position.bootId !== now.bootId) return 'the machine went down without a clean close'
  for (const changelog of changelogs) {
    const held = position.changelogs[changelog.store]
    if (held === undefined) continue
    if (held.topicId !== '' && changelog.topicId !== '' && held.topicId !== changelog.topicId) return 'the changelog topic was made anew'
    if (held.offsetNext > changelog.end) return 'the store is ahead of the changelog'
    if (held.truncated === true) return 'the changelog was truncated below the store\'s position'
    if (changelog.epochEnd !== undefined && changelog.epochEnd < Math.min(held.epochOffset ?? Infinity, held.offsetNext)) return 'the changelog was truncated below the store\'s position'
    // Compaction moves a log's start only by deletion (windows that expired); what lay before is gone for everybody.
    const config = now.stores.find(store => store.name === changelog.store)?.changelog.config
    const deletes = config?.['cleanup.policy']?.includes('delete') === true
    if (held.offsetNext < changelog.start && !deletes) return 'the changelog begins after the store\'s position'
    const deleteRetentionMs = Number(config?.['delete.retention.ms'] ?? DELETE_RETENTION_MS)
    if (held.offsetNext < changelog.end && now.env.clock.now() - position.committedAtMs > deleteRetentionMs / 2) return 'away longer than deleted keys are kept'
  }
  return undefined
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
