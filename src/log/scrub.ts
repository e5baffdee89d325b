/**
 * Reading finished segments again, to find what rotted before a reader does.
 */
import type { PartitionLog } from './partition-log.ts'
import { scanBatches } from './scan.ts'

/** Checks every batch of every finished segment; gives a message for each segment that is damaged. */
export async function scrubLog(log: PartitionLog): Promise<string[]> {
  const damage: string[] = []
  for (const segment of log.segments.slice(0, -1)) {
    // One turn a segment: a scan is synchronous, others must get theirs. It may have been compacted away meanwhile.
    await new Promise<void>(resolve => log.context.env.clock.defer(resolve))
    if (!log.segments.includes(segment)) continue
    const fault = scanBatches(segment.file, 0, { nextOffset: segment.baseOffset, leaderEpoch: -1 }, () => {})
    if (fault !== undefined) damage.push(segment.corrupt(fault.position, fault.message).message)
  }
  return damage
}
