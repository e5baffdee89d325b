/**
 * How the coordinators use a partition log as their memory: append a few records, read all of them back at start.
 */
import type { PartitionLog } from '../log/partition-log.ts'
import { BatchBuilder } from '../wire/batch-builder.ts'
import { BATCH_HEADER_BYTES, RecordCursor, walkBatches } from '../wire/record-batch.ts'
import type { BatchView } from '../wire/record-batch.ts'

/** Group metadata with large user data still is one batch. */
const BATCH_BYTES_MAX = 64 * 1024 * 1024
const READ_BYTES = 1024 * 1024
/** Lengths and deltas of a record without headers, at their largest. */
const RECORD_OVERHEAD_BYTES_MAX = 32

export interface CoordinatorRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

export interface Appended {
  readonly baseOffset: number
  /** Resolves when the records are as durable as the policy says; rejects where the disk failed. */
  readonly durable: Promise<void>
}

export interface AppendRecordsOptions {
  /** Whose transaction they belong to. */
  readonly owner?: { readonly producerId: number; readonly producerEpoch: number } | undefined
  /** Nobody waits until they are durable. */
  readonly lazy?: boolean | undefined
}

/** Appends `records` as one batch, now. Throws the log's Kafka errors. */
export function appendRecords(log: PartitionLog, records: readonly CoordinatorRecord[], nowMs: number, { owner, lazy }: AppendRecordsOptions = {}): Appended {
  const bytesExpected = records.reduce((sum, { key, value }) => sum + RECORD_OVERHEAD_BYTES_MAX + key.length + (value?.length ?? 0), BATCH_HEADER_BYTES)
  const builder = new BatchBuilder({ bytesMax: BATCH_BYTES_MAX, bytesExpected })
  for (const { key, value } of records) builder.append(nowMs, key, value)
  const batch = builder.build(owner === undefined ? {} : { producerId: owner.producerId, producerEpoch: owner.producerEpoch, baseSequence: -1, transactional: true })
  const { baseOffset, lastOffset } = log.append(batch, { origin: 'coordinator', lazy })
  return { baseOffset, durable: log.flushed(lastOffset + 1) }
}

/** One record of a data batch, or a control batch as a whole. Key and value are slices, valid during the call. */
export interface Replay {
  record(key: Buffer, value: Buffer | null, offset: number, view: BatchView): void
  control(view: BatchView): void
}

/** Reads the whole log. */
export function replay(log: PartitionLog, into: Replay): void {
  const cursor = new RecordCursor()
  let offset = log.logStartOffset
  while (offset < log.logEndOffset) {
    const { records } = log.read({ offset, bytesMax: READ_BYTES, isolation: 'uncommitted', minOneBatch: true })
    let next = offset
    for (const view of walkBatches(records)) {
      next = view.lastOffset + 1
      if (view.isControl) into.control(view)
      else replayBatch(view, cursor, into)
    }
    if (next === offset) return
    offset = next
  }
}

function replayBatch(view: BatchView, cursor: RecordCursor, into: Replay): void {
  view.records(cursor)
  while (cursor.next()) {
    if (cursor.keyStart < 0) continue
    const value = cursor.valueStart < 0 ? null : cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd)
    into.record(cursor.buffer.subarray(cursor.keyStart, cursor.keyEnd), value, cursor.offset, view)
  }
}
