/**
 * What a batch must be before it may be appended: the checks of a produce request, in Kafka's order and with its errors.
 *
 * H1. Client batches are walked record by record (decompressed where needed): offsets without gaps, sound lengths, keys where
 *     the topic is compacted, timestamps within the topic's bounds. What is in the log can be read by everyone.
 * H2. A client's maximum timestamp that does not match its records is put right in place, as Kafka does.
 * H3. What the compressed batches of one request become together is bounded (`decompression`): a small batch may grow to megabytes, and a
 *     request has room for thousands of them, which are read in one turn.
 * H4. Only coordinators write control batches, and their batches are our own: header and checksum are checked, not records.
 */
import { MillraceError } from '../base/errors.ts'
import { crc32c } from '../wire/crc32c.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'
import { batchFault, BatchView, RecordCursor, setMaxTimestampLogAppend, writeInt64 } from '../wire/record-batch.ts'
import type { BatchFault } from '../wire/record-batch.ts'
import type { LogConfig } from './types.ts'

const FAULT_ERRORS: Readonly<Record<BatchFault, KafkaErrorName>> = {
  truncated: 'CORRUPT_MESSAGE',
  size: 'CORRUPT_MESSAGE',
  magic: 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  crc: 'CORRUPT_MESSAGE',
  count: 'INVALID_RECORD',
  codec: 'UNSUPPORTED_COMPRESSION_TYPE',
  number: 'INVALID_RECORD',
  tooLarge: 'MESSAGE_TOO_LARGE',
  records: 'INVALID_RECORD',
}

/** What reading a compressed batch costs at least, also one that cannot be read. */
const DECOMPRESSION_BYTES_MIN = 64 * 1024

const cursor = new RecordCursor()

interface CheckOptions {
  readonly origin: 'client' | 'coordinator'
  readonly nowMs: number
  readonly decompression?: { bytesLeft: number } | undefined
}

/** The batches of an append, checked and (timestamps) put right; throws Kafka's error for the first that is not sound. */
export function checkBatches(bytes: Buffer, config: LogConfig, options: CheckOptions): BatchView[] {
  const batches: BatchView[] = []
  const limits = options.origin === 'client' ? { batchBytesMax: config.maxMessageBytes } : {}
  for (let at = 0; at < bytes.length;) {
    const fault = batchFault(bytes, at, bytes.length, limits)
    if (fault !== undefined) throw refuse(FAULT_ERRORS[fault[0]], fault[1])
    const batch = new BatchView(bytes, at)
    if (batch.sizeBytes > config.segmentBytes) throw refuse('RECORD_LIST_TOO_LARGE', `a batch of ${batch.sizeBytes} bytes, segments have ${config.segmentBytes}`)
    if (options.origin === 'client') checkClientBatch(batch, config, options)
    if (config.timestampType === 'LogAppendTime') setMaxTimestampLogAppend(bytes, at, options.nowMs)
    batches.push(batch)
    at += batch.sizeBytes
  }
  if (batches.length === 0) throw refuse('CORRUPT_MESSAGE', 'an append without a batch')
  if (options.origin === 'client' && batches.length > 1) throw refuse('INVALID_RECORD', `${batches.length} batches in one partition of a produce request, exactly one is allowed`)
  const withProducer = batches.filter(batch => batch.producerId !== -1)
  if (withProducer.length > 1 && new Set(withProducer.map(batch => batch.producerId)).size < withProducer.length) {
    throw refuse('INVALID_RECORD', 'one append holds two batches of one producer')
  }
  return batches
}

function checkClientBatch(batch: BatchView, config: LogConfig, options: CheckOptions): void {
  const { recordCount, lastOffsetDelta } = batch
  if (batch.isControl) throw refuse('INVALID_RECORD', 'clients may not write control records')
  if (batch.hasDeleteHorizon) throw refuse('INVALID_RECORD', 'clients may not set a delete horizon')
  if (batch.baseOffset !== 0) throw refuse('INVALID_RECORD', `the base offset of a produced batch is 0, not ${batch.baseOffset}`)
  if (recordCount <= 0 || recordCount !== lastOffsetDelta + 1) throw refuse('INVALID_RECORD', `${recordCount} records, last offset delta ${lastOffsetDelta}`)
  if (batch.producerId !== -1 && (batch.producerEpoch < 0 || batch.baseSequence < 0)) {
    throw refuse('INVALID_RECORD', `producer ${batch.producerId} sent epoch ${batch.producerEpoch} and sequence ${batch.baseSequence}`)
  }
  if (batch.isTransactional && batch.producerId === -1) throw refuse('INVALID_RECORD', 'a transactional batch without a producer id')
  const timestampMax = checkRecords(batch, config, options)
  if (config.timestampType === 'CreateTime' && timestampMax !== batch.maxTimestamp) {
    writeInt64(batch.buffer, batch.start + 35, timestampMax)
    batch.buffer.writeUInt32BE(crc32c(batch.buffer, batch.start + 21, batch.end), batch.start + 17)
  }
}

/** Walks the records (H1); gives the highest timestamp. */
function checkRecords(batch: BatchView, config: LogConfig, { nowMs, decompression }: CheckOptions): number {
  const timestampFrom = nowMs - config.timestampBeforeMaxMs
  const timestampTo = nowMs + config.timestampAfterMaxMs
  const checksTime = config.timestampType === 'CreateTime'
  const { cleanupCompact } = config
  let timestampMax = -1
  let offset = batch.baseOffset
  const budget = batch.codec === 0 ? undefined : decompression
  if (budget !== undefined && budget.bytesLeft <= 0) throw refuse('MESSAGE_TOO_LARGE', 'the compressed batches of one request become too large together: send fewer in one')
  try {
    if (budget !== undefined) budget.bytesLeft -= DECOMPRESSION_BYTES_MIN
    batch.records(cursor)
    if (budget !== undefined) budget.bytesLeft -= cursor.buffer.length
    while (cursor.next()) {
      if (cursor.offset !== offset) throw refuse('INVALID_RECORD', `a record has offset delta ${cursor.offset - batch.baseOffset}, expected ${offset - batch.baseOffset}`)
      offset += 1
      const { timestamp } = cursor
      if (timestamp > timestampMax) timestampMax = timestamp
      if (checksTime && timestamp !== -1 && (timestamp < timestampFrom || timestamp > timestampTo)) {
        throw refuse('INVALID_TIMESTAMP', `timestamp ${timestamp} is not within [${timestampFrom}, ${timestampTo}] (message.timestamp.before.max.ms, message.timestamp.after.max.ms)`, offset - 1 - batch.baseOffset)
      }
      if (cleanupCompact && cursor.keyStart < 0) throw refuse('INVALID_RECORD', 'a record without a key in a compacted topic', offset - 1 - batch.baseOffset)
      if (cursor.headerCount > 0) cursor.readHeaders()
    }
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'BATCH_CORRUPT') throw refuse('INVALID_RECORD', error.message)
    throw error
  } finally {
    // The cursor is shared: it must not keep the request's bytes alive.
    cursor.buffer = EMPTY
  }
  return timestampMax
}

const EMPTY = Buffer.alloc(0)

/** `batchIndex`: which record of the batch is to blame, where it is one. */
function refuse(name: KafkaErrorName, context: string, batchIndex?: number): MillraceError {
  return kafkaError(errorCode(name), context, batchIndex === undefined ? {} : { batchIndex })
}
