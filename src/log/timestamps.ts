/**
 * ListOffsets by time: exact to the record, not to the batch.
 */
import { RecordCursor } from '../wire/record-batch.ts'
import type { BatchPlace, Segment } from './segment.ts'
import type { TimestampedOffset } from './types.ts'

/** The first record at or after `timestamp` with an offset in `[offsetFrom, bound)`. */
export function findOffsetForTimestamp(segments: readonly Segment[], timestamp: number, offsetFrom: number, bound: number): TimestampedOffset | undefined {
  for (const segment of segments) {
    if (segment.baseOffset >= bound) return undefined
    if (segment.nextOffset <= offsetFrom || segment.maxTimestamp < timestamp) continue
    let from = offsetFrom
    for (;;) {
      const place = segment.findTimestamp(timestamp, from)
      if (place === undefined) break
      const found = firstRecord(segment, place, record => record.timestamp >= timestamp && record.offset >= offsetFrom)
      if (found !== undefined) return found.offset < bound ? found : undefined
      from = place.lastOffset + 1
    }
  }
  return undefined
}

/** The first record that has the highest timestamp of all in `[offsetFrom, bound)`. */
export function findMaxTimestamp(segments: readonly Segment[], offsetFrom: number, bound: number): TimestampedOffset | undefined {
  let best: { readonly segment: Segment; readonly place: BatchPlace } | undefined
  for (const segment of segments) {
    if (segment.baseOffset >= bound || segment.nextOffset <= offsetFrom || segment.maxTimestamp < 0) continue
    if (best !== undefined && segment.maxTimestamp <= best.place.maxTimestamp) continue
    const whole = segment.baseOffset >= offsetFrom && segment.nextOffset <= bound
    const place = whole ? segment.findBatch(segment.maxTimestampOffset) : highestPlace(segment, offsetFrom, bound)
    if (place !== undefined && (best === undefined || place.maxTimestamp > best.place.maxTimestamp)) best = { segment, place }
  }
  if (best === undefined) return undefined
  const { segment, place } = best
  return firstRecord(segment, place, record => record.timestamp === place.maxTimestamp && record.offset >= offsetFrom)
    ?? firstRecord(segment, place, record => record.offset >= offsetFrom)
}

function highestPlace(segment: Segment, offsetFrom: number, bound: number): BatchPlace | undefined {
  let best: BatchPlace | undefined
  for (const place of segment.places()) {
    if (place.lastOffset < offsetFrom || place.baseOffset >= bound) continue
    if (best === undefined || place.maxTimestamp > best.maxTimestamp) best = place
  }
  return best
}

function firstRecord(segment: Segment, place: BatchPlace, wanted: (record: RecordCursor) => boolean): TimestampedOffset | undefined {
  const batch = segment.readBatch(place)
  const record = batch.records(new RecordCursor())
  while (record.next()) if (wanted(record)) return { offset: record.offset, timestamp: record.timestamp, leaderEpoch: batch.leaderEpoch }
  return undefined
}
