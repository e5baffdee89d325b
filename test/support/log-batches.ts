/**
 * Batches and logs for the tests of `src/log`: a manager on a simulated machine, records by short names.
 */
import { BatchBuilder, controlBatch } from '../../src/wire/batch-builder.ts'
import type { CodecName } from '../../src/wire/compression.ts'
import { walkBatches } from '../../src/wire/record-batch.ts'
import { LogManager } from '../../src/log/log-manager.ts'
import type { LogManagerOptions } from '../../src/log/log-manager.ts'
import type { PartitionLog } from '../../src/log/partition-log.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/log/types.ts'
import type { AppendResult, Isolation, LogConfig } from '../../src/log/types.ts'
import type { Env } from '../../src/env/env.ts'

export const TOPIC_ID = 'AbCdEfGhIjKlMnOpQrStUg'
export const NOW_MS = Date.UTC(2026, 0, 1)

export interface TestRecord {
  readonly key: string | null
  readonly value: string | null
  readonly timestamp?: number
}

export interface BatchOptions {
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly codec?: CodecName
}

export function batchOf(records: readonly TestRecord[], options: BatchOptions = {}): Buffer {
  const builder = new BatchBuilder({ codec: options.codec, bytesMax: 64 * 1024 * 1024 })
  for (const { key, value, timestamp } of records) {
    builder.append(timestamp ?? NOW_MS, key === null ? null : Buffer.from(key), value === null ? null : Buffer.from(value))
  }
  return Buffer.from(builder.build(options))
}

/** `count` records `prefix0` … with values of `valueBytes`. */
export function batchOfSize(count: number, valueBytes: number, options: BatchOptions & { readonly prefix?: string; readonly timestamp?: number } = {}): Buffer {
  return batchOf(Array.from({ length: count }, (_, index) => ({ key: `${options.prefix ?? 'k'}${index}`, value: 'v'.repeat(valueBytes), timestamp: options.timestamp ?? NOW_MS })), options)
}

export function appendRecords(log: PartitionLog, records: readonly TestRecord[], options: BatchOptions = {}): AppendResult {
  return log.append(batchOf(records, options), { origin: 'client' })
}

export function appendMarker(log: PartitionLog, type: 'commit' | 'abort', producer: { readonly producerId: number; readonly producerEpoch?: number; readonly coordinatorEpoch?: number }, transactionVersion: 1 | 2 = 1): AppendResult {
  const marker = controlBatch({ producerId: producer.producerId, producerEpoch: producer.producerEpoch ?? 0, type, coordinatorEpoch: producer.coordinatorEpoch ?? 0, timestamp: NOW_MS })
  return log.append(marker, { origin: 'coordinator', transactionVersion })
}

export interface ReadRecord {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly producerId: number
  readonly control: boolean
}

/** Every record of a log that a reader of `isolation` gets, aborted ones filtered as a client filters them. */
export function readAll(log: PartitionLog, options: { readonly isolation?: Isolation; readonly from?: number; readonly bytesMax?: number } = {}): ReadRecord[] {
  const isolation = options.isolation ?? 'uncommitted'
  const records: ReadRecord[] = []
  let offset = options.from ?? log.logStartOffset
  for (;;) {
    const result = log.read({ offset, isolation, bytesMax: options.bytesMax ?? 100_000, minOneBatch: true })
    if (result.records.length === 0) return records
    const aborted = (result.abortedTransactions ?? []).slice()
    const abortedProducers = new Set<number>()
    for (const batch of walkBatches(result.records)) {
      while (aborted[0] !== undefined && aborted[0].firstOffset <= batch.lastOffset) {
        abortedProducers.add(aborted[0].producerId)
        aborted.shift()
      }
      const cursor = batch.records()
      if (batch.isControl) {
        if (cursor.next() && cursor.buffer.readInt16BE(cursor.keyStart + 2) === 0) abortedProducers.delete(batch.producerId)
      }
      const skipped = isolation === 'committed' && (batch.isControl || (batch.isTransactional && abortedProducers.has(batch.producerId)))
      if (!skipped) {
        const walk = batch.records()
        while (walk.next()) {
          if (walk.offset < offset) continue
          records.push({
            offset: walk.offset,
            key: batch.isControl || walk.keyStart < 0 ? null : walk.buffer.toString('utf8', walk.keyStart, walk.keyEnd),
            value: batch.isControl || walk.valueStart < 0 ? null : walk.buffer.toString('utf8', walk.valueStart, walk.valueEnd),
            timestamp: walk.timestamp, producerId: batch.producerId, control: batch.isControl,
          })
        }
      }
      offset = Math.max(offset, batch.lastOffset + 1)
    }
  }
}

export function configOf(changes: Partial<LogConfig> = {}): LogConfig {
  return { ...DEFAULT_LOG_CONFIG, ...changes }
}

/** A manager on `env` in `/data`, `sync` and without a reserve unless told otherwise. */
export function openManager(env: Env, options: Partial<LogManagerOptions> = {}): Promise<LogManager> {
  return LogManager.open(env, { directory: '/data', durability: { kind: 'sync' }, minFreeBytes: 0, ...options })
}

export function openLog(manager: LogManager, config: Partial<LogConfig> = {}, topic = 'orders', partition = 0): Promise<PartitionLog> {
  return manager.openPartition({ topicId: TOPIC_ID, topic, partition, config: configOf(config) })
}
