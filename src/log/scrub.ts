/**
 * Reading finished segments again, to find what rotted before a reader does.
 */
import type { PartitionLog } from './partition-log.ts'
import { scanBatches } from './scan.ts'
import type { ScanState } from './scan.ts'

/** Bytes checked in one turn: a few milliseconds. */
const TURN_BYTES = 4 * 1024 * 1024

/** Checks every batch of every finished segment; gives a message for each segment that is damaged. */
export async function scrubLog(log: PartitionLog): Promise<string[]> {
  const damage: string[] = []
  for (const segment of log.segments.slice(0, -1)) {
    const state: ScanState = { nextOffset: segment.baseOffset, leaderEpoch: -1, position: 0 }
    while (state.position < segment.sizeBytes) {
      // Others get their turn between two pieces; the segment may be compacted or retired meanwhile.
      await new Promise<void>(resolve => log.context.env.clock.defer(resolve))
      if (!log.segments.includes(segment)) break
      const fault = scanBatches(segment.file, state, () => {}, TURN_BYTES)
      if (fault === undefined) continue
      damage.push(segment.corrupt(fault.position, fault.message).message)
      break
    }
  }
  return damage
}
