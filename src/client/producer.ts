/**
 * Producer: accumulates records in batches per partition, sends them with idempotence, and runs transactions.
 *
 * P1. Records of one partition are appended in the order of `send`, once each: sequence numbers are given when a batch
 *     first goes on the wire and stay with it over retries, reconnects and leader changes.
 * P2. `send` copies the bytes into a batch and never waits. The caller looks at `full` between slices of work and awaits `drained()`.
 * P3. A batch's buffer belongs to the socket from the first write until its answer: it is never pooled or written again.
 * P4. Transactions: after `freeze()`, sends belong to the next transaction (k+1). They stay in memory until the frozen
 *     one (k) was answered by EndTxn, so that they carry the epoch it returned. At most one transaction is frozen.
 * P5. After an error of code `FENCED` the producer is dead: make a new one. After `TXN_ABORTABLE` or any other failure of
 *     a transaction, `abort()` drops k and k+1, and `begin()` starts anew.
 */
import type { Cluster } from './cluster.ts'
import type { GroupIdentity, OffsetEntry, RecordHeader } from './types.ts'

export interface ProducerOptions {
  /** Default -1 (all in-sync replicas). 0 and 1 are refused with idempotence. */
  readonly acks?: -1 | 0 | 1 | undefined
  readonly codec?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' | undefined
  /** How long a batch that is not full waits for more. Default 0: until the current turn's work is done. */
  readonly lingerMs?: number | undefined
  /** Default 256 KiB, before compression. */
  readonly batchBytesMax?: number | undefined
  /** Bytes accumulated and unacknowledged from which on `full` is true. Default 32 MiB. */
  readonly bytesInFlightMax?: number | undefined
  /** Default true. */
  readonly idempotent?: boolean | undefined
  readonly transactionalId?: string | undefined
  /** The broker aborts a transaction open for longer. Default 60,000. */
  readonly transactionTimeoutMs?: number | undefined
  /** A record not acknowledged this long after `send` fails. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined
  /** Called for each batch acknowledged, in order per partition; `baseOffset` is -1 where the broker did not tell. */
  readonly onAck?: ((topic: string, partition: number, baseOffset: number, count: number) => void) | undefined
}

/** A frozen transaction (k). Its methods are called in the order flush, sendOffsets, then commit; any may be left out but the last. */
export interface FrozenTransaction {
  /** Resolves when every record of it is acknowledged; rejects with its first failure. */
  flush(): Promise<void>
  /** Offsets become part of the transaction. Rejects with `GROUP_ERROR` where the identity's generation is over: then `abort()`. */
  sendOffsets(group: GroupIdentity, offsets: readonly OffsetEntry[]): Promise<void>
  /** Flushes, then EndTxn(commit); resolves when it was answered, and the next transaction's records go on the wire. */
  commit(): Promise<void>
}

export class Producer {
  constructor(_cluster: Cluster, _options: ProducerOptions = {}) {}
  /** InitProducerId: fences others with the transactional id and finishes what they left. Required first with idempotence. */
  init(): Promise<void> { throw new Error('being built') }
  send(_topic: string, _partition: number, _timestamp: number, _key: Buffer | null, _value: Buffer | null, _headers?: readonly RecordHeader[]): void { throw new Error('being built') }
  /** The same with ranges of buffers; a start of -1 is null. */
  sendSlices(_topic: string, _partition: number, _timestamp: number, _keyBuffer: Buffer, _keyStart: number, _keyEnd: number,
    _valueBuffer: Buffer, _valueStart: number, _valueEnd: number, _headers?: readonly RecordHeader[]): void { throw new Error('being built') }
  /** Bytes accumulated and not yet acknowledged, of k and k+1. */
  get bytesBuffered(): number { throw new Error('being built') }
  get full(): boolean { throw new Error('being built') }
  /** Resolves when less than half of `bytesInFlightMax` is buffered. */
  drained(): Promise<void> { throw new Error('being built') }
  /** Sends everything now; resolves when all sent before the call is acknowledged, rejects with the first failure. */
  flush(): Promise<void> { throw new Error('being built') }
  /** Starts a transaction (local; the broker learns of it with the first batch). */
  begin(): void { throw new Error('being built') }
  /** Ends the open transaction's intake and starts the next one's; see P4. */
  freeze(): FrozenTransaction { throw new Error('being built') }
  /** For callers that do not overlap: of the open transaction. */
  sendOffsets(_group: GroupIdentity, _offsets: readonly OffsetEntry[]): Promise<void> { throw new Error('being built') }
  commit(): Promise<void> { throw new Error('being built') }
  /** Drops what was not sent, of k and k+1, and aborts at the broker what was. Then `begin()` again. */
  abort(): Promise<void> { throw new Error('being built') }
  /** True while nothing of the open transaction was sent or offset-committed: a commit would do nothing. */
  get transactionEmpty(): boolean { throw new Error('being built') }
  /** Flushes unless in a transaction (that is left to be aborted), then stops. */
  close(): Promise<void> { throw new Error('being built') }
}
