/**
 * Fetches the assigned partitions and queues whole batches, never decoding a record.
 *
 * F1. A partition is in at most one request in flight; its data is handed out in offset order, without gaps or repeats.
 * F2. `bytesInFlightMax` bounds bytes queued, handed out and not released, and asked for. At it, nothing more is fetched.
 * F3. After `seek`, `unassign` or `assign` nothing that was fetched before is handed out any more.
 * F4. Every batch handed out has had its CRC checked. A corrupt one stops that partition with `BATCH_CORRUPT`.
 * F5. `poll` is synchronous and makes no promise; `onData` is called when it may have something again.
 */
import type { Cluster } from './cluster.ts'
import type { FetchedBatches } from './fetched-batches.ts'

export interface FetcherOptions {
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Default 64 MiB. */
  readonly bytesInFlightMax?: number | undefined
  /** Queued bytes of one partition above which it is not fetched, and the most asked for it at once. Default 4 MiB. */
  readonly bytesPerPartitionMax?: number | undefined
  /** The broker answers when it has this much, or after `waitMsMax`. Default 1. */
  readonly bytesMin?: number | undefined
  /** Default 500. */
  readonly waitMsMax?: number | undefined
  /** What to do where the wanted offset is out of range or was truncated away. Default `error`: the partition stops and `onError` is called. */
  readonly reset?: 'earliest' | 'latest' | 'error' | undefined
  /** There may be something to `poll`. Called from a socket's turn; do not work in it for long. */
  readonly onData?: (() => void) | undefined
  /** The partition has stopped; `seek` or `unassign` it. `error.detail.kafkaCode` 1 is OFFSET_OUT_OF_RANGE. */
  readonly onError?: ((topic: string, partition: number, error: Error) => void) | undefined
}

/** A start offset: a number, or resolved by asking the broker. */
export type StartOffset = number | 'earliest' | 'latest'

export interface FetchProgress {
  /** Next offset to fetch; -1 while it is being resolved. */
  readonly offsetFetched: number
  /** Each -1 until the first answer. */
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly bytesQueued: number
  readonly paused: boolean
}

export class Fetcher {
  constructor(_cluster: Cluster, _options: FetcherOptions) {}
  assign(_topic: string, _partition: number, _offset: StartOffset): void { throw new Error('being built') }
  unassign(_topic: string, _partition: number): void { throw new Error('being built') }
  seek(_topic: string, _partition: number, _offset: StartOffset): void { throw new Error('being built') }
  /** Keeps what is queued, hands out nothing and fetches nothing of this partition until `resume`. */
  pause(_topic: string, _partition: number): void { throw new Error('being built') }
  resume(_topic: string, _partition: number): void { throw new Error('being built') }
  /** The next partition's data in turn, or `undefined`. Call `release()` on it when its bytes are no longer needed. */
  poll(): FetchedBatches | undefined { throw new Error('being built') }
  progress(_topic: string, _partition: number): FetchProgress | undefined { throw new Error('being built') }
  get bytesHeld(): number { throw new Error('being built') }
  close(): Promise<void> { throw new Error('being built') }
}
