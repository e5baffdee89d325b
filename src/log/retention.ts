/**
 * Retention: which of the oldest segments go, by time and by size.
 *
 * E1. Only whole segments go, oldest first, and only below the high watermark; the log's start is saved before a file is removed.
 * E2. By time: a segment whose newest record is older than `retention.ms` (its creation where it has no timestamps). The active
 *     one is rolled first when it is due. By size: while what would be left is still at least `retention.bytes`.
 * E3. Without `delete` in the cleanup policy only segments below the log's start go.
 */
import type { PartitionLog } from './partition-log.ts'
import type { Segment } from './segment.ts'

/** Removes what is due; gives how many bytes went. */
export function applyRetention(log: PartitionLog, nowMs: number): Promise<number> {
  return log.exclusively(async () => {
    if (!log.config.cleanupDelete) return 0
    const before = log.sizeBytes
    const active = log.segments.at(-1)
    if (active !== undefined && active.sizeBytes > 0 && isExpired(active, log, nowMs) && active.nextOffset <= log.highWatermark) log.roll()
    await log.retainFrom(retainedFrom(log, nowMs))
    return before - log.sizeBytes
  })
}

function retainedFrom(log: PartitionLog, nowMs: number): number {
  const { retentionBytes } = log.config
  let excess = retentionBytes < 0 ? -1 : log.sizeBytes - retentionBytes
  let from = log.logStartOffset
  for (let index = 0; index < log.segments.length - 1; index++) {
    const segment = log.segments[index]
    const next = log.segments[index + 1]
    if (segment === undefined || next === undefined || next.baseOffset > log.highWatermark) break
    const isTooMuch = excess >= 0 && excess - segment.sizeBytes >= 0
    if (!isTooMuch && !isExpired(segment, log, nowMs)) break
    excess -= segment.sizeBytes
    from = next.baseOffset
  }
  return from
}

function isExpired(segment: Segment, log: PartitionLog, nowMs: number): boolean {
  const { retentionMs } = log.config
  if (retentionMs < 0) return false
  return nowMs - (segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMs) > retentionMs
}
