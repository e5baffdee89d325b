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
  let spanning: TimestampedOffset | undefined
  for (const segment of segments) {
    if (segment.baseOffset >= bound || segment.nextOffset <= offsetFrom || segment.maxTimestamp < 0) continue
    if (best !== undefined && segment.maxTimestamp <= best.place.maxTimestamp) continue
    const whole = segment.baseOffset >= offsetFrom && segment.nextOffset <= bound
    for (const place of whole ? [segment.findBatch(segment.maxTimestampOffset)] : segment.places()) {
      if (place === undefined || place.lastOffset < offsetFrom || place.baseOffset >= bound) continue
      // Of the batch that the start cuts through, the header's word covers records that are gone: look at each.
      if (place.baseOffset < offsetFrom) spanning = highestRecord(segment, place, offsetFrom)
      else if (best === undefined || place.maxTimestamp > best.place.maxTimestamp) best = { segment, place }
    }
  }
  if (best === undefined || (spanning !== undefined && spanning.timestamp >= best.place.maxTimestamp)) return spanning
  return highestRecord(best.segment, best.place, offsetFrom)
}

function highestRecord(segment: Segment, place: BatchPlace, offsetFrom: number): TimestampedOffset | undefined {
  const batch = segment.readBatch(place)
  const record = batch.records(new RecordCursor())
  let best: TimestampedOffset | undefined
  while (record.next()) {
    if (record.offset >= offsetFrom && (best === undefined || record.timestamp > best.timestamp)) best = { offset: record.offset, timestamp: record.timestamp, leaderEpoch: batch.leaderEpoch }
  }
  return best
}

function firstRecord(segment: Segment, place: BatchPlace, wanted: (record: RecordCursor) => boolean): TimestampedOffset | undefined {
  const batch = segment.readBatch(place)
  const record = batch.records(new RecordCursor())
  while (record.next()) if (wanted(record)) return { offset: record.offset, timestamp: record.timestamp, leaderEpoch: batch.leaderEpoch }
  return undefined
}
