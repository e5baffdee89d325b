/**
 * The words of a partition's log: configuration, what append and read take and give.
 *
 * Offsets and positions are numbers; ranges are `[start, end)`; every timestamp is epoch milliseconds.
 * Errors are `MillraceError`s made by `kafkaError(code, …)` where a client must be told, else `LOG_CORRUPT`, `DISK_FAILED` …
 */
import type { Companions } from './tail-cache.ts'

/** When an append counts as durable. See `docs/operating` for what each may lose at a power cut. */
export type Durability =
  /** One `fdatasync` round (group commit) before `flushed()` resolves and before a reader sees the records. Loses nothing. */
  | { readonly kind: 'sync' }
  /** A round at the latest `ms` after the first unflushed byte, or at `bytes` unflushed. Loses at most that window. */
  | { readonly kind: 'interval'; readonly ms: number; readonly bytes: number }
  /** The operating system writes back when it likes, as with Apache Kafka's defaults. */
  | { readonly kind: 'os' }

/** A topic's configuration, as far as the log needs it; names follow Kafka's, units last. */
export interface LogConfig {
  /** `segment.bytes`: a segment is rolled before it would exceed this. */
  readonly segmentBytes: number
  /** `segment.ms`: a segment is rolled when its first record is this old. */
  readonly segmentMs: number
  /** `retention.ms`; -1: for ever. */
  readonly retentionMs: number
  /** `retention.bytes`; -1: no limit. */
  readonly retentionBytes: number
  /** `cleanup.policy` has `delete`. */
  readonly cleanupDelete: boolean
  /** `cleanup.policy` has `compact`. */
  readonly cleanupCompact: boolean
  /** `max.message.bytes`: the largest batch taken from a client. */
  readonly maxMessageBytes: number
  /** `index.interval.bytes`: log bytes between two index entries. */
  readonly indexIntervalBytes: number
  /** `message.timestamp.type`. */
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  /** `message.timestamp.before.max.ms`: how far in the past a record's timestamp may lie. */
  readonly timestampBeforeMaxMs: number
  /** `message.timestamp.after.max.ms`: how far in the future. */
  readonly timestampAfterMaxMs: number
  /** `min.compaction.lag.ms`. */
  readonly minCompactionLagMs: number
  /** `max.compaction.lag.ms`. */
  readonly maxCompactionLagMs: number
  /** `delete.retention.ms`: how long a tombstone or a transaction marker outlives the first clean that met it. */
  readonly deleteRetentionMs: number
  /** `min.cleanable.dirty.ratio`. */
  readonly minCleanableDirtyRatio: number
}

const DAY_MS = 86_400_000

/** Apache Kafka 4.1's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  segmentBytes: 1_073_741_824,
  segmentMs: 7 * DAY_MS,
  retentionMs: 7 * DAY_MS,
  retentionBytes: -1,
  cleanupDelete: true,
  cleanupCompact: false,
  maxMessageBytes: 1_048_588,
  indexIntervalBytes: 4096,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: DAY_MS,
  minCleanableDirtyRatio: 0.5,
}

export interface PartitionId {
  /** Kafka's base64url form, 22 characters. */
  readonly topicId: string
  readonly topic: string
  readonly partition: number
}

export interface AppendOptions {
  /**
   * `client`: every check of a produce request, and refused below the free-space reserve.
   * `coordinator`: our own group and transaction coordinators: control batches are allowed, the reserve may be used.
   */
  readonly origin: 'client' | 'coordinator'
  /**
   * Called for a transactional data batch that would open a transaction here: the coordinator's word on whether the
   * partition is part of the producer's transaction. Returns the name of a Kafka error to refuse with, or `undefined`.
   */
  readonly verifyTransaction?: ((producer: { readonly producerId: number; readonly producerEpoch: number }) => string | undefined) | undefined
  /** For control batches: 2 asks that the marker's epoch be above the producer's current one (KIP-1228); default 1: at least it. */
  readonly transactionVersion?: 1 | 2 | undefined
  /** How many bytes the request's compressed batches may still become; each takes its part. */
  readonly decompression?: { bytesLeft: number } | undefined
  /** The batches of its request, whose memory they share. */
  readonly companions?: Companions | undefined
  /** Nobody waits for it: it becomes durable with whatever comes next, or a moment later. */
  readonly lazy?: boolean | undefined
}

export interface AppendResult {
  readonly baseOffset: number
  readonly lastOffset: number
  /** The time stamped on the batch; -1 unless the topic's timestamp type is LogAppendTime. Of a duplicate always the first one's, as Kafka answers. */
  readonly appendTimeMs: number
  /** The batch was here already: the offsets are those of the first append; wait for `flushed(lastOffset + 1)` all the same. */
  readonly duplicate: boolean
}

export type Isolation = 'uncommitted' | 'committed'

export interface ReadOptions {
  readonly offset: number
  readonly bytesMax: number
  readonly isolation: Isolation
  /** Return the first batch even if it alone is larger than `bytesMax`. */
  readonly minOneBatch: boolean
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface ReadResult {
  /** Whole batches as on disk; the first may begin before the asked offset. Must not be changed: it may be shared. Where it was sent it may go back to `LogManager.blocks`. */
  readonly records: Buffer
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  /** `null` for `uncommitted`. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null
}

export interface TimestampedOffset {
  readonly offset: number
  readonly timestamp: number
  /** -1 where unknown. */
  readonly leaderEpoch: number
}

/** What a partition knows of a producer, in the terms of DescribeProducers. */
export interface ProducerDescription {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: number
  /** -1: none known. */
  readonly coordinatorEpoch: number
  /** -1: no open transaction. */
  readonly currentTransactionStartOffset: number
}

/** What opening a partition found and did. */
export interface RecoveryReport {
  readonly topic: string
  readonly partition: number
  /** The last stop was clean. */
  readonly clean: boolean
  readonly segments: number
  /** Bytes of the last segment that were compared with the clean stop's checksum. */
  readonly bytesSummed: number
  /** Bytes that were gone through batch by batch: 0 after a clean stop, unless something is damaged or missing. */
  readonly bytesScanned: number
  /** Bytes of a torn tail that were cut off, 0 where none. */
  readonly bytesTruncated: number
  readonly logEndOffset: number
  /** Bytes given up under `acceptDataLoss`, kept beside the log with the suffix `.corrupt`. */
  readonly bytesLost: number
  readonly indexesRebuilt: number
  readonly durationMs: number
}
